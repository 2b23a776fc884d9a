"""The benchmarks run and measure something; their figures are looked at by people."""

import pytest

from app import config, db
from app.ledger.check import check
from tests.bench import books, gateway, log, matcher, signing
from tests.bench.__main__ import measure


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_measures_everything_once(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_WORKER_IN_PROCESS", "false")
    monkeypatch.setenv("UNDERSTUDY_LOG_LEVEL", "error")
    config.settings.cache_clear()
    found = measure(contracts=60, few=20, rounds=1, lasts_s=0.5)
    assert found["capacity, 32 connections"]["authorization / no-op, median"] > 0
    assert found["at 70 % of its own capacity"]["authorization / no-op"] > 0
    assert found["among 60 contracts"]["60 / 20"] > 0
    assert found["in process, ms, median"]["one durable row"] > 0


@pytest.mark.slow
def test_measures_the_books_on_both_databases(database: str) -> None:
    found = books.measure(rounds=1, lasts_s=0.2)
    assert found["ratios, median"]["posting / raw row"] > 0
    with db.reading() as session:
        result = check(session)
    assert result.ok, result.first_difference
    assert result.entries > 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_measures_the_log(database: str) -> None:
    found = log.measure(leaves=1000, appended=50, rounds=1)
    assert found["proof"]["bytes"] <= 32 * 11
    assert found["append"]["logged / SHA-256"] > 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_measures_signing(database: str) -> None:
    found = signing.measure(rounds=1, film_mb=1, memory_mb=(1,))
    for kind in ("1080p JPEG", "1 MB MP4"):
        assert found[kind]["sign path / bare c2pa-python"]["median"] > 0
        assert found[kind]["ms, median"]["both verifications"] > 0
    assert found["signed per second"]["2 threads"] > 0
    assert found["peak memory, MiB"]["1 MB"]["own"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_measures_the_gateway(database: str) -> None:
    found = gateway.measure(alone=1, queued=2, lines=3)
    for kind, workers in (("sqlite", {"1 workers"}), ("postgresql", {"1 workers", "2 workers"})):
        assert found[kind]["a still, ms, median"]["gateway, but for render, mark and sign"] > 0
        assert found[kind]["stills a minute"].keys() == workers
        assert found[kind]["a script of 3 lines, s"] > 0


def test_measures_the_matcher() -> None:
    found = matcher.measure(templates=(1000,), searches=3)
    assert found["1000 templates"]["index, ms"]["median"] > 0
    assert found["1000 templates"]["over the socket, ms"]["median"] > 0
