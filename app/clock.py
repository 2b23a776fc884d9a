"""The only source of instants; tests move it, nothing else does."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present instant: aware, UTC, microseconds."""
    return datetime.now(UTC)
