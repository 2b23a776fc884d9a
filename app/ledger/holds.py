"""Holds: money and seconds set aside before a use, then captured, voided or expired, once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import clock
from app.ledger import funding, spending
from app.ledger.errors import CaptureExceedsHold, HoldDiffers, HoldNotFound, HoldSettled
from app.ledger.models import Hold, JournalEntry
from app.ledger.posting import MICROSECONDS, lines_of, microseconds, post_usage
from app.ledger.quotes import charged
from app.ledger.receivables.payments import charge_to
from app.ledger.terms import CompensationTerms
from app.ledger.usage import UsageEvent
from app.money import check_currency, format_minor

HOLD_LASTS = timedelta(days=2)


class Asked(NamedTuple):
    """Who asked for what is held, for which project; `seconds` count once for each generation."""

    organization_id: str
    project: str = ""
    seconds: int | str | Decimal = 0


def place_hold(
    session: Session,
    generation_id: str,
    contract_id: str,
    *,
    licensee_id: str,
    amount_minor: int,
    currency: str,
    seconds: int | str | Decimal,
    asked: Asked | None = None,
    lasts: timedelta = HOLD_LASTS,
) -> Hold:
    """Set money and seconds aside for a generation; the same hold again is the first one.

    Counted as spent by whoever `asked`: the licensee, for no project, where nobody is named.

    The licensee must have prepaid the amount, or have credit for it: raises FundsLacking, and
    HoldDiffers when the generation already holds something else under the contract, and
    HoldSettled when that hold has ended.
    """
    length_us = microseconds(_text(seconds))
    asked = asked or Asked(licensee_id)
    hold = _hold(session, generation_id, contract_id)
    if hold is not None:
        _check_open(hold)
        wanted = (amount_minor, currency, length_us)
        if wanted != (hold.amount_minor, hold.currency, hold.length_us):
            raise HoldDiffers(f"{hold.id} already holds another amount for {generation_id}")
        return hold
    charge_to(session, contract_id, licensee_id)
    funding.require(session, licensee_id, check_currency(currency), amount_minor)
    now = clock.now()
    hold = Hold(
        generation_id=generation_id,
        contract_id=contract_id,
        organization_id=asked.organization_id,
        project=asked.project,
        amount_minor=amount_minor,
        currency=currency,
        length_us=length_us,
        project_us=microseconds(_text(asked.seconds)),
        placed_at=now,
        expires_at=now + lasts,
    )
    session.add(hold)
    session.flush()
    spending.add(session, [hold])
    return hold


def capture_hold(
    session: Session,
    generation_id: str,
    contract_id: str | None = None,
    *,
    terms: CompensationTerms,
    event: UsageEvent,
) -> JournalEntry:
    """Post what the use costs and let go of the rest of the hold; a second capture is the first.

    `contract_id` is needed where the generation has holds under several contracts. Raises
    CaptureExceedsHold when the use costs more than was held, and HoldSettled when the hold was
    voided or has expired: nothing is then posted.
    """
    hold = _only_hold(session, generation_id, contract_id)
    if hold.entry_id is not None:
        return session.get_one(JournalEntry, hold.entry_id)
    _check_open(hold)
    if terms.currency != hold.currency:
        raise HoldDiffers(f"{hold.id} holds {hold.currency}; the terms are in {terms.currency}")
    entry = post_usage(
        session,
        hold.contract_id,
        terms=terms,
        event=event,
        key=f"capture:{generation_id}:{hold.contract_id}",
        generation_id=generation_id,
    )
    if entry is None:
        raise CaptureExceedsHold("only a use can be captured; post settlements by themselves")
    due = charged(lines_of(session, entry.id))
    if due > hold.amount_minor:
        raise CaptureExceedsHold(
            f"the use costs {format_minor(due, hold.currency)} and "
            f"{format_minor(hold.amount_minor, hold.currency)} were held; "
            "quote it again and place a hold of that amount"
        )
    _settle(session, hold, "captured", entry_id=entry.id)
    return entry


def void_hold(
    session: Session, generation_id: str, contract_id: str | None = None, *, reason: str
) -> list[Hold]:
    """Let go of the holds of a generation, all or one; what is voided already stays as it is.

    Raises HoldSettled when one was captured: that is reversed, not voided.
    """
    holds = _holds(session, generation_id, contract_id)
    for hold in holds:
        if hold.state == "captured":
            raise HoldSettled(f"{hold.id} was captured; reverse its entry {hold.entry_id}")
    ended = [hold for hold in holds if hold.state == "placed"]
    for hold in ended:
        _settle(session, hold, "voided", reason=reason)
    spending.add(session, ended, sign=-1)
    return holds


def raise_to(session: Session, hold: Hold, amount_minor: int) -> None:
    """Hold so much from now on, where that is more; `hold` is locked and stands."""
    more_minor = amount_minor - hold.amount_minor
    if more_minor <= 0:
        return
    hold.amount_minor = amount_minor
    session.add(hold)
    session.flush()
    spending.add_money(session, hold, more_minor)


def expire_holds(session: Session) -> int:
    """Mark the holds whose time has run out; return how many."""
    late = session.exec(
        select(Hold)
        .where(Hold.state == "placed", Hold.expires_at <= clock.now())
        .with_for_update(skip_locked=True)
    ).all()
    for hold in late:
        _settle(session, hold, "expired", reason="its time ran out")
    spending.add(session, late, sign=-1)
    return len(late)


def open_hold(session: Session, generation_id: str, contract_id: str) -> Hold:
    """Return a hold that still stands, locked. Raises HoldNotFound, HoldSettled."""
    hold = _only_hold(session, generation_id, contract_id)
    _check_open(hold)
    return hold


def keep_holds(session: Session, generation_id: str, *, until: datetime) -> datetime:
    """Let the holds that still stand last until an instant, never less; return the earliest end.

    For a generation that waits for a human. Raises HoldSettled when one has ended.
    """
    holds = _holds(session, generation_id, None)
    for hold in holds:
        _check_open(hold)
        hold.expires_at = max(hold.expires_at, until)
        session.add(hold)
    session.flush()
    return min((hold.expires_at for hold in holds), default=until)


def set_aside_for(session: Session, generation_id: str) -> Sequence[Hold]:
    """List what was set aside for a generation, however it ended."""
    return session.exec(select(Hold).where(Hold.generation_id == generation_id)).all()


def holds_stand(session: Session, generation_id: str) -> bool:
    """Say whether a generation holds something and none of it has ended or run out; locks it."""
    holds = _holds(session, generation_id, None)
    now = clock.now()
    return bool(holds) and all(h.state == "placed" and now < h.expires_at for h in holds)


def held_for(
    session: Session, generation_ids: Sequence[str], contract_id: str
) -> list[tuple[str, int, Decimal]]:
    """Say what stands held for generations under a contract: currency, minor units, seconds."""
    held = (
        sa.select(Hold.currency, sa.func.sum(Hold.amount_minor), sa.func.sum(Hold.length_us))  # type: ignore[call-overload]
        .where(
            col(Hold.generation_id).in_(generation_ids),
            Hold.contract_id == contract_id,
            Hold.state == "placed",
            Hold.expires_at > clock.now(),
        )
        .group_by(Hold.currency)
        .order_by(Hold.currency)
    )
    return [
        (currency, int(minor), Decimal(int(length_us)) / MICROSECONDS)
        for currency, minor, length_us in session.execute(held)
    ]


def has_late_holds(session: Session) -> bool:
    """Say whether any hold has run out of time; asks without a lock."""
    late = select(Hold.id).where(Hold.state == "placed", Hold.expires_at <= clock.now())
    return session.exec(late.limit(1)).first() is not None


def _hold(session: Session, generation_id: str, contract_id: str) -> Hold | None:
    return next(iter(_holds(session, generation_id, contract_id)), None)


def _holds(session: Session, generation_id: str, contract_id: str | None) -> list[Hold]:
    query = select(Hold).where(Hold.generation_id == generation_id)
    if contract_id is not None:
        query = query.where(Hold.contract_id == contract_id)
    locked = query.order_by(col(Hold.contract_id)).with_for_update()
    return list(session.exec(locked.execution_options(populate_existing=True)))


def _only_hold(session: Session, generation_id: str, contract_id: str | None) -> Hold:
    holds = _holds(session, generation_id, contract_id)
    if not holds:
        raise HoldNotFound(f"{generation_id} holds nothing here; place a hold first")
    if len(holds) > 1:
        raise HoldDiffers(f"{generation_id} has {len(holds)} holds; name the contract of one")
    return holds[0]


def _check_open(hold: Hold) -> None:
    if hold.state != "placed":
        raise HoldSettled(f"{hold.id} was {hold.state} at {hold.settled_at}: {hold.reason}")
    if hold.expires_at <= clock.now():
        raise HoldSettled(f"{hold.id} expired at {hold.expires_at}; decide and hold again")


def _settle(
    session: Session, hold: Hold, state: str, *, reason: str = "", entry_id: str | None = None
) -> None:
    hold.state, hold.reason, hold.entry_id = state, reason, entry_id
    hold.settled_at = clock.now()
    session.add(hold)
    session.flush()


def _text(seconds: int | str | Decimal) -> int | str:
    return format(seconds, "f") if isinstance(seconds, Decimal) else seconds
