"""An empty log on each database, and the hands that write to it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlmodel import Session

from app import db, keys, migrate, publication
from app.config import settings
from app.ids import new_id
from app.transparency import note, service
from app.transparency.growth import Head
from tests.conftest import database_uri, point_settings
from tests.transparency.every_kind import a_row_of_every_kind

ORIGIN = "log.example/test"
TEMPLATE = ("template_sealed",)


@pytest.fixture
def log(database: str) -> str:
    """A database of each kind with an empty log; the object store is empty too."""
    return database


@pytest.fixture
def signer(data_dir) -> note.Signer:
    """The log's signer, as entry points make it."""
    return note.Signer.under(ORIGIN, keys.public_key("log"), lambda data: keys.sign("log", data))


@pytest.fixture
def log_rows(log: str) -> Callable[[int], list[str]]:
    """Record this many things that happened, committed; return their outbox ids."""

    def record(count: int) -> list[str]:
        with db.writing() as session:
            return [
                service.record(session, "decision", f"gen_{index}", {"permitted": True})
                for index in range(count)
            ]

    return record


@pytest.fixture
def run(log: str, signer: note.Signer) -> Callable[..., Head]:
    """Run the sequencer once, as the worker does."""

    def sequence(**options: object) -> Head:
        return service.sequence(reading=db.reading, writing=db.writing, signer=signer, **options)

    return sequence


@pytest.fixture
def look(log: str) -> Iterator[Session]:
    """A session that sees what is committed."""
    with db.reading() as session:
        yield session


def _sealed_rows() -> None:
    """Rows of every kind, sealed, published, and a second anchor after the first."""
    with db.writing() as session:
        a_row_of_every_kind(session)
    publication.publish_log()
    with db.writing() as session:
        service.record(session, "decision", "dec_later", {})
    publication.publish_log()
    assert publication.check_log().holds


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """Make, once for each kind of database, what `sealed` copies."""
    made: dict[str, Path] = {}

    def fill(kind: str, url: str) -> Path:
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp(f"sealed-{kind}")
            with pytest.MonkeyPatch.context() as patch:
                point_settings(patch, made[kind], url)
                keys.create_missing()
                migrate.upgrade(settings().database)
                _sealed_rows()
                db.engine().dispose()
            settings.cache_clear()
            db.engine.cache_clear()
        return made[kind]

    return fill


@pytest.fixture(params=["sqlite", "postgresql"])
def sealed(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    filled: Callable[[str, str], Path],
) -> Iterator[str]:
    """A copy of a database with rows of every kind, sealed, published and anchored twice."""
    kind, url, directory = request.param, "", tmp_path / "var"
    if kind == "sqlite":
        shutil.copytree(filled(kind, ""), directory)
        point_settings(monkeypatch, directory, "")
        yield kind
    else:
        uri, name = request.getfixturevalue("postgres"), new_id("test").lower()
        with psycopg.connect(uri, autocommit=True) as connection:
            if TEMPLATE not in connection.execute("SELECT datname FROM pg_database").fetchall():
                connection.execute(f"CREATE DATABASE {TEMPLATE[0]} TEMPLATE template_migrated")
            shutil.copytree(filled(kind, database_uri(uri, TEMPLATE[0])), directory)
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE[0]}")
        url = database_uri(uri, name)
        point_settings(monkeypatch, directory, url)
        yield kind
    db.engine().dispose()
    settings.cache_clear()
    db.engine.cache_clear()
    if url:
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
