"""The benchmarks run and measure something; their figures are looked at by people."""

import pytest

from app import config
from tests.bench.__main__ import measure


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
