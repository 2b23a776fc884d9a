"""A recorded fact in words: instants as days and times, lengths in seconds, lists cut short."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

NEVER = 2**62
LISTED = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANTS = ("at", "exhibit_until", "needed_from")


def name_in_words(name: str) -> str:
    """Return a fact's name for reading: `ends_at` is "ends at"."""
    return name.replace("_", " ")


def value_in_words(name: str, value: Any) -> str:
    """Return a fact's value for reading, by what its name says it is."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _listed(value)
    number = _number(value)
    if number is None:
        return str(value) or "not given"
    if number >= NEVER - 1:
        return "without limit" if name.startswith("max_") else "never"
    if name in _INSTANTS or name.endswith("_at"):
        return _instant(number) if number else "not given"
    if name.endswith("_on"):
        return _day(number) if number else "not given"
    if name.endswith("length") and name != "uses_description_length":
        return f"{number / 1_000_000:g} seconds"
    return str(number)


def _number(value: Any) -> int | None:
    """Return an integer fact; those beyond 2**53 are kept as text."""
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) > 15 else None


def _listed(values: Sequence[Any]) -> str:
    names = [str(value) for value in values]
    more = len(names) - LISTED
    shown = ", ".join(names[:LISTED]) + (f" and {more} more" if more > 0 else "")
    return shown or "none"


def _instant(micros: int) -> str:
    try:
        at = _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return str(micros)
    return f"{at.day} {at:%B %Y, %H:%M:%S} UTC"


def _day(numeral: int) -> str:
    try:
        day = datetime.strptime(str(numeral), "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return str(numeral)
    return f"{day.day} {day:%B %Y}"
