"""How often one address, key or person may ask: counters every process of this machine shares.

`limits` reads the rates and keeps the windows. What it counts in is a small SQLite file of its own
in the data directory, whatever the database is: a stranger's question must not wait for, nor hold
up, whoever writes evidence (decision 0022). Nothing in it is evidence; deleting it forgives all.
"""

import ipaddress
import math
import sqlite3
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import structlog
from limits import RateLimitItem, parse_many
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from app import clock
from app.config import settings
from app.errors import AppError

Kind = Literal["lookups", "files"]
FILE = "rates.sqlite"
logger = structlog.get_logger()


class TooManyRequests(AppError):
    """Whoever asks did so too often; wait as long as `Retry-After` says, then ask again."""

    status, code = 429, "too-many-requests"


def take(kind: Kind, host: str) -> None:
    """Count one request of an address against every rate of its kind. Raises TooManyRequests.

    `lookups` are cheap; `files` start a sandbox or compare with every output. Where the counters
    cannot be written, nobody is refused: they guard capacity, not evidence.
    """
    text = settings().rate_files if kind == "files" else settings().rate_lookups
    _take_at_once(kind, address_of(host), text, "this address")


def take_of_key(key_id: str) -> None:
    """Count one request of an API key against `UNDERSTUDY_RATE_KEYS`. Raises TooManyRequests."""
    _take_of("keys", key_id, settings().rate_keys, "this API key")


def take_of_person(person_id: str) -> None:
    """Count one page or form of a person against `UNDERSTUDY_RATE_PEOPLE`. Raises TooManyRequests.

    Whatever browsers and sessions they have, and whatever organizations they are in, count as one.
    """
    _take_of("people", person_id, settings().rate_people, "one person")


def take_enrollment(organization_id: str) -> None:
    """Count one enrollment of a house, or one answer to a live check, against
    `UNDERSTUDY_RATE_ENROLLMENTS`.

    Whatever keys it has. Asked before the portrait is read: each is looked for in the sandbox, and
    searched for among everybody who allows it. Raises TooManyRequests.
    """
    _take_at_once("enrollments", organization_id, settings().rate_enrollments, "one house")


def _take_at_once(kind: str, id_: str, text: str, who: str) -> None:
    counters = _limiter(settings().data_dir)
    for rate in _rates(text):
        try:
            if counters.hit(rate, kind, id_):
                continue
            ends_at = counters.get_window_stats(rate, kind, id_).reset_time
        except sqlite3.Error as error:
            logger.warning("requests are not counted", reason=str(error))
            return
        wait_s = max(1, math.ceil(ends_at - clock.now().timestamp()))
        raise TooManyRequests(
            f"{who} may ask {rate}; ask again in {wait_s} s", retry_after_s=wait_s
        )


def _take_of(kind: str, id_: str, text: str, who: str) -> None:
    """Count one request of somebody who is known.

    Each process takes a hundredth of the rate from the shared counters at once, and counts that by
    itself: somebody may be refused a hundredth early for each process, and is never let in late.
    """
    now = clock.now().timestamp()
    for rate in _rates(text):
        share = _shares.get((rate, kind, id_))
        if share is not None and now < share.ends_at and share.left > 0:
            share.left -= 1
            continue
        _take_share(rate, kind, id_, who, now)


@dataclass
class _Share:
    """What this process may still let in, of one key or person in one window."""

    left: int
    ends_at: float


_shares: dict[tuple[RateLimitItem, str, str], _Share] = {}
SHARES_MOST = 4096


def _take_share(rate: RateLimitItem, kind: str, id_: str, who: str, now: float) -> None:
    counters, size = _limiter(settings().data_dir), max(1, rate.amount // 100)
    try:
        taken = counters.hit(rate, kind, id_, cost=size)
        ends_at = counters.get_window_stats(rate, kind, id_).reset_time
    except sqlite3.Error as error:
        logger.warning("requests are not counted", reason=str(error))
        return
    if not taken:
        wait_s = max(1, math.ceil(ends_at - now))
        raise TooManyRequests(
            f"{who} may ask {rate}; ask again in {wait_s} s", retry_after_s=wait_s
        )
    if len(_shares) >= SHARES_MOST:
        _shares.clear()
    _shares[rate, kind, id_] = _Share(size - 1, ends_at)


def address_of(host: str) -> str:
    """Return whom a host counts as: an IPv4 address, or the /64 that one IPv6 customer has."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host or "unknown"
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))


@lru_cache
def _rates(text: str) -> tuple[RateLimitItem, ...]:
    return tuple(parse_many(text)) if text else ()


@lru_cache
def _limiter(data_dir: Path) -> FixedWindowRateLimiter:
    return FixedWindowRateLimiter(Counters(data_dir / FILE))


class Counters(Storage):
    """What `limits` counts in: one row for each window that has begun and not ended.

    Not flushed to disk: after a power cut everybody begins anew. A row goes when a later window
    begins, so addresses are not kept for longer than they count.
    """

    STORAGE_SCHEME = None
    base_exceptions = sqlite3.Error

    def __init__(self, path: Path) -> None:
        super().__init__()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = Lock()
        self._connection = sqlite3.connect(
            path, timeout=2, isolation_level=None, check_same_thread=False
        )
        for pragma in ("journal_mode=WAL", "synchronous=OFF"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS rate_window"
            " (name TEXT PRIMARY KEY, hits INTEGER NOT NULL, ends_at REAL NOT NULL) WITHOUT ROWID"
        )

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count, in a window that begins with its first request; return how many there were."""
        now = clock.now().timestamp()
        hits: int
        ((hits,),) = self._run(
            "INSERT INTO rate_window VALUES (:key, :amount, :ends_at)"
            " ON CONFLICT (name) DO UPDATE SET"
            " hits = CASE WHEN ends_at <= :now THEN :amount ELSE hits + :amount END,"
            " ends_at = CASE WHEN ends_at <= :now THEN :ends_at ELSE ends_at END"
            " RETURNING hits",
            {"key": key, "amount": amount, "now": now, "ends_at": now + expiry},
        )
        if hits == amount:  # a window begins: those that ended are forgotten
            self._run("DELETE FROM rate_window WHERE ends_at <= :now", {"now": now})
        return hits

    def get(self, key: str) -> int:
        """Return how many requests the window holds."""
        return int(self._window(key)[0])

    def get_expiry(self, key: str) -> float:
        """Return when the window ends, seconds since 1970; now where none has begun."""
        return self._window(key)[1]

    def check(self) -> bool:
        """Say whether the counters can be read."""
        return bool(self._run("SELECT 1", {}))

    def reset(self) -> int:
        """Forget every window; return how many there were."""
        return len(self._run("DELETE FROM rate_window RETURNING name", {}))

    def clear(self, key: str) -> None:
        """Forget one window."""
        self._run("DELETE FROM rate_window WHERE name = :key", {"key": key})

    def _window(self, key: str) -> tuple[int, float]:
        now = clock.now().timestamp()
        rows = self._run(
            "SELECT hits, ends_at FROM rate_window WHERE name = :key AND ends_at > :now",
            {"key": key, "now": now},
        )
        return rows[0] if rows else (0, now)

    def _run(self, statement: str, values: dict[str, Any]) -> list[Any]:
        with self._lock:
            return self._connection.execute(statement, values).fetchall()
