"""The only source of instants; tests move it, nothing else does. And whether it can be believed."""

import time
from datetime import UTC, datetime, timedelta
from typing import Literal

# A clock that nobody sets and that goes on while the machine sleeps, as far as there is one.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
APART = timedelta(minutes=5)  # by which the clocks of two machines may be apart
Doubt = Literal["clock-moved", "clock-behind"]


def now() -> datetime:
    """Return the present instant: aware, UTC, microseconds."""
    return datetime.now(UTC)


def _offset_s() -> float:
    return time.time() - time.clock_gettime(_STEADY)


_OFFSET_AT_START_S = _offset_s()


def drift_s() -> float:
    """Return by how much the wall clock was set since this process began, ahead or (-) back."""
    return _offset_s() - _OFFSET_AT_START_S


def has_been(at: datetime, *, by: datetime | None = None) -> bool:
    """Say whether an instant has been: a clock set back must not make what is short last long."""
    return at - APART <= (by or now())


def doubt(newest_recorded_at: datetime | None, *, tolerance_s: float) -> Doubt | None:
    """Say why the clock cannot be believed: set since this process began, or behind the records.

    A clock that was wrong before the process began, and that no record is later than, is believed:
    nothing on this machine knows better.
    """
    if abs(drift_s()) > tolerance_s:
        return "clock-moved"
    behind = newest_recorded_at is not None and (
        now() + timedelta(seconds=tolerance_s) < newest_recorded_at
    )
    return "clock-behind" if behind else None
