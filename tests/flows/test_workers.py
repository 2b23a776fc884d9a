"""Two worker processes over PostgreSQL: what a killed one was doing, the other one finishes."""

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from app import db, installation
from app.gateway.models import FINAL, Generation
from app.ledger.check import check
from app.ledger.models import JournalEntry
from app.registry.service import Portrait
from tests.flows import instant
from tests.scenes import a_scene

Start = Callable[..., subprocess.Popen[bytes]]
Workers = Callable[[str], subprocess.Popen[bytes]]
MANY = int(os.environ.get("WORKER_GENERATIONS", "200"))
KILL_EVERY_S = 15
pytestmark = [
    pytest.mark.xdist_group("flows"),
    pytest.mark.parametrize("database", ["postgresql"], indirect=True),
]
UNDER_WAY = sa.text(
    "SELECT workflow_uuid FROM dbos.workflow_status WHERE status = 'PENDING'"
    " AND executor_id = :worker"
)


@pytest.fixture
def workers(
    database: str,
    instant_generator: instant.InstantGenerator,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Workers]:
    """Start a worker process under a name; whatever lives at the end is killed."""
    running = []

    def start_worker(name: str) -> subprocess.Popen[bytes]:
        monkeypatch.setenv("UNDERSTUDY_WORKER_ID", name)
        running.append(start("tests.flows.living_worker"))
        return running[-1]

    yield start_worker
    for process in running:
        process.kill()
        if process.stdout is not None and not process.stdout.closed:  # else it was seen off before
            process.communicate()


def _permitted(seen: Portrait, many: int) -> list[str]:
    installation.prepare()
    ids = []
    with db.writing() as session:
        # As much as all of them take: the contract of other stories has 40 s.
        scene = a_scene(
            session, seen=seen, generator=instant.MODEL, quota={"max_seconds": 2 * many}
        )
        for _ in range(many):
            _, generation = scene.ask(
                session, generator=instant.MODEL, length_s=instant.LENGTH_S, size=instant.SIZE
            )
            assert generation is not None
            ids.append(generation.id)
    return ids


def _permitted_stills(seen: Portrait, many: int) -> list[str]:
    installation.prepare()
    with db.writing() as session:
        scene = instant.a_scene_of_stills(session, seen)
        return [instant.ask_for_still(session, scene) for _ in range(many)]


def _under_way(worker: str) -> list[str]:
    with db.reading() as session:
        if session.execute(sa.text("SELECT to_regclass('dbos.workflow_status')")).scalar() is None:
            return []  # no worker has made its tables yet
        return list(session.execute(UNDER_WAY, {"worker": worker}).scalars())


def _states(ids: list[str]) -> Counter[str]:
    with db.reading() as session:
        chosen = select(Generation.state).where(col(Generation.id).in_(ids))
        return Counter(session.exec(chosen).all())


def _all_ended(ids: list[str]) -> bool:
    return set(_states(ids)) <= FINAL


def _check_books(ids: list[str], jobs: Path) -> None:
    with db.reading() as session:
        paid = session.exec(select(JournalEntry.generation_id)).all()
        assert check(session).ok
    assert sorted(paid) == sorted(ids)  # one entry each, none twice
    assert sorted(job.name for job in jobs.iterdir()) == sorted(ids)  # one job per intent


@pytest.mark.slow
@pytest.mark.timeout(600)
class TestAKilledWorker:
    def test_is_taken_over_from_within_30_s(
        self, workers: Workers, seen: Portrait, tmp_path: Path
    ) -> None:
        ids = _permitted(seen, 6)
        dying, _ = workers("dying"), workers("living")
        _until(lambda: _under_way("dying") and _under_way("living"), 90)
        dying.kill()
        dying.wait()
        left, killed_at = _under_way("dying"), time.monotonic()
        assert left
        _until(lambda: not _under_way("dying"), 30)
        print(f"taken over {len(left)} after {time.monotonic() - killed_at:.1f} s")
        _until(lambda: _all_ended(ids), 300)
        assert _states(ids) == {"released": 6}
        _check_books(ids, tmp_path / "jobs")

    def test_leaves_its_generations_lying_where_nobody_takes_over(
        self, workers: Workers, seen: Portrait, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REAPER", "off")  # the planted fault
        ids = _permitted(seen, 3)
        dying = workers("dying")
        _until(lambda: _under_way("dying"), 90)
        dying.kill()
        dying.wait()
        left = _under_way("dying")
        workers("living")
        _until(lambda: sum(_states(ids)[state] for state in FINAL) >= 3 - len(left), 120)
        time.sleep(30)
        assert _under_way("dying") == left
        assert not _all_ended(left)


@pytest.mark.exhaustive
@pytest.mark.timeout(7200)
class TestAWorkerKilledEvery15Seconds:
    def test_all_stills_finish_and_the_books_balance(
        self, workers: Workers, seen: Portrait, tmp_path: Path
    ) -> None:
        ids = _permitted_stills(seen, MANY)
        lives = {name: workers(name) for name in ("one", "two")}
        kills, began = 0, time.monotonic()
        while not _all_ended(ids):
            time.sleep(KILL_EVERY_S)
            name = ("one", "two")[kills % 2]
            os.kill(lives[name].pid, signal.SIGKILL)
            lives[name].communicate()
            lives[name] = workers(name)
            kills += 1
            print(f"{time.monotonic() - began:.0f} s, {kills} kills: {dict(_states(ids))}")
        assert _states(ids) == {"released": MANY}
        _check_books(ids, tmp_path / "jobs")


def _until(happened: Callable[[], object], limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)
