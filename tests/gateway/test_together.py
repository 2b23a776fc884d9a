"""A scene with two performers: what stops one of them during the render stops it for both."""

import dataclasses
from collections.abc import Callable
from decimal import Decimal

import pytest
from sqlmodel import Session, select

from app import clock, db
from app.gateway import pipeline, service, stops
from app.gateway.generators import Capability, catalogue
from app.gateway.models import Generation
from app.ledger import service as ledger
from app.ledger.check import check
from app.ledger.models import Hold, JournalEntry
from app.licensing.contracts import service as licensing
from app.licensing.contracts.models import Contract
from app.licensing.deciding.inputs import UseRequest
from app.registry import service as registry
from app.registry.models import Performer
from tests import scenes
from tests.licensing import unions

PAIR = Capability(
    "local/puppet-1", "video", (1, 10), frozenset({(1280, 720)}), (1, 4), 200, True, False
)
Act = Callable[[Session, scenes.Scene], object]


@pytest.fixture
def scene(database: str, monkeypatch: pytest.MonkeyPatch) -> scenes.Scene:
    monkeypatch.setattr(catalogue, "find", lambda _model: (None, PAIR))
    with db.writing() as session:
        return scenes.a_scene(session)


def _rendered(scene: scenes.Scene) -> tuple[scenes.Scene, str, unions.People]:
    """Have a scene of two permitted and rendered; return the second one, and her union."""
    with db.writing() as session:
        union = unions.a_union(session)
        other = scenes.a_scene(session, signed=False)
        second = scenes.offered(
            session,
            dataclasses.replace(other, production=scene.production),
            lambda document: document.update(strike_policy={"agreements": [unions.AGREEMENT]}),
        )
        scenes.sign(session, second)
        replicas = (scene.replica.id, second.replica.id)
        asked = service.Asked(replicas, PAIR.model, "We hold.", Decimal(5), (1280, 720))
        organization_id = scene.production.organization.id
        use = UseRequest(
            action="generate",
            requester_org=organization_id,
            performers=(),
            at=clock.now(),
            project="NIGHTGLASS",
            purpose="film_scene",
            medium="svod",
            territories=("DE",),
            languages=("en",),
            modalities=("face",),
            tags=(),
            generator=PAIR.model,
            seconds=Decimal(5),
        )
        decision, generation = service.request_generation(session, organization_id, asked, use)
        assert generation is not None, decision.codes
        generation.state, generation.output_sha256 = "signed", "0" * 64
    return second, generation.id, union


def _withdraw(session: Session, second: scenes.Scene) -> None:
    contract = session.get_one(Contract, second.contract.id)
    licensing.withdraw_contract(session, contract, second.desk.organization.id)


def _pause(session: Session, second: scenes.Scene) -> None:
    registry.pause(session, session.get_one(Performer, second.performer.id))


def _stop(session: Session, second: scenes.Scene) -> None:
    stops.stop(session, "performer", second.performer.id, reason="a test")


def _lose_the_hold(session: Session, second: scenes.Scene) -> None:
    hold = session.exec(select(Hold).where(Hold.contract_id == second.contract.id)).one()
    ledger.void_hold(session, hold.generation_id, hold.contract_id, reason="it ran out")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestTheOtherOne:
    @pytest.mark.parametrize("act", [_withdraw, _pause, _stop, _lose_the_hold])
    def test_stops_the_release_for_both_and_nobody_is_paid(
        self, scene: scenes.Scene, act: Act
    ) -> None:
        second, generation_id, _ = _rendered(scene)
        with db.writing() as session:
            act(session, second)
        assert _released(generation_id) == ("refused", {"voided"}, 0)

    def test_is_under_a_strike_and_both_stop(self, scene: scenes.Scene) -> None:
        _, generation_id, union = _rendered(scene)
        with db.writing() as session:
            unions.a_strike(session, union)
        assert _released(generation_id) == ("refused", {"voided"}, 0)

    def test_stands_by_it_and_both_are_paid(self, scene: scenes.Scene) -> None:
        _, generation_id, _ = _rendered(scene)
        assert _released(generation_id) == ("released", {"captured"}, 2)


def _released(generation_id: str) -> tuple[str, set[str], int]:
    """Bring it to its release; return how it ended, its holds, and how many were paid."""
    pipeline.release(generation_id)
    with db.reading() as session:
        holds = session.exec(select(Hold.state).where(Hold.generation_id == generation_id)).all()
        assert len(holds) == 2
        paid = session.exec(select(JournalEntry)).all()
        assert check(session).ok
        return session.get_one(Generation, generation_id).state, set(holds), len(paid)
