"""What somebody would try who wants a likeness without consent, a clip without paying, or a loss.

Each story goes through the doors that production uses; the render itself is skipped where it does
not matter, so that hundreds of races can be run.
"""

import dataclasses
import random
import threading
import time
from collections.abc import Callable

import pytest
from sqlmodel import Session, col, select

from app import db
from app.demo import cast
from app.gateway import pipeline
from app.gateway.models import Generation
from app.ledger import service as ledger
from app.ledger.check import check
from app.ledger.models import Hold, JournalEntry
from app.licensing.contracts import service as licensing
from app.licensing.contracts.models import Contract
from app.licensing.decisions import under_lock
from app.registry import service as registry
from app.registry.models import Performer
from tests import scenes

pytestmark = pytest.mark.xdist_group("flows")
RACES = 100  # on each database


def _ready_to_release(session: Session, scene: scenes.Scene, **changes: str) -> Generation:
    """Ask, and stand where the signed file waits for its release."""
    decision, generation = scene.ask(session, **changes)
    assert generation is not None, decision.codes
    generation.state, generation.output_sha256 = "signed", "0" * 64
    session.flush()
    return generation


def _together(*acts: Callable[[], object]) -> None:
    """Run the acts in threads that begin at one moment; what one raises is raised here."""
    gate, failures = threading.Barrier(len(acts)), []

    def run(act: Callable[[], object]) -> None:
        try:
            gate.wait()
            act()
        except Exception as error:  # noqa: BLE001  raised again below, in the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _race(seed: int) -> tuple[Generation, Contract]:
    """Let a withdrawal and a release meet, a few milliseconds apart as the seed says."""
    dice = random.Random(seed)
    with db.writing() as session:
        scene = scenes.a_scene(session)
        generation_id = _ready_to_release(session, scene, length_s="2").id
    before_release, before_withdrawal, thinking = (dice.uniform(0, 0.012) for _ in range(3))

    def withdraw() -> None:
        time.sleep(before_withdrawal)
        with db.writing() as session:
            contract = session.get_one(Contract, scene.contract.id)
            licensing.withdraw_contract(session, contract, scene.desk.organization.id)
            time.sleep(thinking)

    def release() -> None:
        time.sleep(before_release)
        pipeline.release(generation_id)

    _together(withdraw, release)
    with db.reading() as session:
        return (
            session.get_one(Generation, generation_id),
            session.get_one(Contract, scene.contract.id),
        )


def _released_too_late(races: int) -> list[int]:
    """Return the seeds of the races in which something was released after the withdrawal."""
    late = []
    for seed in range(races):
        generation, contract = _race(seed)
        assert contract.withdrawn_at is not None
        assert generation.state in {"released", "refused"}
        if generation.released_at is not None and generation.released_at > contract.withdrawn_at:
            late.append(seed)
    return late


@pytest.fixture
def scene(database: str) -> scenes.Scene:
    with db.writing() as session:
        return scenes.a_scene(session, quota={"max_seconds": 100_000})


