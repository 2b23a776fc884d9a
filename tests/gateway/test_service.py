"""Requests and links, as somebody would try who wants more than was agreed."""

import dataclasses
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session, select

from app import clock
from app.errors import AppError, BadRequest
from app.gateway import handing_out, service
from app.gateway.errors import LinkExpired, OutputNotReleased
from app.gateway.generators import Capability, catalogue
from app.gateway.models import Generation, GenerationReplica
from app.ledger.models import Hold
from app.licensing.contracts import service as licensing
from app.licensing.deciding.inputs import UseRequest
from app.licensing.decisions.models import Decision
from app.licensing.errors import ContractInvalid
from app.registry import service as registry
from tests import scenes


def _with(session: Session, scene: scenes.Scene, change: scenes.Change) -> scenes.Scene:
    """Offer and sign a changed document; return the scene of that contract."""
    changed = scenes.offered(session, scene, change)
    scenes.sign(session, changed)
    return changed


def _released(session: Session, scene: scenes.Scene) -> Generation:
    _, generation = scene.ask(session)
    assert generation is not None
    generation.state, generation.output_key = "released", "generations/x/signed.mp4"
    session.flush()
    return generation


def _parts(link: str) -> tuple[int, str]:
    query = dict(part.split("=") for part in link.split("?")[1].split("&"))
    return int(query["expires"]), query["seal"]


class TestOpenLink:
    def test_opens_what_it_was_made_for_and_nothing_else(self, session: Session) -> None:
        scene = scenes.a_scene(session)
        one, other = _released(session, scene), _released(session, scene)
        link = handing_out.download_link(one, expires_at=clock.now() + timedelta(seconds=60))
        expires, seal = _parts(link)
        assert handing_out.open_link(session, one.id, expires, seal) is one
        for generation_id, until, sealed in (
            (other.id, expires, seal),
            (one.id, expires + 1, seal),
            (one.id, expires, seal[:-1]),
            (one.id, expires, "\u00e9" * 64),
        ):
            with pytest.raises(LinkExpired):
                handing_out.open_link(session, generation_id, until, sealed)

    def test_does_not_open_after_its_minute(self, session: Session) -> None:
        generation = _released(session, scenes.a_scene(session))
        link = handing_out.download_link(generation, expires_at=clock.now() - timedelta(seconds=2))
        with pytest.raises(LinkExpired):
            handing_out.open_link(session, generation.id, *_parts(link))

    @pytest.mark.parametrize("state", ["held", "signed", "refused", "quarantined", "failed"])
    def test_does_not_open_what_is_not_released(self, session: Session, state: str) -> None:
        generation = _released(session, scenes.a_scene(session))
        link = handing_out.download_link(generation, expires_at=clock.now() + timedelta(seconds=60))
        generation.state = state
        session.flush()
        with pytest.raises(OutputNotReleased):
            handing_out.open_link(session, generation.id, *_parts(link))

    @pytest.mark.parametrize(("removal_days", "opens"), [(0, False), (3, True)])
    def test_does_not_open_what_had_to_come_down_after_a_withdrawal(
        self, session: Session, removal_days: int, opens: bool
    ) -> None:
        change = {"existing_outputs": "remove", "removal_days": removal_days}
        scene = _with(
            session,
            scenes.a_scene(session, signed=False),
            lambda document: document["revocation"].update(change),
        )
        generation = _released(session, scene)
        link = handing_out.download_link(generation, expires_at=clock.now() + timedelta(seconds=60))
        licensing.withdraw_contract(session, scene.contract, scene.desk.organization.id)
        if opens:
            assert handing_out.open_link(session, generation.id, *_parts(link)) is generation
        else:
            with pytest.raises(OutputNotReleased):
                handing_out.open_link(session, generation.id, *_parts(link))

    def test_opens_after_a_withdrawal_where_finished_work_may_stay(self, session: Session) -> None:
        scene = scenes.a_scene(session)
        generation = _released(session, scene)
        link = handing_out.download_link(generation, expires_at=clock.now() + timedelta(seconds=60))
        licensing.withdraw_contract(session, scene.contract, scene.desk.organization.id)
        assert handing_out.open_link(session, generation.id, *_parts(link)) is generation


