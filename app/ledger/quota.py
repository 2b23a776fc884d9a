"""What is used, held and unpaid under a contract: one read, since every decision makes it.

Uses are append-only, numbered, and recorded one after the other: whoever sees the one with a
certain id sees all before it, as they always were. So a contract with many is added up once, and
from then on what came since.
"""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlmodel import col

from app import clock
from app.ledger.models import Hold, RecordedUse
from app.ledger.posting import MICROSECONDS
from app.ledger.receivables.models import OpenInvoiceContract
from app.statements import Statement


class UnderContract(NamedTuple):
    """What is used and held under a contract; since when an invoice for its uses is due, unpaid."""

    seconds: Decimal
    held_seconds: Decimal
    renders: int
    held_renders: int
    unpaid_since: datetime | None  # may be still to come


class _Sum(NamedTuple):
    """What the uses up to one of them come to; the one is named by number and id."""

    number: int
    use_id: str | None
    used_us: int
    renders: int


class _Found(NamedTuple):
    """What is read: the sums of what came after a use, that use's id, and the newest one."""

    used_us: int
    held_us: int
    renders: int
    held: int
    unpaid_since: datetime | None
    behind: str | None
    newest: int | None
    newest_id: str | None


MANY = 100  # uses that are worth remembering what they come to
_MOST = 10_000  # contracts of which this is remembered
_NOTHING = _Sum(-1, None, 0, 0)
_REMEMBERED: WeakKeyDictionary[sa.Pool, dict[str, _Sum]] = WeakKeyDictionary()  # by database
_USE = sa.inspect(RecordedUse).local_table
CORRECTED = _USE.alias("corrected")  # the use that another one corrects: join it on IS_CORRECTED
IS_CORRECTED = sa.and_(
    CORRECTED.c.contract_id == _USE.c.contract_id, CORRECTED.c.number == _USE.c.corrects_number
)


def renders() -> sa.Case[int]:
    """Count a recorded use, joined with CORRECTED: 1 for a render, -1 for one given back, else 0.

    A picture is one and has no length. A chosen take is none: it was one when it was a draft.
    """
    is_first, is_reversal = _USE.c.corrects_number.is_(None), _says(_USE, "reverse")
    return sa.case(
        (_USE.c.generation_id.is_(None), 0),
        (_USE.c.length_us > 0, 1),
        (_USE.c.length_us < 0, -1),
        # Without a length is a picture; so is what is no render, or gives back money alone.
        (sa.and_(is_first, _is_render(_USE)), 1),
        (sa.and_(is_reversal, _is_render(CORRECTED)), -1),
        else_=0,
    )


def _used_and_unpaid() -> Statement:
    held = (
        sa.select(
            sa.func.coalesce(sa.func.sum(Hold.length_us), 0).label("held_us"),
            sa.func.count(col(Hold.id)).label("held"),
        )
        .where(
            col(Hold.contract_id) == sa.bindparam("contract_id"),
            col(Hold.state) == "placed",
            col(Hold.expires_at) > sa.bindparam("now"),
        )
        .subquery()
    )
    theirs = _USE.c.contract_id == sa.bindparam("contract_id")
    used = (
        sa.select(
            sa.func.coalesce(sa.func.sum(_USE.c.length_us), 0).label("used_us"),
            sa.func.coalesce(sa.func.sum(renders()), 0).label("renders"),
            sa.func.max(_USE.c.number).label("newest"),
        )
        .select_from(_USE.outerjoin(CORRECTED, IS_CORRECTED))
        .where(theirs, _USE.c.number > sa.bindparam("after"))
        .subquery()
    )
    behind = sa.select(_USE.c.id).where(theirs, _USE.c.number == sa.bindparam("after"))
    newest = sa.select(_USE.c.id).where(theirs).order_by(_USE.c.number.desc()).limit(1)
    unpaid_since = (
        sa.select(sa.func.min(OpenInvoiceContract.due_at))
        .where(col(OpenInvoiceContract.contract_id) == sa.bindparam("contract_id"))
        .scalar_subquery()
    )
    return Statement(
        sa.select(
            used.c.used_us,
            held.c.held_us,
            used.c.renders,
            held.c.held,
            unpaid_since.label("unpaid_since"),
            behind.scalar_subquery().label("behind"),
            used.c.newest,
            newest.scalar_subquery().label("newest_id"),
        )
    )


def _says(use: sa.FromClause, what: str) -> sa.ColumnElement[bool]:
    said: sa.ColumnElement[bool] = use.c.event[what].as_string().is_not(None)
    return said


def _is_render(use: sa.FromClause) -> sa.ColumnElement[bool]:
    """Neither a chosen take, counted when it was a draft, nor a bill for what was stopped."""
    return ~_says(use, "chosen") & ~_says(use, "stopped_cost_minor")


_USED_AND_UNPAID = _used_and_unpaid()


def used_and_unpaid(connection: sa.Connection, contract_id: str) -> UnderContract:
    """Return seconds used and held, exact to a microsecond, renders, and what is unpaid since when.

    A render is a generation's use, a film's as a picture's; one whose entry was reversed is given
    back, like its seconds.
    """
    remembered = _REMEMBERED.setdefault(connection.engine.pool, {})
    before = remembered.get(contract_id, _NOTHING)
    found = _ask(connection, contract_id, before)
    if found.behind != before.use_id:  # of what was undone, or is not seen from here
        before = _NOTHING
        found = _ask(connection, contract_id, before)
    used_us, renders = before.used_us + int(found.used_us), before.renders + int(found.renders)
    if found.newest is not None and found.newest - before.number >= MANY:
        if len(remembered) >= _MOST:
            remembered.clear()
        remembered[contract_id] = _Sum(found.newest, found.newest_id, used_us, renders)
    return UnderContract(
        Decimal(used_us) / MICROSECONDS,
        Decimal(int(found.held_us)) / MICROSECONDS,
        renders,
        found.held,
        found.unpaid_since,
    )


def _ask(connection: sa.Connection, contract_id: str, before: _Sum) -> _Found:
    row = _USED_AND_UNPAID.first(
        connection, contract_id=contract_id, now=clock.now(), after=before.number
    )
    return _Found(*(row or (0, 0, 0, 0, None, None, None, None)))