class TestWithdrawalRacesRelease:
    def test_nothing_is_released_after_a_withdrawal(self, database: str) -> None:
        assert _released_too_late(RACES) == []
        with db.reading() as session:
            released = session.exec(
                select(Generation.id).where(Generation.state == "released")
            ).all()
            paid = session.exec(select(JournalEntry.generation_id)).all()
            assert sorted(paid) == sorted(released)
            assert not session.exec(select(Hold).where(Hold.state == "placed")).all()
            assert check(session).ok

    @pytest.mark.slow
    @pytest.mark.parametrize("database", ["postgresql"], indirect=True)
    def test_without_the_lock_the_race_is_lost(
        self, database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def only_look(session: Session, performers: tuple[str, ...]) -> list[Contract]:
            theirs = select(Contract).where(col(Contract.performer_id).in_(performers))
            return list(session.exec(theirs))

        monkeypatch.setattr(under_lock, "lock_contracts", only_look)
        assert _released_too_late(RACES)

    def test_a_request_that_waited_for_the_lock_is_decided_when_it_has_it(
        self, scene: scenes.Scene
    ) -> None:
        with db.writing() as session:
            session.get_one(Performer, scene.performer.id, with_for_update=True)
            contract = session.get_one(Contract, scene.contract.id)
            waiting_since = time.monotonic()
            answers: list[str] = []

            def ask() -> None:
                with db.writing() as other:
                    answers.append(scene.ask(other)[0].outcome)

            asking = threading.Thread(target=ask)
            asking.start()
            time.sleep(0.3)
            licensing.withdraw_contract(session, contract, scene.desk.organization.id)
        asking.join()
        assert time.monotonic() - waiting_since >= 0.3
        assert answers == ["deny"]


class TestPauseActsAtRelease:
    def test_nothing_is_released_after_a_pause(self, scene: scenes.Scene) -> None:
        for seed in range(RACES // 4):
            dice = random.Random(seed)
            with db.writing() as session:
                registry.resume(session, session.get_one(Performer, scene.performer.id))
            with db.writing() as session:
                generation_id = _ready_to_release(session, scene, length_s="2").id
            waits = [dice.uniform(0, 0.012) for _ in range(3)]
            _together(
                lambda waits=waits: _pause(scene, *waits[:2]),
                lambda generation_id=generation_id, waits=waits: (
                    time.sleep(waits[2]),
                    pipeline.release(generation_id),
                ),
            )
            with db.reading() as session:
                paused_at = session.get_one(Performer, scene.performer.id).paused_at
                released_at = session.get_one(Generation, generation_id).released_at
            assert paused_at is not None
            assert released_at is None or released_at <= paused_at, seed

    def test_a_paused_performer_s_render_is_refused_and_its_hold_let_go(
        self, scene: scenes.Scene
    ) -> None:
        with db.writing() as session:
            generation = _ready_to_release(session, scene)
        with db.writing() as session:
            registry.pause(session, session.get_one(Performer, scene.performer.id))
        pipeline.release(generation.id)
        with db.reading() as session:
            found = session.get_one(Generation, generation.id)
            assert (found.state, found.reason) == ("refused", "CONTRACT_SUSPENDED")
            holds = session.exec(select(Hold).where(Hold.generation_id == generation.id)).all()
        assert [hold.state for hold in holds] == ["voided"]


def _another_contract(
    session: Session, scene: scenes.Scene, *, sign: bool = True, **grant: object
) -> Contract:
    """Put a second contract between the same two, with another grant."""
    document = cast.contract_document(
        scene.performer.id,
        "The Girl",
        scene.production.organization.id,
        scene.agency.organization.id,
    )
    document["grant"] |= {"quota": {"max_seconds": 300}, **grant}
    organization_id = scene.production.organization.id
    contract = licensing.offer_contract(session, organization_id, document)
    if sign:
        scenes.sign(session, dataclasses.replace(scene, contract=contract))
    return contract


def _pause(scene: scenes.Scene, before_s: float, thinking_s: float) -> None:
    time.sleep(before_s)
    with db.writing() as session:
        registry.pause(session, session.get_one(Performer, scene.performer.id))
        time.sleep(thinking_s)


class TestTwoContractsOfOneLicensee:
    def test_the_one_that_permits_is_held_and_paid(self, scene: scenes.Scene) -> None:
        with db.writing() as session:
            other = _another_contract(session, scene, territories={"include": ["JP"]})
            generation = _ready_to_release(session, scene, territories=("JP",))
        pipeline.release(generation.id)
        with db.reading() as session:
            holds = session.exec(select(Hold)).all()
            assert [(hold.contract_id, hold.state) for hold in holds] == [(other.id, "captured")]

    def test_another_contract_does_not_release_what_the_withdrawn_one_permitted(
        self, scene: scenes.Scene
    ) -> None:
        with db.writing() as session:
            generation = _ready_to_release(session, scene)
            _another_contract(session, scene)
        with db.writing() as session:
            contract = session.get_one(Contract, scene.contract.id)
            licensing.withdraw_contract(session, contract, scene.desk.organization.id)
        pipeline.release(generation.id)
        with db.reading() as session:
            found = session.get_one(Generation, generation.id)
            assert (found.state, found.reason) == ("refused", "REVOKED")


class TestQuotaOfRenders:
    def test_counts_what_is_held_and_what_was_used(self, session: Session) -> None:
        scene = scenes.a_scene(session, quota={"max_seconds": 1000, "max_renders": 2})
        first = _ready_to_release(session, scene)
        session.commit()
        pipeline.release(first.id)  # one used
        _, second = scene.ask(session)  # one held
        assert second is not None
        decision, third = scene.ask(session)
        assert third is None
        assert decision.codes == ["QUOTA_EXCEEDED"]

    def test_a_reversed_use_is_given_back(self, session: Session) -> None:
        scene = scenes.a_scene(session, quota={"max_seconds": 1000, "max_renders": 1})
        first = _ready_to_release(session, scene)
        session.commit()
        pipeline.release(first.id)
        assert scene.ask(session)[0].codes == ["QUOTA_EXCEEDED"]
        ledger.reverse_entry(session, session.exec(select(JournalEntry)).one(), reason="unusable")
        assert scene.ask(session)[0].outcome == "permit"
