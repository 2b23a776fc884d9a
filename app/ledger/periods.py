"""Closing a period: the entries so far are its entries from now on, and no other ever is.

What is corrected later is a new entry, which falls into the period that is then open. The close
has a leaf of its own in the public log, which commits to the period's digest.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import rfc8785
import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import clock
from app.ids import new_id
from app.ledger.errors import PeriodNotFound, PeriodNotOver, PeriodOutOfOrder
from app.ledger.models import JournalEntry
from app.ledger.models_periods import Period, PeriodEntry
from app.transparency import service as transparency

_LEAF = "period-closed"
_LOCK = 0x706572696F64  # "period": PostgreSQL advisory lock, for one close at a time


def close_period(session: Session, *, until: datetime) -> Period:
    """Close what was posted before `until` and is in no period yet; the same again is the first.

    Raises PeriodNotOver for an instant to come, and PeriodOutOfOrder for one that lies within a
    closed period.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    if until > clock.now():
        raise PeriodNotOver(f"{until.isoformat()} is still to come; close a period when it is over")
    last = newest(session)
    if last is not None and until == last.ends_at:
        return last
    if last is not None and until < last.ends_at:
        raise PeriodOutOfOrder(
            f"period {last.number} is closed until {last.ends_at.isoformat()} and never changes; "
            "corrections belong to the open period"
        )
    period_id = new_id("prd")
    found = session.execute(
        sa.select(col(JournalEntry.id), col(JournalEntry.digest))
        .where(
            col(JournalEntry.posted_at) < until,
            ~sa.exists().where(col(PeriodEntry.entry_id) == col(JournalEntry.id)),
        )
        .order_by(col(JournalEntry.id))
    )
    entries = [(id_, digest) for id_, digest in found]
    period = Period(
        id=period_id,
        number=1 if last is None else last.number + 1,
        starts_at=None if last is None else last.ends_at,
        ends_at=until,
        entries=len(entries),
        sha256="",
    )
    period.sha256 = period_digest(period, entries, previous="" if last is None else last.sha256)
    session.add(period)
    session.flush()
    rows = [{"entry_id": id_, "period_id": period_id} for id_, _ in entries]
    if rows:
        session.execute(sa.insert(PeriodEntry), rows)
    transparency.record(session, _LEAF, period.id, _evidence(period))
    return period


def newest(session: Session) -> Period | None:
    """Return the period closed last, if any."""
    return session.exec(select(Period).order_by(col(Period.number).desc()).limit(1)).first()


def periods(session: Session) -> Sequence[Period]:
    """List the closed periods, oldest first."""
    return session.exec(select(Period).order_by(col(Period.number))).all()


def period_of(session: Session, number: int) -> Period:
    """Return a closed period by its number. Raises PeriodNotFound."""
    found = session.exec(select(Period).where(Period.number == number)).first()
    if found is None:
        raise PeriodNotFound(f"no period {number} is closed; `understudy statement close` closes")
    return found


def period_digest(period: Period, entries: Sequence[tuple[str, str]], *, previous: str) -> str:
    """Return the SHA-256 of a period's canonical JSON: what it holds, and the one before it."""
    content: dict[str, Any] = {
        "v": 1,
        "id": period.id,
        "number": period.number,
        "starts_at": None if period.starts_at is None else instant(period.starts_at),
        "ends_at": instant(period.ends_at),
        "previous_sha256": previous,
        "entries": [list(each) for each in entries],
    }
    return hashlib.sha256(rfc8785.dumps(content)).hexdigest()


def _evidence(period: Period) -> dict[str, Any]:
    """Return what the leaf of a close commits to."""
    return {"number": period.number, "entries": period.entries, "sha256": period.sha256}


def first_difference(session: Session) -> str | None:
    """Reckon the digest of every closed period again, and name the first that differs.

    Each must be what its leaf commits to; only the first ones may be without, closed before closes
    had leaves.
    """
    before: Period | None = None
    logged = False
    for period in session.exec(
        select(Period).order_by(col(Period.number)).execution_options(populate_existing=True)
    ).all():
        number, starts_at, previous = (
            (1, None, "") if before is None else (before.number + 1, before.ends_at, before.sha256)
        )
        if (period.number, period.starts_at) != (number, starts_at):
            return f"{period.id}: does not follow the period before it"
        found = session.execute(
            sa.select(col(PeriodEntry.entry_id), col(JournalEntry.digest))
            .outerjoin(JournalEntry, col(JournalEntry.id) == col(PeriodEntry.entry_id))
            .where(col(PeriodEntry.period_id) == period.id)
            .order_by(col(PeriodEntry.entry_id))
        )
        entries = [(id_, digest) for id_, digest in found]
        digest = period_digest(period, entries, previous=previous)
        if (len(entries), digest) != (period.entries, period.sha256):
            return f"{period.id}: its entries are not those that were closed"
        promised = transparency.bears_out(session, _LEAF, period.id, _evidence(period))
        if promised is False or (logged and promised is None):
            return f"{period.id}: is not the period that its leaf in the log was promised for"
        logged = promised is not None
        before = period
    stray = session.exec(
        select(PeriodEntry.entry_id).where(
            ~sa.exists().where(col(Period.id) == col(PeriodEntry.period_id))
        )
    ).first()
    return None if stray is None else f"{stray}: is in a period that was never closed"


def instant(at: datetime) -> str:
    """Write an instant as a document keeps it: UTC, microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
