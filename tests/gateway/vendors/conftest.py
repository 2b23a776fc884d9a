"""A fake of the vendors, a clock that goes on by itself, and a scene under a contract."""

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo

import pytest

from app import clock, config
from app.gateway.generators import wire
from app.gateway.generators.catalogue import VENDORS
from tests.providers.running import Fake, a_fake


@pytest.fixture(autouse=True)
def _prices_are_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand for the operator's documents, where vendors publish no price."""
    unpriced = [each.model for v in VENDORS for each in v.capabilities() if each.price is None]
    stated = ";".join(f"{model}=0.10 USD per film, 2026-11-20, a test" for model in unpriced)
    monkeypatch.setenv("UNDERSTUDY_VENDOR_PRICES", stated)
    config.settings.cache_clear()


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
