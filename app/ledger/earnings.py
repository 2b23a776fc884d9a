"""What somebody earned, for their own eyes: by month, and by output. Derived from the postings."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col

from app.ledger.models import JournalEntry, Posting

MOST_KEPT = 4096


class Month(NamedTuple):
    """What the uses of one month came to, corrections included, in one currency."""

    year: int
    month: int
    currency: str
    amount_minor: int


_KEPT: dict[tuple[str, str, datetime, int], list[Month]] = {}


def by_month(session: Session, account: str, *, since: datetime) -> list[Month]:
    """Return what uses brought a payee month by month (UTC), oldest first; months without: none.

    Lines are only ever added to an account: as long as it has as many, what was read is kept.
    """
    lines = sa.select(sa.func.count()).where(col(Posting.account) == account)
    url = session.get_bind().engine.url.render_as_string()
    asked = (url, account, since, session.scalar(lines) or 0)
    found = _KEPT.get(asked)
    if found is None:
        found = _by_month(session, account, since)
        if len(_KEPT) >= MOST_KEPT:
            _KEPT.clear()
        _KEPT[asked] = found
    return found


def _by_month(session: Session, account: str, since: datetime) -> list[Month]:
    year, month = (sa.extract(part, JournalEntry.posted_at) for part in ("year", "month"))  # type: ignore[arg-type]
    found = session.execute(
        sa.select(year, month, col(Posting.currency), -sa.func.sum(Posting.amount_minor))
        .join(JournalEntry, col(JournalEntry.id) == col(Posting.entry_id))
        .where(
            col(Posting.account) == account,
            col(JournalEntry.usage_event_id).is_not(None),
            col(JournalEntry.posted_at) >= since,
        )
        .group_by(year, month, col(Posting.currency))
        .order_by(year, month, col(Posting.currency))
    )
    return [Month(int(y), int(m), code, int(minor)) for y, m, code, minor in found]


def by_output(
    session: Session, account: str, generation_ids: Collection[str]
) -> dict[str, list[tuple[str, int]]]:
    """Return what each of these outputs brought a payee: (currency, minor units)."""
    found = session.execute(
        sa.select(
            col(JournalEntry.generation_id),
            col(Posting.currency),
            -sa.func.sum(Posting.amount_minor),
        )
        .join(JournalEntry, col(JournalEntry.id) == col(Posting.entry_id))
        .where(
            # By the entries of these outputs, and not by every line of the account.
            col(Posting.account).concat("") == account,
            col(JournalEntry.generation_id).in_(generation_ids),
        )
        .group_by(col(JournalEntry.generation_id), col(Posting.currency))
        .order_by(col(JournalEntry.generation_id), col(Posting.currency))
    )
    sums: dict[str, list[tuple[str, int]]] = {}
    for generation_id, currency, minor in found:
        sums.setdefault(str(generation_id), []).append((currency, int(minor)))
    return sums
