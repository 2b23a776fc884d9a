"""Who is dead is told by silence, heard by one who was awake; two never take over from one."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlmodel import Session

from app import config, db, heartbeat, jobs
from app.heartbeat import BEAT_S, DEAD_AFTER_S, Watch, WorkerBeat, beat, claim_dead


def _hear(watch: Watch, *, own_beats_s: list[float], other: dict[float, int]) -> list[float]:
    """Let a watcher look at these moments; return those at which it holds the other one dead."""
    number, found = 1, []
    for now_s in own_beats_s:
        number = other.get(now_s, number)
        if watch.dead({"self": int(now_s), "other": number}, now_s):
            found.append(now_s)
    return found


class TestWatch:
    def test_finds_dead_who_fell_silent_and_within_30_s(self) -> None:
        looks = [BEAT_S * i for i in range(20)]
        beating = {look: i for i, look in enumerate(looks) if look <= 12}
        found = _hear(Watch("self"), own_beats_s=looks, other=beating)
        assert found[0] == 12 + DEAD_AFTER_S
        assert DEAD_AFTER_S + 2 * BEAT_S < 30  # one beat before, one look after

    def test_never_finds_dead_who_beats_however_slowly_or_started_anew(self) -> None:
        looks = [BEAT_S * i for i in range(40)]
        slowly = {look: 100 - i for i, look in enumerate(looks) if i % 4 == 0}
        assert _hear(Watch("self"), own_beats_s=looks, other=slowly) == []

    def test_takes_no_sleep_of_its_own_for_the_silence_of_others(self) -> None:
        looks = [0.0, BEAT_S, 2 * BEAT_S, 600.0, 600 + BEAT_S]
        assert _hear(Watch("self"), own_beats_s=looks, other={}) == []

    def test_never_finds_itself(self) -> None:
        watch = Watch("self")
        looks = [BEAT_S * i for i in range(20)]
        assert not any(watch.dead({"self": 1}, look) for look in looks)


class TestClaimDead:
    def test_is_refused_for_one_that_beat_again_or_was_taken_over(self, session: Session) -> None:
        assert beat(session, "a") == {"a": 1}
        assert beat(session, "b") == {"a": 1, "b": 1}
        beat(session, "b")
        assert claim_dead(session, "b", 1) is None
        row = claim_dead(session, "b", 2)
        assert row is not None
        session.delete(row)
        session.flush()
        assert claim_dead(session, "b", 2) is None
        assert beat(session, "b") == {"a": 1, "b": 1}

    def test_is_given_to_one_of_two_that_ask_at_once(self, database: str) -> None:
        with db.writing() as session:
            beat(session, "dead")
        taken: list[str] = []
        both = threading.Barrier(2)

        def ask(name: str) -> None:
            both.wait()
            with db.writing() as session:
                row = heartbeat.claim_dead(session, "dead", 1)
                if row is not None:
                    taken.append(name)
                    time.sleep(0.05)
                    session.delete(row)

        threads = [threading.Thread(target=ask, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(taken) == 1
        with db.reading() as session:
            assert session.get(WorkerBeat, "dead") is None


class TestTakeOver:
    def test_goes_on_after_the_last_finished_stage_and_nothing_does_without_it(
        self, data_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told: list[str] = []
        let_go = threading.Event()

        def first(_: str) -> bool:
            told.append("first")
            return True

        def second(_: str) -> bool:
            told.append("second")
            return let_go.wait(20)

        def launch_as(name: str) -> None:
            monkeypatch.setattr(config.settings(), "worker_id", name)
            jobs.launch("tale", [first, second], lambda *_: False)

        launch_as("dead")
        jobs.start("tale", "gen_1")
        _until(lambda: told == ["first", "second"])
        jobs.stop()
        launch_as("living")
        try:
            time.sleep(0.6)  # three looks of its queue: by itself it never hears of the story
            assert told == ["first", "second"]
            assert jobs.take_over("someone-else") == []
            assert jobs.take_over("dead") == ["gen_1"]
            _until(lambda: told == ["first", "second", "second"])
            assert jobs.take_over("dead") == []
        finally:
            let_go.set()
            jobs.stop()


def _until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
