"""Reckon every payout again from the books, and name the first that differs.

1. it pays what its lines come to, and each line is what its entry moved on the payee's account;
2. no line is paid by two payouts that stand;
3. its events follow each other as they may, from `sent` on;
4. its state is the one that its journal entries alone come to.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.ledger.models import JournalEntry, Posting
from app.ledger.models_payouts import Payout, PayoutEvent, PayoutItem, PayoutOrder
from app.ledger.payouts import BANK, IN_TRANSIT, NEXT, events_of

_KIND = "payout:"


def first_difference(session: Session) -> str | None:
    """Return what first differs, as a sentence; None: every payout is borne out."""
    return next(_differences(session), None)


def _differences(session: Session) -> Iterator[str]:
    payouts = session.exec(
        select(Payout).order_by(col(Payout.id)).execution_options(populate_existing=True)
    ).all()
    stands = {}
    for payout in payouts:
        events = events_of(session, payout.id)
        stands[payout.id] = not any(event.state == "returned" for event in events)
        yield from _content(session, payout)
        yield from _states(session, payout, events)
    yield from _paid_twice(session, stands)


def _content(session: Session, payout: Payout) -> Iterator[str]:
    order = session.get(PayoutOrder, payout.order_id, populate_existing=True)
    if order is None or order.currency != payout.currency:
        yield f"{payout.id}: is not in the currency of its order"
        return
    items = session.exec(
        select(PayoutItem)
        .where(PayoutItem.payout_id == payout.id)
        .order_by(col(PayoutItem.entry_id))
        .execution_options(populate_existing=True)
    ).all()
    total = sum(item.amount_minor for item in items)
    if total != payout.amount_minor:
        yield f"{payout.id}: pays {payout.amount_minor}, and its lines come to {total}"
    for item in items:
        moved = _moved(session, item.entry_id, payout.account, payout.currency)
        if (item.account, item.amount_minor) != (payout.account, -moved):
            yield f"{payout.id}: pays {item.amount_minor} of {item.entry_id}, which owes {-moved}"
        if not item.funded and not order.risk_carrier:
            yield f"{payout.id}: pays {item.entry_id}, not funded, and nobody carries the risk"


def _moved(session: Session, entry_id: str, account: str, currency: str) -> int:
    """Sum what an entry moved on an account; an entry of a payout owes nobody anything."""
    query = (
        select(sa.func.coalesce(sa.func.sum(Posting.amount_minor), 0))
        .join(JournalEntry, col(JournalEntry.id) == col(Posting.entry_id))
        .where(
            Posting.entry_id == entry_id,
            Posting.account == account,
            Posting.currency == currency,
            col(JournalEntry.source).is_(None) | ~col(JournalEntry.source).startswith(_KIND),
        )
    )
    return int(session.exec(query).one())


def _states(session: Session, payout: Payout, events: Sequence[PayoutEvent]) -> Iterator[str]:
    before = ""
    for number, event in enumerate(events, start=1):
        if event.number != number or event.state not in NEXT[before]:
            yield f"{payout.id}: event {number} cannot be {event.state} after {before or 'nothing'}"
        before = event.state
    booked = _state_in_the_books(session, payout, [event.id for event in events])
    if booked != before:
        yield f"{payout.id}: is {before or 'nothing'}, and its entries come to {booked}"


def _state_in_the_books(session: Session, payout: Payout, event_ids: Sequence[str]) -> str:
    """Name where the money is, by the postings of a payout's entries alone."""
    found = session.execute(
        sa.select(col(Posting.account), sa.func.sum(Posting.amount_minor))
        .join(JournalEntry, col(JournalEntry.id) == col(Posting.entry_id))
        .where(
            col(JournalEntry.source).in_([f"{_KIND}{id_}" for id_ in event_ids]),
            col(Posting.currency) == payout.currency,
        )
        .group_by(Posting.account)
    )
    sums = {account: int(total) for account, total in found if total}
    minor = payout.amount_minor
    for state, account in (("sent", IN_TRANSIT), ("settled", BANK)):
        if sums == {account: -minor, payout.account: minor}:
            return state
    return f"{sums}" if sums else "returned" if event_ids else "nothing"


def _paid_twice(session: Session, stands: dict[str, bool]) -> Iterator[str]:
    found = session.execute(
        sa.select(
            col(PayoutItem.entry_id),
            col(PayoutItem.account),
            col(PayoutItem.attempt),
            col(PayoutItem.payout_id),
        ).order_by(col(PayoutItem.entry_id), col(PayoutItem.account), col(PayoutItem.attempt))
    )
    lines: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for entry_id, account, attempt, payout_id in found:
        lines[entry_id, account].append((attempt, payout_id))
    for (entry_id, account), paid in lines.items():
        if [attempt for attempt, _ in paid] != list(range(1, len(paid) + 1)):
            yield f"{entry_id}: the payouts of it to {account} are not numbered in order"
        if any(stands[payout_id] for _, payout_id in paid[:-1]):
            yield f"{entry_id}: {account} is paid it more than once"
