"""What a durable posting costs: beside a raw row, alone and shared, on one hot account and on many.

`python -m tests.bench.books` is one of several client processes: it reads a job on its standard
input, says that it is ready, waits for a line, posts, and prints how many postings stand.
"""

import asyncio
import itertools
import json
import os
import secrets
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any
from unittest.mock import patch

from sqlalchemy.pool.base import _ConnectionFairy as PoolProxiedConnection
from sqlmodel import Session

from app import commits, db, marks
from tests.books.posting import post

WRITERS, CLIENTS, SHARED = 32, 16, 32
SLOW_US = 5_000  # more for each flush: about what a spinning disk or a network's volume takes
CONTRACTS, PERFORMERS = 512, 512


def measure(*, rounds: int, lasts_s: float) -> dict[str, Any]:
    """Measure everything in turn, round by round; ratios are medians of one round's ratios."""
    with db.engine().begin() as connection:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS bench_raw (a INTEGER)")
    sqlite = db.engine().dialect.name == "sqlite"
    things = THINGS | (ON_SQLITE if sqlite else ON_POSTGRESQL)
    for thing in things.values():
        thing(lasts_s / 8)  # what is made once: contracts, terms, accounts, connections
    per_s: dict[str, list[float]] = {name: [] for name in things}
    for _ in range(rounds):
        for name, thing in things.items():
            per_s[name].append(thing(lasts_s))
    ratios = {
        f"{one} / {other}": [a / b for a, b in zip(per_s[one], per_s[other], strict=True)]
        for one, other in (RATIOS_SQLITE if sqlite else RATIOS_POSTGRESQL)
    }
    return {
        "per second, median": _each(per_s, statistics.median),
        "ratios, median": _each(ratios, statistics.median),
        "ratios, worst round": _each(ratios, min),
    }


def _each(several: dict[str, list[float]], of: Callable[[list[float]], float]) -> dict[str, float]:
    return {name: round(of(values), 3) for name, values in several.items()}


def _keys() -> Iterator[str]:
    run = secrets.token_hex(6)
    return (f"{run}-{number}" for number in itertools.count())


def _unit(key: str, *, hot: bool) -> commits.Unit[str]:
    number = int(key.rsplit("-", 1)[1])
    performer = "P1" if hot else f"P{number % PERFORMERS}"
    return post(key, contracts=CONTRACTS, performer=performer)


def raw_rows(lasts_s: float) -> float:
    """One row per durable commit, on the driver's own cursor of the same database."""
    connection = db.engine().raw_connection()
    cursor, begin = connection.cursor(), db.engine().dialect.name == "sqlite"
    done, begun = 0, time.perf_counter()
    while time.perf_counter() < begun + lasts_s:
        if begin:
            cursor.execute("BEGIN IMMEDIATE")
        cursor.execute("INSERT INTO bench_raw VALUES (1)")
        connection.commit()
        done += 1
    took_s = time.perf_counter() - begun
    connection.close()
    return done / took_s


def one_by_one(lasts_s: float, *, at_once: int = 1) -> float:
    """So many postings in each durable commit, in a bare loop of one thread."""
    keys, done, begun = _keys(), 0, time.perf_counter()
    while time.perf_counter() < begun + lasts_s:
        with Session(db.engine(), expire_on_commit=False) as session:
            for key in itertools.islice(keys, at_once):
                _unit(key, hot=True)(session)
            session.commit()
        done += at_once
    return done / (time.perf_counter() - begun)


def bare_statements(lasts_s: float) -> float:
    """What the database alone takes: the very statements of postings, run again with their values.

    Nothing is priced, made or signed meanwhile; on PostgreSQL a whole posting is one round trip,
    its commit included. No program that writes these rows under these triggers is faster.
    """
    recorded = iter(_recorded(int(600 * lasts_s) + 1))
    connection = db.engine().raw_connection()
    driver: Any = connection.driver_connection
    cursor, sqlite = connection.cursor(), db.engine().dialect.name == "sqlite"
    done, begun = 0, time.perf_counter()
    while time.perf_counter() < begun + lasts_s and (statements := next(recorded, None)):
        if sqlite:
            cursor.execute("BEGIN IMMEDIATE")
        with nullcontext() if sqlite else driver.pipeline():
            for method, text, parameters in statements:
                getattr(cursor, method)(text, parameters)
            connection.commit()
        done += 1
    took_s = time.perf_counter() - begun
    connection.close()
    return done / took_s


def _recorded(several: int) -> list[list[tuple[str, str, Any]]]:
    """Post so often, undo it, and return what each posting asked of the database."""
    asked: list[tuple[str, str, Any]] = []
    honest = PoolProxiedConnection.cursor

    def recording(self: Any, *given: Any) -> Any:
        return _Recording(honest(self, *given), asked)

    postings = []
    with patch.object(PoolProxiedConnection, "cursor", recording), Session(db.engine()) as session:
        session.connection()
        for key in itertools.islice(_keys(), several):
            asked.clear()
            _unit(key, hot=True)(session)
            marks.write_out(session.connection())
            postings.append([*asked])
        session.rollback()
    return postings


