"""What an authorization costs over HTTP, beside a no-op of the same worker with the same body."""

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.bench.load import Job, Measured, load
from tests.bench.population import Asked

ROUTES = {"no-op": "/noop", "authorization": "/v1/authorizations"}


@dataclass(frozen=True)
class Served:
    """A server process under measurement."""

    port: int
    pid: int

    def job(self, asked: Asked, path: str, **options: Any) -> Job:
        """A job of one production asking about its own contract."""
        return Job(self.port, path, asked.bodies[:1], asked.api_keys[0], **options)

    def cpu_s(self) -> float | None:
        """Processor time used so far, where /proc says it."""
        try:
            with open(f"/proc/{self.pid}/stat") as file:  # noqa: PTH123
                fields = file.read().rsplit(")", 1)[1].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / 100


@contextmanager
def a_server(*words: str) -> Iterator[Served]:
    """Start the server on the database that the environment names, and end it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.server", *words], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield Served(**json.loads(process.stdout.readline()))
    finally:
        process.terminate()
        process.wait(30)


def capacity(served: Served, asked: Asked, *, rounds: int, lasts_s: float) -> dict[str, Any]:
    """Ask as fast as is answered, one kind after the other, and compare the rounds' medians."""
    per_s: dict[str, list[float]] = {name: [] for name in ROUTES}
    cpu_ms: dict[str, list[float]] = {name: [] for name in ROUTES}
    for _ in range(rounds):
        for name, path in ROUTES.items():
            before = served.cpu_s()
            measured = load(served.job(asked, path, lasts_s=lasts_s))
            _insist(measured)
            per_s[name].append(measured.per_s)
            if before is not None and (after := served.cpu_s()) is not None:
                cpu_ms[name].append((after - before) * 1e3 / measured.answered)
    median = {name: statistics.median(values) for name, values in per_s.items()}
    ratios = [a / n for a, n in zip(per_s["authorization"], per_s["no-op"], strict=True)]
    return {
        "per second, median": {name: round(value, 1) for name, value in median.items()},
        "per second, worst": {name: round(min(values), 1) for name, values in per_s.items()},
        "processor ms each, median": {
            name: round(statistics.median(values), 3) for name, values in cpu_ms.items() if values
        },
        "authorization / no-op, median": round(statistics.median(ratios), 3),
        "authorization / no-op, worst round": round(min(ratios), 3),
    }


def tail(
    served: Served, asked: Asked, per_s: dict[str, float], *, rounds: int, lasts_s: float
) -> dict[str, Any]:
    """Ask at 70 % of what each can do, and compare the slowest of a hundred."""
    p99: dict[str, list[float]] = {name: [] for name in ROUTES}
    for _ in range(rounds):
        for name, path in ROUTES.items():
            rate = 0.7 * per_s[name]
            measured = load(served.job(asked, path, lasts_s=lasts_s, per_s=rate))
            _insist(measured)
            p99[name].append(measured.latency_ms(0.99))
    median = {name: statistics.median(values) for name, values in p99.items()}
    return {
        "p99 ms, median": {name: round(value, 2) for name, value in median.items()},
        "p99 ms, worst": {name: round(max(values), 2) for name, values in p99.items()},
        "authorization / no-op": round(median["authorization"] / median["no-op"], 2),
    }


def alone(served: Served, asked: Asked, *, lasts_s: float) -> Measured:
    """Ask one after the other: latency without waiting for anybody."""
    measured = load(served.job(asked, ROUTES["authorization"], lasts_s=lasts_s, connections=1))
    _insist(measured)
    return measured


def _insist(measured: Measured) -> None:
    if measured.refused or not measured.answered:
        raise AssertionError(f"the server refused: {measured.refused[:3]}")
