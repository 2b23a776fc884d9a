"""What a page costs among ten thousand contracts and outputs, beside the same among a hundred.

Both installations have the same people in them, and lists that fill a page. Every page of the one
list is opened in the one and in the other in turn; what counts is the ratio within a round.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa
from sqlalchemy import Engine

from app import db, installation
from app.licensing.decisions import guard
from app.main import create_app
from tests.bench.databases import a_postgresql, forget_settings, server_time
from tests.web import crowds

# How often each group is copied, in the small and in the large one. A copy of the performers is one
# with two contracts, represented by the town's agency and licensed to its production; one of the
# outputs is five of the town's own performer. Her contracts fill a page in both: to decide about
# her, and to say what a withdrawal does, all that stand are read, here as everywhere.
COPIES = {
    "performers": (50, 5_000),
    "outputs": (20, 2_000),
    "under way": (5, 5),
    "contracts": (15, 15),
    "of each": (30, 30),
    "members": (30, 30),
}
COUNTED = ("contract", "generation", "performer", "notice", "decision")


def measure(*, rounds: int) -> dict[str, Any]:
    """Fill two databases and open every page in each in turn; ratios are medians over rounds."""
    place = os.environ.get("BENCH_DIR")
    with tempfile.TemporaryDirectory(dir=place) as directory, _apart(Path(directory)):
        town = crowds.a_town(Path(directory))
        copies = crowds.copies()
        visit = crowds.visits(create_app(), town)
        for name, (few, _) in COPIES.items():
            copies[name](few)
        engines = {"few": _beside(db.engine(), Path(directory)), "many": db.engine()}
        begun = time.perf_counter()
        for name, (few, many) in COPIES.items():
            copies[name](many - few)
        filled_s = time.perf_counter() - begun
        with _each_in_turn(engines) as use:
            found = _rounds(visit, list(town.paths), use, rounds)
        counts = {name: _counts(engine) for name, engine in engines.items()}
        engines["few"].dispose()
    by_cost = sorted(found, key=lambda name: -found[name]["processor, many / few"])
    return {
        "rows": counts,
        "filled in s": round(filled_s, 1),
        "pages, dearest first": {name: found[name] for name in by_cost},
        "worst": {by_cost[0]: found[by_cost[0]]["processor, many / few"]},
    }


def measure_on_postgresql(*, rounds: int) -> dict[str, Any]:
    """Measure the same on a PostgreSQL of its own; processor time is that of its server too."""
    before = dict(os.environ)
    with a_postgresql():
        found = measure(rounds=rounds)
    os.environ.clear()
    os.environ |= before
    forget_settings()
    return found


@contextmanager
def _apart(directory: Path) -> Iterator[None]:
    """Use an empty installation of its own, which asks no address how often it comes.

    A server's database is the one that the settings name: that one is to be empty.
    """
    before = dict(os.environ)
    os.environ["UNDERSTUDY_ORIGIN"] = "http://localhost:8000"
    os.environ["UNDERSTUDY_DATA_DIR"] = str(directory / "installation")
    for kind in ("LOOKUPS", "FILES", "ALIKE", "PERSONS"):
        os.environ[f"UNDERSTUDY_RATE_{kind}"] = ""
    forget_settings()
    installation.prepare()
    with patch.object(guard, "LOOK_EVERY_S", 10**6):  # else once a second, whoever asks
        yield
    os.environ.clear()
    os.environ |= before
    forget_settings()


def _beside(engine: Engine, directory: Path) -> Engine:
    """Open a copy of a database as it stands."""
    engine.dispose()
    if engine.dialect.name == "sqlite":
        to = directory / "few.sqlite"
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.connection.cursor().execute(f"VACUUM INTO '{to}'")
        return db.make_engine(f"sqlite:///{to}")
    whole = engine.url
    elsewhere = sa.create_engine(whole.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with elsewhere.connect() as connection:
        connection.exec_driver_sql("DROP DATABASE IF EXISTS pages_few")
        connection.exec_driver_sql(f'CREATE DATABASE pages_few TEMPLATE "{whole.database}"')
    elsewhere.dispose()
    return db.make_engine(whole.set(database="pages_few").render_as_string(hide_password=False))


@contextmanager
def _each_in_turn(engines: Mapping[str, Engine]) -> Iterator[Callable[[str], None]]:
    """Yield what points the application at one of these databases."""
    now = engines["many"]

    def use(name: str) -> None:
        nonlocal now
        now = engines[name]

    for engine in engines.values():
        if engine.dialect.name == "postgresql":  # as its own daemon does
            with engine.connect() as connection:
                connection.exec_driver_sql("ANALYZE")
                connection.commit()
    looking = lru_cache(maxsize=len(engines))(db._for_looking.__wrapped__)
    with patch.object(db, "engine", lambda: now), patch.object(db, "_for_looking", looking):
        yield use


def _rounds(
    visit: Callable[[str], Any], names: list[str], use: Callable[[str], None], rounds: int
) -> dict[str, dict[str, Any]]:
    """Open each page so often in each database; return ratios, milliseconds and bytes, by page."""
    found = {}
    server_s = server_time(db.engine())
    for name in names:
        took: dict[str, list[tuple[float, float]]] = {"few": [], "many": []}
        size_bytes = {}
        for number in range(rounds + 1):
            for which in ("few", "many") if number % 2 else ("many", "few"):
                use(which)
                begun = time.process_time() + server_s(), time.perf_counter()
                answer = visit(name)
                ended = time.process_time() + server_s(), time.perf_counter()
                size_bytes[which] = len(answer.content)
                took[which].append((ended[0] - begun[0], ended[1] - begun[1]))
        found[name] = _compared(took) | {"bytes": [size_bytes["few"], size_bytes["many"]]}
    return found


def _compared(took: Mapping[str, list[tuple[float, float]]]) -> dict[str, Any]:
    few, many = took["few"][1:], took["many"][1:]  # the first answers pay for what is kept
    ratios = [
        statistics.median(b[kind] / a[kind] for a, b in zip(few, many, strict=True))
        for kind in (0, 1)
    ]
    return {
        "processor, many / few": round(ratios[0], 2),
        "clock, many / few": round(ratios[1], 2),
        "processor, ms": [
            round(1000 * statistics.median(each[0] for each in side), 1) for side in (few, many)
        ],
    }


def _counts(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {
            table: connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
            for table in COUNTED
        }
