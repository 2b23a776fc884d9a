"""An address asks only so often, whichever process it asks."""

import sqlite3
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from app import clock, config, rates

ASK = """
import sys
from limits import parse
from limits.strategies import FixedWindowRateLimiter
from pathlib import Path
from app.rates import Counters
limiter = FixedWindowRateLimiter(Counters(Path(sys.argv[1])))
print(sum(limiter.hit(parse("100/hour"), "files", "somebody") for _ in range(200)))
"""


@pytest.fixture
def rate(data_dir: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    def set_to(text: str) -> None:
        monkeypatch.setattr(config.settings(), "rate_lookups", text)

    return set_to


def passed(times: int, host: str = "192.0.2.1", kind: rates.Kind = "lookups") -> int:
    done = 0
    for _ in range(times):
        try:
            rates.take(kind, host)
        except rates.TooManyRequests:
            continue
        done += 1
    return done


class TestTake:
    def test_lets_as_many_pass_as_the_rate_says_and_each_address_its_own(self, rate):
        rate("3/minute")
        assert passed(5) == 3
        assert passed(5, "192.0.2.2") == 3
        assert passed(5, "::ffff:192.0.2.1") == 0

    def test_the_strictest_of_several_rates_counts(self, rate):
        rate("3/minute;5/hour")
        assert passed(5) == 3

    def test_a_window_ends_and_what_it_held_is_forgotten(self, rate, data_dir, monkeypatch):
        rate("3/minute")
        passed(5)
        later = clock.now() + timedelta(seconds=61)
        monkeypatch.setattr(clock, "now", lambda: later)
        assert passed(1, "192.0.2.9") == 1  # a window begins: those that ended go
        with sqlite3.connect(data_dir / rates.FILE) as connection:
            (names,) = zip(*connection.execute("SELECT name FROM rate_window"), strict=True)
        assert not [name for name in names if "192.0.2.1/" in name]
        assert passed(5) == 3

    def test_says_how_long_to_wait(self, rate):
        rate("1/minute")
        passed(1)
        with pytest.raises(rates.TooManyRequests) as refused:
            rates.take("lookups", "192.0.2.1")
        assert 1 <= refused.value.extra["retry_after_s"] <= 60

    def test_without_a_rate_nobody_is_refused(self, rate):
        rate("")
        assert passed(500) == 500

    def test_where_nothing_can_be_counted_nobody_is_refused(self, rate, monkeypatch):
        rate("1/minute")

        def full(*_args: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(rates.Counters, "_run", full)
        assert passed(3) == 3

    def test_two_processes_share_one_rate(self, data_dir):
        asking = [
            subprocess.Popen(
                [sys.executable, "-c", ASK, str(data_dir / rates.FILE)],
                stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent,
            )
            for _ in range(2)
        ]  # fmt: skip
        assert sum(int(process.communicate(timeout=120)[0]) for process in asking) == 100


class TestAddressOf:
    @pytest.mark.parametrize(
        ("host", "counted"),
        [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("fe80::1%eth0", "fe80::/64"),
            ("", "unknown"),
            ("testclient", "testclient"),
        ],
    )
    def test_counts_an_ipv6_customer_once(self, host, counted):
        assert rates.address_of(host) == counted


def test_a_wrong_rate_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_RATE_FILES", "often")
    with pytest.raises(ValidationError, match="often"):
        config.Settings()


class TestPeople:
    def test_are_counted_one_by_one_whatever_process_they_ask(self, data_dir, monkeypatch):
        monkeypatch.setattr(config.settings(), "rate_people", "3/minute")
        for person in ("psn_1", "psn_2"):
            for _ in range(3):
                rates.take_of_person(person)
            rates._shares.clear()  # another process knows of the counters only
            with pytest.raises(rates.TooManyRequests, match="one person may ask"):
                rates.take_of_person(person)
