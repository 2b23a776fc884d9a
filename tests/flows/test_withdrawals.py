"""Withdrawal against release, at once: nothing is released after a withdrawal is acknowledged."""

import os
import random
import threading
import time
from collections import Counter
from threading import Event

import pytest
from sqlmodel import Session

from app import db
from app.gateway import pipeline
from app.gateway.models import Generation
from app.ledger.check import check
from app.licensing.contracts import service as licensing
from app.licensing.contracts.models import Contract
from app.licensing.decisions import service as decisions
from app.licensing.decisions.models import Decision
from tests import scenes
from tests.flows.rewinding import Rewind

ROUNDS = int(os.environ.get("WITHDRAWAL_ROUNDS", "10000"))
SEED, READY = int(os.environ.get("WITHDRAWAL_SEED", "2")), 50


def _ready(session: Session) -> tuple[scenes.Scene, str]:
    """Have a generation stand right before its release, under a contract of its own."""
    scene = scenes.a_scene(session)
    _, generation = scene.ask(session)
    assert generation is not None
    generation.state, generation.output_sha256 = "signed", "0" * 64
    return scene, generation.id


def _state(generation_id: str) -> str:
    with db.reading() as session:
        return session.get_one(Generation, generation_id).state


def _withdraw(scene: scenes.Scene, generation_id: str) -> str:
    """Withdraw, and return how far the generation is once that is acknowledged."""
    with db.writing() as session:
        contract = session.get_one(Contract, scene.contract.id)
        licensing.withdraw_contract(session, contract, scene.desk.organization.id)
    return _state(generation_id)


def _race(scene: scenes.Scene, generation_id: str, lead_s: float) -> tuple[str, str]:
    """Withdraw and release at once; return the state at the acknowledgment, and at the end.

    `lead_s` is how long before the withdrawal the release begins, or (-) after.
    """
    both = threading.Barrier(2)

    def release() -> None:
        both.wait()
        time.sleep(max(0.0, -lead_s))
        pipeline.release(generation_id)

    thread = threading.Thread(target=release)
    thread.start()
    both.wait()
    time.sleep(max(0.0, lead_s))
    acknowledged = _withdraw(scene, generation_id)
    thread.join()
    return acknowledged, _state(generation_id)


def _play(rounds: int, seed: int, *, ready: int) -> Counter[tuple[str, str]]:
    """Play so many interleavings; the lead wanders to where both outcomes are as likely.

    So many contracts are `ready` with a generation each; once all are used, the database is put
    back to how they stood, after a check of the books.
    """
    fates, lead_s, seen = random.Random(seed), 0.0, Counter[tuple[str, str]]()
    with db.writing() as session:
        scenes_ready = [_ready(session) for _ in range(ready)]
    rewind = Rewind()
    for number in range(1, rounds + 1):
        scene, generation_id = scenes_ready[number % ready]
        found = _race(scene, generation_id, lead_s + fates.uniform(-0.004, 0.004))
        lead_s += 0.001 if found[1] == "refused" else -0.001
        seen[found] += 1
        if number % ready == 0:
            print(f"{number} of {rounds}: {dict(seen)}", flush=True)
            _check(seen)
            rewind.back()
    return seen


def _check(seen: Counter[tuple[str, str]]) -> None:
    assert {ended for _, ended in seen} <= {"released", "refused"}
    late = {found: n for found, n in seen.items() if found[1] == "released" != found[0]}
    assert not late, f"released after the acknowledgment: {late}"
    with db.reading() as session:
        assert check(session).ok


class TestWithdrawalAndRelease:
    @pytest.mark.parametrize("database", ["postgresql"], indirect=True)
    def test_at_once_release_nothing_after_the_acknowledgment(self, database: str) -> None:
        _check(_play(6, seed=1, ready=4))

    @pytest.mark.exhaustive
    @pytest.mark.timeout(4 * 3600)
    def test_10000_times_release_nothing_after_the_acknowledgment(self, database: str) -> None:
        seen = _play(ROUNDS, seed=SEED, ready=READY)
        print(f"{database}, seed {SEED}: {dict(seen)}")
        _check(seen)
        assert {ended for _, ended in seen} == {"released", "refused"}

    @pytest.mark.parametrize("database", ["postgresql"], indirect=True)
    def test_a_decision_that_was_taken_before_the_lock_is_noticed(
        self, database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Planted fault: the release goes by what was decided in a transaction before its own."""
        plain, decided, acknowledged = decisions.decide_release, Event(), Event()

        def decide_before(_: Session, decision_id: str, **words: object) -> Decision:
            with Session(db.engine(), expire_on_commit=False) as apart:
                found = plain(apart, decision_id, **words)  # type: ignore[arg-type]
                apart.expunge(found)  # as it was decided; its record is not kept
                apart.rollback()
            decided.set()
            acknowledged.wait(10)
            return found

        monkeypatch.setattr(decisions, "decide_release", decide_before)
        with db.writing() as session:
            scene, generation_id = _ready(session)
        thread = threading.Thread(target=pipeline.release, args=(generation_id,))
        thread.start()
        assert decided.wait(10)
        before = _withdraw(scene, generation_id)
        acknowledged.set()
        thread.join()
        with pytest.raises(AssertionError, match="after the acknowledgment"):
            _check(Counter({(before, _state(generation_id)): 1}))
