"""How soon a mark was found does not show in how soon a stranger is answered."""

import asyncio
import time

import pytest

from app import config
from app.audit import evenly


@pytest.fixture
def waited(data_dir, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each answer waited, with steps of two seconds, in place of waiting."""
    waits: list[float] = []

    async def note(wait_s: float) -> None:
        waits.append(wait_s)

    monkeypatch.setattr(asyncio, "sleep", note)
    monkeypatch.setattr(config.settings(), "answer_step_s", 2.0)
    return waits


def taking(took_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([10.0, 10.0 + took_s])
    monkeypatch.setattr(evenly, "time", type("Clock", (), {"monotonic": lambda: next(ticks)}))


class TestEvenly:
    @pytest.mark.parametrize(("took_s", "whole_s"), [(0.1, 2), (1.0, 2), (1.9, 2), (2.1, 4)])
    def test_answers_after_whole_steps(self, waited, monkeypatch, took_s, whole_s):
        taking(took_s, monkeypatch)
        assert asyncio.run(evenly.evenly(lambda: "found")) == "found"
        assert took_s + waited[-1] == pytest.approx(whole_s)

    def test_a_refusal_comes_no_sooner(self, waited, monkeypatch):
        taking(0.3, monkeypatch)
        with pytest.raises(ZeroDivisionError):
            asyncio.run(evenly.evenly(lambda: 1 // 0))
        assert waited[-1] == pytest.approx(1.7)

    def test_and_does_not_wait_where_the_operator_says_so(self, waited, monkeypatch):
        monkeypatch.setattr(config.settings(), "answer_step_s", 0.0)
        before = time.monotonic()
        assert asyncio.run(evenly.evenly(lambda: before)) == before
        assert waited == []
