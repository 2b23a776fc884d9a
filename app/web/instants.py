"""Instants and days on pages: in the reader's words for people, exact for programs beside."""

from datetime import UTC, date, datetime

from markupsafe import Markup

from app import language
from app.licensing.document import local_days
from app.licensing.document.grant import Term

_TIME, _EXACT = Markup("<time {}>{}</time>"), Markup('datetime="{}"')


def day(at: datetime, *, beside: str = "") -> Markup:
    """Write an instant out by the reader's clock, and by that of the zone `beside` if it differs.

    A contract's zone stands beside where its terms or deadlines are said.
    """
    return _TIME.format(_EXACT.format(_exact(at)), language.day(at, beside=beside))


def short(at: datetime, *, beside: str = "") -> Markup:
    """Write an instant briefly by the reader's clock, which the page's foot names."""
    return _TIME.format(_EXACT.format(_exact(at)), language.short(at, beside=beside))


def date_(value: date) -> Markup:
    """Write a day out: one of some calendar, and no instant."""
    return _TIME.format(_EXACT.format(f"{value:%Y-%m-%d}"), language.date_(value))


def start_of(term: Term) -> datetime:
    """Return the first instant of a contract's term."""
    return local_days.instant(term.starts_at)


def end_of(term: Term) -> datetime:
    """Return the first instant after a contract's term."""
    return local_days.instant(term.ends_at)


def _exact(at: datetime) -> str:
    """Write an instant as HTML reads it, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
