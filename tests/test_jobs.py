"""A story goes on: through outages, after giving up failed, after its queue was lost."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from app import config, db, jobs

Stage = Callable[[str], bool]


@pytest.fixture
def launch(data_dir: Path) -> Iterator[Callable[..., None]]:
    """Start this process as a worker of a story, as often as the test wants."""

    def start(stages: list[Stage], give_up: jobs.GiveUp) -> None:
        jobs.stop()
        jobs.launch("tale", stages, give_up)

    yield start
    jobs.stop()


def _until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def _no_database() -> sa.exc.OperationalError:
    return sa.exc.OperationalError("SELECT 1", {}, Exception("the server closed the connection"))


class TestOutage:
    def test_is_a_locked_database_too_and_what_its_driver_says_itself(
        self, data_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(jobs, "OUTAGE_WAIT_S", 0.01)
        engine = db.make_engine(f"sqlite:///{data_dir / 'locked.sqlite'}")
        sa.event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout=1"))
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE t (a)")
        other = sqlite3.connect(data_dir / "locked.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        tries = []

        def stage(_subject: str) -> bool:
            tries.append(1)
            if len(tries) == 3:
                other.execute("ROLLBACK")
            if len(tries) == 4:
                raise sqlite3.OperationalError("disk I/O error")
            with engine.begin():
                return True

        assert jobs._through_outages(stage, "gen_1") is True
        assert len(tries) == 3
        assert jobs._through_outages(stage, "gen_1") is True
        assert len(tries) == 5

    def test_is_waited_through_however_many_tries_it_takes(
        self, launch: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(jobs, "OUTAGE_WAIT_S", 0.01)
        tries, given_up = [], []

        def stage(subject_id: str) -> bool:
            tries.append(subject_id)
            if len(tries) < 8:
                raise _no_database()
            return False

        launch([stage], lambda *words: bool(given_up.append(words)))
        jobs.start("tale", "gen_1")
        _until(lambda: len(tries) == 8)
        assert given_up == []

    def test_that_lasts_too_long_is_a_failed_try(
        self, launch: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(jobs, "OUTAGE_S", 0.0)
        given_up: list[tuple[str, str]] = []

        def stage(_: str) -> bool:
            raise _no_database()

        def give_up(subject_id: str, name: str) -> bool:
            given_up.append((subject_id, name))
            return False

        launch([stage], give_up)
        jobs.start("tale", "gen_1")
        _until(lambda: given_up)
        assert given_up == [("gen_1", "stage")]


class TestStoryThatBrokeOff:
    def test_begins_anew_when_it_is_started_again(self, launch: Callable[..., None]) -> None:
        finished: list[str] = []

        def fails(*_: str) -> bool:
            raise ValueError("always")

        def works(subject_id: str) -> bool:
            finished.append(subject_id)
            return False

        works.__name__ = fails.__name__
        launch([fails], fails)
        jobs.start("tale", "gen_1")
        _until(lambda: jobs.DBOS.get_workflow_status("gen_1").status == "ERROR")
        launch([works], works)
        jobs.start("tale", "gen_1")
        _until(lambda: finished)
        time.sleep(0.5)
        assert finished == ["gen_1"]

    def test_is_taken_up_by_an_empty_queue(self, launch: Callable[..., None]) -> None:
        seen: list[str] = []
        launch([lambda subject_id: bool(seen.append(subject_id))], lambda *_: False)
        jobs.start("tale", "gen_1")
        _until(lambda: seen == ["gen_1"])
        jobs.stop()
        for path in config.settings().data_dir.glob("jobs.sqlite*"):
            path.unlink()
        launch([lambda subject_id: bool(seen.append(subject_id))], lambda *_: False)
        jobs.start("tale", "gen_1")
        _until(lambda: seen == ["gen_1", "gen_1"])
