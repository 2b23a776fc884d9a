"""The database: one engine per process, and the two ways to open a session.

SQLite takes write locks at BEGIN (a reader that turns writer half way may fail), checks foreign
keys and flushes every commit to disk; PostgreSQL is used as it comes, and told who only looks.
"""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine, event
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session

from app import marks
from app.config import settings

PING_AFTER_S = 2.0
# For tables of small rows that every posting writes: on SQLite, one tree by key, not two.
BY_KEY = {"sqlite_with_rowid": False}


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant in both databases; a naive one is refused before it is stored."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} is naive; instants come from clock.now()")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """A JSON value: JSONB on PostgreSQL, text on SQLite."""

    impl = sa.JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        kind = postgresql.JSONB() if dialect.name == "postgresql" else sa.JSON()
        return dialect.type_descriptor(kind)


def has_word(session: Session, column: Any, word: str) -> sa.ColumnElement[bool]:
    """Whether a column of JSON holds a list of texts with this one, asked in the database.

    PostgreSQL counts how often a word stands in its JSON; in text it would take it for rare.
    """
    if session.get_bind().dialect.name == "postgresql":
        found: sa.ColumnElement[bool] = sa.type_coerce(column, postgresql.JSONB).has_key(word)
        return found
    return sa.cast(column, sa.Text).contains(f'"{word}"', autoescape=True)


def make_engine(url: str) -> Engine:
    """Open a database; on SQLite also set WAL, foreign keys, full sync and explicit BEGIN.

    Errors name the statement and never its parameters: those are lines of script, and names.
    """
    if not url.startswith("sqlite"):
        engine = sa.create_engine(url, json_serializer=_json, hide_parameters=True)
        _ping_after_a_pause(engine)
        marks.listen(engine)
        return engine
    engine = sa.create_engine(
        url,
        json_serializer=_json,
        hide_parameters=True,
        connect_args={"timeout": 30, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # SQLAlchemy's own BEGIN below, not sqlite3's
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "wal_autocheckpoint=8000",  # 32 MB: pages written again and again are moved once
            "foreign_keys=ON",
            "recursive_triggers=ON",
            "busy_timeout=30000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: sa.Connection) -> None:
        kind = connection.get_execution_options().get("sqlite_begin", "IMMEDIATE")
        try:
            connection.connection.cursor().execute(f"BEGIN {kind}")
        except sqlite3.OperationalError as error:  # a lock nobody lets go of
            raise sa.exc.OperationalError(f"BEGIN {kind}", None, error) from error

    engine.dialect.do_savepoint = _savepoint  # type: ignore[method-assign]
    engine.dialect.do_release_savepoint = _release_savepoint  # type: ignore[method-assign]
    marks.listen(engine)
    return engine


def _savepoint(connection: sa.Connection, name: str) -> None:
    """Begin a savepoint by the driver's own cursor: every unit of a shared commit has one."""
    connection.connection.cursor().execute(f"SAVEPOINT {name}")


def _release_savepoint(connection: sa.Connection, name: str) -> None:
    connection.connection.cursor().execute(f"RELEASE SAVEPOINT {name}")


def _ping_after_a_pause(engine: Engine) -> None:
    """Try a connection that nobody has used for a while; one that is in use says itself if it died.

    The pool then opens another, as with SQLAlchemy's own `pool_pre_ping`, which asks each time.
    """

    @event.listens_for(engine, "checkin")
    def _rests(_driver: Any, record: Any) -> None:
        record.info["rests_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _ping(driver: Any, record: Any, _pooled: object) -> None:
        if time.monotonic() - record.info.get("rests_since", time.monotonic()) < PING_AFTER_S:
            return
        try:
            engine.dialect.do_ping(driver)
        except engine.dialect.loaded_dbapi.Error as error:
            raise sa.exc.DisconnectionError("the connection had died") from error


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


def file_of(url: str) -> Path | None:
    """Return the file of an SQLite database; None for any other."""
    found = sa.make_url(url)
    if found.get_backend_name() != "sqlite" or not found.database:
        return None
    return Path(found.database)


@lru_cache
def engine() -> Engine:
    """Return this process's engine; tests call `engine.cache_clear()`."""
    if settings().database.startswith("sqlite"):
        settings().data_dir.mkdir(parents=True, exist_ok=True)
    return make_engine(settings().database)


@contextmanager
def writing() -> Iterator[Session]:
    """One transaction that commits on success and rolls back on any exception."""
    with Session(engine(), expire_on_commit=False) as session:
        yield session
        session.commit()


@contextmanager
def reading() -> Iterator[Session]:
    """A session that sees one snapshot, takes no lock and never commits.

    What it loaded stays readable afterwards. PostgreSQL refuses to write in it, and to lock rows.
    """
    with Session(_for_looking(engine()), expire_on_commit=False) as session:
        yield session


@lru_cache(maxsize=1)
def _for_looking(engine: Engine) -> Engine:
    """The same connections, whose transactions begin otherwise: said in BEGIN, which costs nothing.

    Made once: SQLAlchemy keeps listeners for each engine that has an isolation level of its own.
    """
    if engine.dialect.name == "sqlite":
        return engine.execution_options(sqlite_begin="DEFERRED")
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
