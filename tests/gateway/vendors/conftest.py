"""A fake of the vendors, a clock that goes on by itself, and a scene under a contract."""

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo

import pytest

from app import clock
from app.gateway.generators import wire
from tests.providers.running import Fake, a_fake


@pytest.fixture(scope="session")
def running_fake() -> Iterator[Fake]:
    with a_fake() as fake:
        yield fake


@pytest.fixture
def fake(running_fake: Fake) -> Fake:
    running_fake.reset()
    wire._breakers.clear()
    return running_fake


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody waits: each pause moves the clock instead, and is noted."""
    taken: list[float] = []

    class Moved:  # beneath `clock.now`, which rows took as their default before this
        @staticmethod
        def now(zone: tzinfo) -> datetime:
            return datetime.now(zone) + timedelta(seconds=sum(taken))

    monkeypatch.setattr(wire, "pause", taken.append)
    monkeypatch.setattr(clock, "datetime", Moved)
    return taken
