"""An empty log on each database, and the hands that write to it."""

from collections.abc import Callable, Iterator

import pytest
from sqlmodel import Session

from app import db, keys
from app.transparency import note, service
from app.transparency.growth import Head

ORIGIN = "log.example/test"


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
