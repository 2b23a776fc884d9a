"""No more money is bound by a standing offer than it says, whoever accepts it."""

from typing import Any

import pytest
from sqlmodel import Session, select

from app.gateway import pipeline
from app.ledger.models import Hold
from app.licensing.errors import (
    StandingOfferSpent,
)
from app.licensing.standing import acceptance
from tests.licensing.standing_offers import (
    accepted,
    an_open_offer,
    another,
    asked,
)
from tests.scenes import Scene, a_scene

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def scene(session: Session) -> Scene:
    """A performer and a production without a contract between them."""
    return a_scene(session, signed=False)


class TestMoney:
    """Five seconds cost 62.50 EUR."""

    def test_all_contracts_together_hold_no_more_than_the_cap(
        self, session: Session, scene: Scene
    ) -> None:
        offer = an_open_offer(session, scene, caps={"executions": 5, "fees_minor": 12_500})
        others = [scene.production, another(session), another(session)]
        for party in others:
            accepted(session, offer, party)
        session.commit()
        assert asked(session, scene, others[0])[0].outcome == "permit"
        assert asked(session, scene, others[1])[0].outcome == "permit"
        session.commit()
        assert acceptance.fees_bound(session, offer) == 12_500
        with pytest.raises(StandingOfferSpent):
            asked(session, scene, others[2])
        session.rollback()
        assert held(session) == 12_500
        with pytest.raises(StandingOfferSpent):  # nobody is sold what they could not use
            accepted(session, offer, another(session))

    @ONE_DATABASE
    def test_what_is_let_go_of_is_there_again(self, session: Session, scene: Scene) -> None:
        offer = an_open_offer(session, scene, caps={"executions": 5, "fees_minor": 6_250})
        other = another(session)
        for party in (scene.production, other):
            accepted(session, offer, party)
        _, generation = scene.ask(session)
        with pytest.raises(StandingOfferSpent):
            asked(session, scene, other)
        pipeline.ledger.void_hold(session, generation.id, reason="test")  # type: ignore[union-attr]
        assert asked(session, scene, other)[0].outcome == "permit"

    @ONE_DATABASE
    def test_a_gateway_that_does_not_ask_is_found(
        self, session: Session, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        offer = an_open_offer(session, scene, caps={"executions": 5, "fees_minor": 6_250})
        other = another(session)
        for party in (scene.production, other):
            accepted(session, offer, party)
        monkeypatch.setattr(acceptance, "check_fees", lambda *_, **__: None)
        for party in (scene.production, other):
            asked(session, scene, party)
        with pytest.raises(AssertionError):
            assert held(session) <= 6_250

    @ONE_DATABASE
    def test_a_dearer_tier_reached_meanwhile_does_not_go_beyond_it(
        self, session: Session, scene: Scene
    ) -> None:
        tiers = {"model": "tiered_marginal", "tiers": [["6", "100"], [None, "900"]]}
        offer = an_open_offer(
            session,
            scene,
            lambda said: priced(said["terms"]["compensation"], tiers),
            caps={"executions": 1, "fees_minor": 1_000},
        )
        accepted(session, offer, scene.production)
        both = [scene.ask(session)[1] for _ in range(2)]  # each held at 500: all the offer allows
        for generation in both:
            assert generation is not None
            generation.state = "signed"
            session.add(generation)
        session.commit()
        for generation in both:
            pipeline.release(generation.id)  # type: ignore[union-attr]
        session.expire_all()
        assert [each.state for each in both] == ["released", "refused"]  # type: ignore[union-attr]
        assert acceptance.fees_bound(session, offer) == 500

    @ONE_DATABASE
    def test_a_contract_of_one_s_own_is_no_matter_of_the_offer(self, session: Session) -> None:
        scene = a_scene(session)
        offer = an_open_offer(session, scene, caps={"executions": 5, "fees_minor": 1})
        assert scene.ask(session)[0].outcome == "permit"
        assert acceptance.fees_bound(session, offer) == 0


def priced(compensation: dict[str, Any], rates: dict[str, Any]) -> None:
    del compensation["rate_minor"]
    compensation.update(rates)


def held(session: Session) -> int:
    return sum(session.exec(select(Hold.amount_minor).where(Hold.state == "placed")))