class _Recording:
    """A driver's cursor, and a note of what was asked of it."""

    def __init__(self, cursor: Any, asked: list[tuple[str, str, Any]]) -> None:
        self._cursor, self._asked = cursor, asked

    def execute(self, text: str, parameters: Any = ()) -> Any:
        self._asked.append(("execute", text, parameters))
        return self._cursor.execute(text, parameters)

    def executemany(self, text: str, parameters: Any) -> Any:
        kept = list(parameters)
        self._asked.append(("executemany", text, kept))
        return self._cursor.executemany(text, kept)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


def writers(lasts_s: float, *, several: int, hot: bool = True) -> float:
    """So many callers of the commit queue, each asking again as soon as it is acknowledged."""
    keys, queue = _keys(), commits.queue()

    async def caller(ends: float) -> int:
        done = 0
        while time.perf_counter() < ends:
            await queue.commit(_unit(next(keys), hot=hot))
            done += 1
        return done

    async def all_of_them() -> float:
        begun = time.perf_counter()
        done = await asyncio.gather(*(caller(begun + lasts_s) for _ in range(several)))
        return sum(done) / (time.perf_counter() - begun)

    return asyncio.run(all_of_them())


def clients(lasts_s: float, *, several: int, hot: bool = True, flush_us: int = 0) -> float:
    """So many connections of their own, in as many processes as there are cores.

    `flush_us` is by how much each flush of PostgreSQL's log lasts longer: whoever flushes sleeps so
    long with the log's lock held, as it would wait for a slow disk, and those who come meanwhile
    share the next flush (`commit_delay`, which only a superuser may set).
    """
    processes = min(several, os.cpu_count() or 1)
    slow = f"-c commit_delay={flush_us} -c commit_siblings=0"
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.bench.books"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | ({"PGOPTIONS": slow} if flush_us else {}),
        )
        for _ in range(processes)
    ]
    job = json.dumps({"threads": several // processes, "lasts_s": lasts_s, "hot": hot})
    for process in started:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{job}\n")
        process.stdin.flush()
        process.stdout.readline()  # ready
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return sum(float(process.communicate()[0]) for process in started)


def _client() -> None:
    job = json.loads(sys.stdin.readline())
    done: list[int] = []
    go = threading.Barrier(job["threads"] + 1)

    def work() -> None:
        keys, count = _keys(), 0
        _post_one(next(keys), hot=job["hot"])  # opens the connection
        go.wait()
        go.wait()
        ends = time.perf_counter() + job["lasts_s"]
        while time.perf_counter() < ends:
            _post_one(next(keys), hot=job["hot"])
            count += 1
        done.append(count)

    threads = [threading.Thread(target=work) for _ in range(job["threads"])]
    for thread in threads:
        thread.start()
    go.wait()
    print("ready", flush=True)
    sys.stdin.readline()
    begun = time.perf_counter()
    go.wait()
    for thread in threads:
        thread.join()
    print(sum(done) / (time.perf_counter() - begun))


def _post_one(key: str, *, hot: bool) -> None:
    with Session(db.engine(), expire_on_commit=False) as session:
        _unit(key, hot=hot)(session)
        session.commit()


def unmarked(lasts_s: float) -> float:
    """Postings one by one that leave no marks for the log to seal: what the marks cost."""
    with patch.object(marks, "adding", lambda _table, _row: None):
        return one_by_one(lasts_s)


Thing = Callable[[float], float]
THINGS: dict[str, Thing] = {
    "raw row": raw_rows,
    "posting": one_by_one,
    "posting, its bare statements": bare_statements,
    "posting, unmarked": unmarked,
}
ON_SQLITE: dict[str, Thing] = {
    "1 writer": lambda s: writers(s, several=1),
    "32 writers": lambda s: writers(s, several=WRITERS),
    "bare loop, 32 a commit": lambda s: one_by_one(s, at_once=SHARED),
    "32 writers, many accounts": lambda s: writers(s, several=WRITERS, hot=False),
}
ON_POSTGRESQL: dict[str, Thing] = {
    "1 client": lambda s: clients(s, several=1),
    "16 clients": lambda s: clients(s, several=CLIENTS),
    "16 clients, many accounts": lambda s: clients(s, several=CLIENTS, hot=False),
    "1 client, slow flush": lambda s: clients(s, several=1, flush_us=SLOW_US),
    "16 clients, slow flush": lambda s: clients(s, several=CLIENTS, flush_us=SLOW_US),
}
RATIOS_SQLITE = (
    ("posting", "raw row"),
    ("posting, its bare statements", "raw row"),
    ("posting", "posting, its bare statements"),
    ("posting", "posting, unmarked"),
    ("32 writers", "1 writer"),
    ("32 writers", "bare loop, 32 a commit"),
    ("32 writers", "32 writers, many accounts"),
)
RATIOS_POSTGRESQL = (
    ("posting", "raw row"),
    ("posting, its bare statements", "raw row"),
    ("posting", "posting, its bare statements"),
    ("posting", "posting, unmarked"),
    ("16 clients", "1 client"),
    ("16 clients", "16 clients, many accounts"),
    ("16 clients, slow flush", "1 client, slow flush"),
)

if __name__ == "__main__":
    _client()
