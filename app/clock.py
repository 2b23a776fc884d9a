"""The only source of instants; tests move it, nothing else does."""

import time
from datetime import UTC, datetime

# A clock that nobody sets and that goes on while the machine sleeps, as far as there is one.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now() -> datetime:
    """Return the present instant: aware, UTC, microseconds."""
    return datetime.now(UTC)


def _offset_s() -> float:
    return time.time() - time.clock_gettime(_STEADY)


_OFFSET_AT_START_S = _offset_s()


def drift_s() -> float:
    """Return by how much the wall clock was set since this process began, ahead or (-) back."""
    return _offset_s() - _OFFSET_AT_START_S