class TestSeveralPerformers:
    @pytest.fixture
    def together(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A generator that takes two portraits."""
        pair = Capability(
            "local/puppet-1", "video", (1, 10), frozenset({(1280, 720)}), (1, 4), 200, True, False
        )
        monkeypatch.setattr(catalogue, "find", lambda _model: (None, pair))

    def _ask(
        self, session: Session, scene: scenes.Scene, *replicas: str
    ) -> tuple[Decision, Generation | None]:
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
            generator="local/puppet-1",
            seconds=Decimal(5),
        )
        asked = service.Asked(replicas, "local/puppet-1", "We hold.", Decimal(5), (1280, 720))
        return service.request_generation(session, organization_id, asked, use)

    def _second(self, session: Session, scene: scenes.Scene, *, signs: bool) -> scenes.Scene:
        """Enroll somebody else and have them contract with the same production."""
        other = scenes.a_scene(session, signed=False)
        second = dataclasses.replace(other, production=scene.production)
        return _with(session, second, lambda _: None) if signs else second

    def test_all_are_held_each_under_a_contract_of_their_own(
        self, session: Session, together: None
    ) -> None:
        scene = scenes.a_scene(session)
        second = self._second(session, scene, signs=True)
        _, generation = self._ask(session, scene, scene.replica.id, second.replica.id)
        assert generation is not None
        holds = session.exec(select(Hold)).all()
        contracts = {scene.contract.id, second.contract.id}
        assert {hold.contract_id for hold in holds} == contracts
        assert len(holds) == 2
        members = session.exec(select(GenerationReplica)).all()
        assert {(m.performer_id, m.contract_id) for m in members} == {
            (scene.performer.id, scene.contract.id),
            (second.performer.id, second.contract.id),
        }

    def test_one_who_did_not_consent_stops_all_and_says_no_more_than_that(
        self, session: Session, together: None
    ) -> None:
        scene = scenes.a_scene(session)
        second = self._second(session, scene, signs=False)
        decision, generation = self._ask(session, scene, scene.replica.id, second.replica.id)
        assert generation is None
        assert session.exec(select(Hold)).all() == []
        assert decision.codes == ["LICENSEE_MISMATCH"]
        assert decision.shown_codes == ["CONTRACT_NOT_FOUND"]
        assert "MISMATCH" not in str(decision.explanations)

    def test_the_same_performer_twice_is_refused(self, session: Session, together: None) -> None:
        scene = scenes.a_scene(session)
        with pytest.raises(AppError):
            self._ask(session, scene, scene.replica.id, scene.replica.id)


class TestLengthAndPrice:
    @pytest.mark.parametrize("length_s", ["2.0005", "4.9999999"])
    def test_a_length_finer_than_a_millisecond_is_refused(
        self, session: Session, length_s: str
    ) -> None:
        scene = scenes.a_scene(session)
        with pytest.raises(BadRequest):
            scene.ask(session, length_s=length_s)

    def test_quota_hold_and_price_are_of_the_same_milliseconds(self, session: Session) -> None:
        scene = scenes.a_scene(session, quota={"max_seconds": 4.002})
        _, generation = scene.ask(session, length_s="2.001")
        assert generation is not None
        hold = session.exec(select(Hold)).one()
        assert (generation.length_ms, hold.length_us) == (2001, 2_001_000)
        assert hold.amount_minor == 2501  # 2.001 s at 12.50 EUR: 2501.25 minor units
        assert scene.ask(session, length_s="2.002")[0].codes == ["QUOTA_EXCEEDED"]
        assert scene.ask(session, length_s="2.001")[0].outcome == "permit"

    @pytest.mark.parametrize(
        "pay",
        [
            None,
            {"model": "interest", "annual_rate": "0.08"},
            {"model": "per_line", "rate_minor": "100"},
            {"model": "day_equivalent", "pro_rata_daily_minor": "1", "minimum_daily_minor": "1"},
            {"model": "per_second", "rate_minor": "100", "payout_currency": "USD"},
            {"model": "per_second", "rate_minor": "999999999999999"},
        ],
    )
    def test_pay_that_prices_no_render_is_refused_when_asked(
        self, session: Session, pay: dict[str, str] | None
    ) -> None:
        def change(document: dict[str, Any]) -> None:
            parties = document["compensation"]["parties"]
            document["compensation"] = pay and {"currency": "EUR", "parties": parties, **pay}

        scene = _with(session, scenes.a_scene(session, signed=False), change)
        with pytest.raises(AppError) as refused:
            scene.ask(session)
        assert refused.value.status in {409, 422}

    def test_weights_that_are_all_zero_are_refused_when_offered(self, session: Session) -> None:
        scene = scenes.a_scene(session, signed=False)
        with pytest.raises(ContractInvalid):
            _with(
                session,
                scene,
                lambda d: d["compensation"]["parties"][0].update(weight="0"),
            )


class TestHoldThatRanOut:
    def test_gives_its_seconds_back_to_whoever_asks_next(self, session: Session) -> None:
        scene = scenes.a_scene(session, quota={"max_seconds": 5})
        scene.ask(session)
        assert scene.ask(session)[0].codes == ["QUOTA_EXCEEDED"]
        hold = session.exec(select(Hold)).one()
        hold.expires_at = _just_now()
        session.flush()
        assert scene.ask(session)[0].outcome == "permit"


class TestPausedPerformer:
    def test_is_in_nothing_new(self, session: Session) -> None:
        scene = scenes.a_scene(session)
        registry.pause(session, scene.performer)
        decision, generation = scene.ask(session)
        assert (decision.codes, generation) == (["CONTRACT_SUSPENDED"], None)


def _just_now() -> datetime:
    return clock.now() - timedelta(microseconds=1)
