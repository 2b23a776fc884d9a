"""What the consequences of a withdrawal promise is what happens after it."""

import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session

from app import clock, db
from app.gateway import handing_out, pipeline
from app.gateway.errors import OutputNotReleased
from app.gateway.models import Generation
from app.gateway.withdrawal import Consequences, consequences
from app.licensing.contracts import service as licensing
from app.licensing.contracts.models import Contract
from app.licensing.errors import ContractAlreadyWithdrawn, ContractNotFound
from tests import scenes

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
ENDINGS = list(
    itertools.product(("stop_now", "finish_in_flight", "notice_period"), ("keep", "remove"))
)
A_MOMENT = timedelta(seconds=1)


class Clock:
    """Stands still, and is moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def set(self, at: datetime) -> None:
        self._monkeypatch.setattr(clock, "now", lambda: at)


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def _a_contract(wind_down: str, existing_outputs: str) -> scenes.Scene:
    def ending(document: dict[str, Any]) -> None:
        document["revocation"] |= {
            "wind_down": wind_down,
            "notice_days": 10 if wind_down == "notice_period" else 0,
            "existing_outputs": existing_outputs,
            "removal_days": 5,
        }
        document["exclusivity"] = {"category": "cola", "holdback_days": 3}
        document["grant"]["quota"] = {"max_seconds": 1000}

    with db.writing() as session:
        scene = scenes.offered(session, scenes.a_scene(session, signed=False), ending)
        scenes.sign(session, scene)
    return scene


def _asked(scene: scenes.Scene) -> str:
    with db.writing() as session:
        decision, generation = scene.ask(session)
        assert generation is not None, decision.codes
        generation.state, generation.output_sha256 = "signed", "0" * 64
        generation.output_key = "generations/none"
    return generation.id


def _consequences(session: Session, scene: scenes.Scene) -> Consequences:
    return consequences(session, scene.desk.organization.id, scene.contract.id)


def _withdraw(scene: scenes.Scene) -> None:
    with db.writing() as session:
        contract = session.get_one(Contract, scene.contract.id)
        licensing.withdraw_contract(session, contract, scene.desk.organization.id)


def _state(generation_id: str) -> str:
    with db.reading() as session:
        return session.get_one(Generation, generation_id).state


def _is_shown(generation_id: str) -> bool:
    with db.reading() as session:
        try:
            handing_out.check_handing_out(session, session.get_one(Generation, generation_id))
        except OutputNotReleased:
            return False
        return True


def _new_use(scene: scenes.Scene) -> list[str]:
    with db.writing() as session:
        return scene.ask(session)[0].codes


@ONE_DATABASE
class TestConsequences:
    @pytest.mark.parametrize(("wind_down", "existing_outputs"), ENDINGS)
    def test_come_as_they_were_promised(
        self, database: str, hand: Clock, wind_down: str, existing_outputs: str
    ) -> None:
        scene = _a_contract(wind_down, existing_outputs)
        finished, now_or_never, late = _asked(scene), _asked(scene), _asked(scene)
        pipeline.release(finished)
        at = clock.now() + A_MOMENT
        hand.set(at)
        with db.reading() as session:
            told = _consequences(session, scene)
        _withdraw(scene)

        # 1. What stops and what finishes, and until when.
        flying = {each.generation.id: each for each in told.in_flight}
        assert set(flying) == {now_or_never, late}
        assert {each.finishes for each in told.in_flight} == {wind_down != "stop_now"}
        until_at = flying[late].until_at
        assert (until_at is not None) == (wind_down != "stop_now")  # a notice, or else the term
        pipeline.release(now_or_never)
        assert (_state(now_or_never) == "released") == flying[now_or_never].finishes

        # 2. New uses.
        if told.new_uses_end_at > at:
            hand.set(told.new_uses_end_at - A_MOMENT)
            assert _new_use(scene) == []
        hand.set(told.new_uses_end_at)
        assert _new_use(scene) == ["REVOKED"]

        # 3. What comes down, and when.
        (output,) = told.outputs
        assert output.generation.id == finished
        assert (output.comes_down_at is None) == (existing_outputs == "keep")
        if output.comes_down_at is None:
            hand.set(at + timedelta(days=100))
            assert _is_shown(finished)
        else:
            hand.set(output.comes_down_at - A_MOMENT)
            assert _is_shown(finished)
            hand.set(output.comes_down_at)
            assert not _is_shown(finished)

        # 4. What was to finish by an instant and did not is refused.
        if until_at is not None:
            hand.set(until_at)
            pipeline.release(late)
            with db.reading() as session:
                reason = session.get_one(Generation, late).reason
            codes = "REVOKED" if wind_down == "notice_period" else "AFTER_TERM"
            assert (_state(late), reason) == ("refused", codes)

    def test_free_exclusives_and_void_what_is_held(self, database: str, hand: Clock) -> None:
        scene = _a_contract("stop_now", "keep")
        stopped = [_asked(scene) for _ in range(2)]
        hand.set(clock.now() + A_MOMENT)
        with db.reading() as session:
            told = _consequences(session, scene)
        (freed,) = told.freed
        assert (freed.category, freed.until_at) == ("cola", told.snapshot_at)
        ((currency, minor, seconds),) = told.voided
        assert (currency, minor, seconds) == ("EUR", 2 * 5 * 1250, 10)
        _withdraw(scene)
        for generation_id in stopped:
            pipeline.release(generation_id)
            assert _state(generation_id) == "refused"

    def test_asking_changes_nothing(self, database: str) -> None:
        scene = _a_contract("stop_now", "remove")
        generation_id = _asked(scene)
        with db.writing() as session:
            _consequences(session, scene)
        with db.reading() as session:
            assert session.get_one(Contract, scene.contract.id).withdrawn_at is None
        pipeline.release(generation_id)
        assert _state(generation_id) == "released"

    def test_are_for_the_performers_side(self, database: str) -> None:
        scene = _a_contract("stop_now", "keep")
        with db.reading() as session:
            for party in (scene.production, scene.agency):  # who enrolled nobody speaks for nobody
                with pytest.raises(ContractNotFound):
                    consequences(session, party.organization.id, scene.contract.id)
        _withdraw(scene)
        with db.reading() as session, pytest.raises(ContractAlreadyWithdrawn):
            _consequences(session, scene)

    def test_the_rules_are_asked_and_not_repeated(
        self, database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The planted fault: a look that does not suppose the withdrawal promises nothing."""
        scene = _a_contract("stop_now", "keep")
        _asked(scene)
        monkeypatch.setattr(
            "app.gateway.withdrawal._Hypothesis._withdrawn", lambda _self, contract: contract
        )
        with db.reading() as session, pytest.raises(ValueError, match="a defect"):
            _consequences(session, scene)
