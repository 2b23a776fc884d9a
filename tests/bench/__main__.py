"""`make bench`: what deciding, posting, logging, signing and generating cost, beside the least.

`python -m tests.bench books log` measures these parts alone.
"""

import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from app import config, db, installation
from tests.bench import books, deciding, gateway, log, matcher, pages, signing
from tests.bench.population import Asked, a_population, crowd
from tests.bench.serving import a_server, alone, capacity, tail

FEW, MANY = 10**3, 10**6


def main() -> None:
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as directory:
        os.environ |= {
            "UNDERSTUDY_DATA_DIR": directory,
            "UNDERSTUDY_WORKER_IN_PROCESS": "false",
            "UNDERSTUDY_LOG_LEVEL": "error",
            "UNDERSTUDY_RATE_KEYS": "",
        }
        config.settings.cache_clear()
        many = int(os.environ.get("BENCH_CONTRACTS", MANY))
        installation.prepare()
        print(json.dumps(_about_the_machine(), indent=2))
        for part in sys.argv[1:] or PARTS:
            print(json.dumps({part: PARTS[part](many)}, indent=2), flush=True)


def measure(
    *, contracts: int, few: int = FEW, rounds: int = 5, lasts_s: float = 4.0
) -> dict[str, Any]:
    """Measure everything once, on the database that the settings name."""
    installation.prepare()
    in_process = deciding.measure(rounds=3 * rounds)
    asked = a_population()
    crowd(few)
    with a_server() as served:
        alone(served, asked, lasts_s=lasts_s / 4)  # the first answers pay for what is read once
        fast = capacity(served, asked, rounds=rounds, lasts_s=lasts_s)
        slow = tail(served, asked, fast["per second, median"], rounds=rounds, lasts_s=2 * lasts_s)
    return {
        "in process, ms, median": {name: round(value, 3) for name, value in in_process.items()},
        "capacity, 32 connections": fast,
        "at 70 % of its own capacity": slow,
        f"among {contracts} contracts": among_many(
            asked, contracts, few=few, rounds=rounds, lasts_s=lasts_s / 2
        ),
    }


def _about_the_machine() -> dict[str, Any]:
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}, {db.engine().dialect.name}",
        "load before, of all processes": [round(each, 2) for each in os.getloadavg()],
    }


def among_many(
    asked: Asked, contracts: int, *, few: int, rounds: int, lasts_s: float
) -> dict[str, Any]:
    """Compare the latency of the same questions before and after the crowd has come."""
    p50 = {}
    for several in (few, contracts):
        crowd(several)
        with a_server() as served:
            alone(served, asked, lasts_s=lasts_s / 2)
            measured = [alone(served, asked, lasts_s=lasts_s) for _ in range(rounds)]
        p50[several] = statistics.median(each.latency_ms(0.5) for each in measured)
    return {
        "p50 ms, one connection": {str(n): round(value, 3) for n, value in p50.items()},
        f"{contracts} / {few}": round(p50[contracts] / p50[few], 3),
    }


PARTS: dict[str, Callable[[int], dict[str, Any]]] = {
    "deciding": lambda contracts: measure(contracts=contracts),
    "books": lambda _: books.measure(rounds=5, lasts_s=3.0),
    "log": lambda _: log.measure(leaves=10**6, appended=2000, rounds=5),
    "signing": lambda _: signing.measure(rounds=10),
    "gateway": lambda _: gateway.measure(alone=20, queued=60),
    "script": lambda _: gateway.measure_script(),
    "pages": lambda _: pages.measure(rounds=11),
    "pages-postgresql": lambda _: pages.measure_on_postgresql(rounds=11),
    "matcher": lambda _: matcher.measure(templates=(FEW, MANY), searches=50),
}

if __name__ == "__main__":
    main()
