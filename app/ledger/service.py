"""What the books do for the rooms above: hold, capture, void, reverse, and say what stands."""

from collections.abc import Collection, Mapping

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import clock
from app.ledger.books import RoyaltyState
from app.ledger.errors import EntryNotReversible, NothingToCorrect
from app.ledger.holds import (
    Asked,
    capture_hold,
    expire_holds,
    has_late_holds,
    held_for,
    holds_stand,
    keep_holds,
    open_hold,
    place_hold,
    raise_to,
    void_hold,
)
from app.ledger.models import Hold, JournalEntry, Posting, RecordedUse, RoyaltyTerms
from app.ledger.posting import evidence, post_usage, state_of
from app.ledger.quota import used_and_unpaid
from app.ledger.quotes import Quote, quote
from app.ledger.receivables.payments import lock_funds
from app.ledger.rows import lock_book, read_book
from app.ledger.terms import CompensationTerms
from app.ledger.usage import UsageEvent

__all__ = [
    "Asked",
    "amount_to_hold",
    "balances",
    "capture_hold",
    "evidence",
    "expire_holds",
    "fees_bound",
    "has_late_holds",
    "held_for",
    "holds_stand",
    "keep_holds",
    "lock_funds",
    "open_hold",
    "place_hold",
    "post_usage",
    "quote_use",
    "raise_hold",
    "refund_entry",
    "reverse_entry",
    "state_now",
    "used_and_unpaid",
    "void_hold",
]


def state_now(session: Session, contract_id: str) -> RoyaltyState:
    """Return what a contract's events have come to so far; of a contract without any, nothing."""
    book = read_book(session.connection(), contract_id)
    return state_of(session, book) if book else RoyaltyState()


def quote_use(
    session: Session, contract_id: str, *, terms: CompensationTerms, event: UsageEvent
) -> Quote:
    """Return what a planned use costs under this contract now; nothing is written."""
    return quote(terms, event, state=state_now(session, contract_id))


def amount_to_hold(
    session: Session, contract_id: str, *, terms: CompensationTerms, event: UsageEvent
) -> int:
    """Return the minor units to hold for a planned use: never less than nothing.

    The higher of its price now and as a first use.
    """
    return quote_use(session, contract_id, terms=terms, event=event).hold_minor


def raise_hold(
    session: Session,
    generation_id: str,
    contract_id: str,
    *,
    terms: CompensationTerms,
    event: UsageEvent,
) -> Hold:
    """Hold as much as the use costs by now, where that is more than is held; never less.

    Other uses, captured since it was placed, may have reached a dearer tier of the same terms.
    Raises HoldNotFound, HoldSettled.
    """
    hold = open_hold(session, generation_id, contract_id)
    lock_book(session.connection(), contract_id)
    due_minor = quote_use(session, contract_id, terms=terms, event=event).licensee_minor
    raise_to(session, hold, due_minor)
    return hold


def reverse_entry(session: Session, entry: JournalEntry, *, reason: str) -> JournalEntry:
    """Negate what still stands of an entry; reversing it again returns the first reversal.

    Every balance, volume, cap and recoupment is as if the entry had not been, and its seconds
    come back. Raises EntryNotReversible when the entry is itself a correction.
    """
    use = _use_of(session, entry)
    return _correct(
        session, use, UsageEvent(reverse=use.number), key=f"reverse:{entry.id}", note=reason
    )


def refund_entry(
    session: Session, entry: JournalEntry, *, amount_minor: int, key: str, reason: str
) -> JournalEntry:
    """Give the licensee back part of an entry, every line in proportion; once per `key`.

    Raises RefundExceedsCharge when less than that is still charged.
    """
    use = _use_of(session, entry)
    event = UsageEvent(refund_of=use.number, amount_minor=amount_minor)
    return _correct(session, use, event, key=f"refund:{entry.id}:{key}", note=reason)


def balances(
    session: Session, *, contract_id: str | None = None, account: str | None = None
) -> Mapping[tuple[str, str], int]:
    """Return the sum of all postings by (account, currency), debit positive, derived each time."""
    query = (
        sa.select(Posting.account, Posting.currency, sa.func.sum(Posting.amount_minor))  # type: ignore[call-overload]
        .group_by(Posting.account, Posting.currency)
        .order_by(Posting.account, Posting.currency)
    )
    if contract_id is not None:
        query = query.join(JournalEntry, col(JournalEntry.id) == Posting.entry_id).where(
            JournalEntry.contract_id == contract_id
        )
    if account is not None:
        query = query.where(Posting.account == account)
    return {(name, currency): int(total) for name, currency, total in session.execute(query)}


def fees_bound(
    session: Session,
    contract_ids: Collection[str],
    *,
    currency: str,
    except_generation: str | None = None,
) -> int:
    """Return what licensees owe under these contracts together, and what is held, in minor units.

    Owed is what was charged less what was given back. `except_generation` leaves out what one
    generation holds, for deciding about it again.
    """
    held = select(sa.func.coalesce(sa.func.sum(Hold.amount_minor), 0)).where(
        col(Hold.contract_id).in_(contract_ids),
        Hold.currency == currency,
        Hold.state == "placed",
        Hold.expires_at > clock.now(),
    )
    if except_generation is not None:
        held = held.where(Hold.generation_id != except_generation)
    owed = (
        select(sa.func.coalesce(sa.func.sum(Posting.amount_minor), 0))
        .join(JournalEntry, col(JournalEntry.id) == col(Posting.entry_id))
        .where(
            col(JournalEntry.contract_id).in_(contract_ids),
            Posting.account == "licensee:receivable",
            Posting.currency == currency,
        )
    )
    return int(session.exec(held).one()) + int(session.exec(owed).one())


def _use_of(session: Session, entry: JournalEntry) -> RecordedUse:
    if entry.usage_event_id is None:
        raise EntryNotReversible(f"{entry.id} was made by no use; correct {entry.source} itself")
    return session.get_one(RecordedUse, entry.usage_event_id)


def _correct(
    session: Session, use: RecordedUse, event: UsageEvent, *, key: str, note: str
) -> JournalEntry:
    if use.corrects_number is not None:
        raise EntryNotReversible(f"{use.id} is itself a correction; post the use anew instead")
    terms = session.get_one(RoyaltyTerms, use.terms_sha256)
    entry = post_usage(
        session,
        use.contract_id,
        terms=CompensationTerms.model_validate(terms.document),
        event=event,
        key=key,
        generation_id=use.generation_id,
        note=note,
    )
    if entry is None:
        raise NothingToCorrect(f"{use.id} owed nothing, so there is nothing to give back")
    return entry
