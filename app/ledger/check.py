"""Reckon the books again from terms and usage events alone, and name the first difference.

What is compared, per contract in the order of its events:
1. the terms have the digest they are filed under, and the events are numbered without a gap;
2. the event, replayed, posts exactly the lines that are stored, under the stored digest;
3. the entry is sealed, and sums to zero in every currency;
4. the contract's cached totals are what the events come to;
5. every entry without a use posts what its source comes to, under the same rules;
6. invoices bill what the books say, once, and are numbered without a gap (`checking.py`);
7. payouts pay what the books owe, once, and stand where their entries say (`payouts_check.py`);
8. no entry, posting or captured hold stands outside of all that;
9. what is spent of each project and contract is what the holds come to (`spending.py`);
10. every closed period holds the entries it was closed with.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from pydantic import ValidationError
from sqlmodel import Session, col, select

from app.errors import AppError
from app.ledger import payouts, payouts_check, periods, spending
from app.ledger.books import Line, RoyaltyState, add, check_balanced, negate
from app.ledger.models import (
    ContractBook,
    EntrySeal,
    Hold,
    JournalEntry,
    Posting,
    RecordedUse,
    RoyaltyTerms,
)
from app.ledger.posting import digest_of, entry_of, lines_of, terms_digest
from app.ledger.quotes import charged
from app.ledger.receivables import checking, invoices, payments, receipts
from app.ledger.rows import read
from app.ledger.royalties import post_event
from app.ledger.terms import CompensationTerms
from app.ledger.usage import UsageEvent

# (session, id of the row): the lines of its entry, reckoned again; None where there is no such row.
LinesOf = Callable[[Session, str], tuple[Line, ...] | None]
SOURCES: dict[str, LinesOf] = {
    "invoice": invoices.invoice_lines,
    "payment": payments.payment_lines,
    "receipt": receipts.receipt_lines,
    "receipt-assignment": receipts.assignment_lines,
    "payout": payouts.reckon,
}


@dataclass(frozen=True)
class LedgerCheck:
    """What was reckoned again, and the first thing that differed; None: the books are right."""

    events: int
    entries: int
    first_difference: str | None

    @property
    def ok(self) -> bool:
        return self.first_difference is None


class _Difference(Exception):
    """Found one: reckoning stops here."""


def check(session: Session) -> LedgerCheck:
    """Recompute every royalty, entry and balance; report the first difference, change nothing.

    Give it a session of its own: it then sees one moment of the books, whatever is posted
    meanwhile. In a transaction that has begun, it sees what that transaction sees.
    """
    if session.get_bind().dialect.name == "postgresql" and not session.in_transaction():
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    events = entries = 0
    try:
        for contract_id in session.exec(
            select(RecordedUse.contract_id).distinct().order_by(RecordedUse.contract_id)
        ).all():
            for posted in _replay(session, contract_id):
                events += 1
                entries += posted
        entries += _check_sources(session)
        for room in (checking, payouts_check):
            if differs := room.first_difference(session):
                raise _Difference(differs)
        _check_strays(session, entries)
        _check_holds(session)
        if differs := spending.first_difference(session):
            raise _Difference(differs)
        if changed := periods.first_difference(session):
            raise _Difference(changed)
    except _Difference as difference:
        return LedgerCheck(events, entries, str(difference))
    return LedgerCheck(events, entries, None)


def _replay(session: Session, contract_id: str) -> Iterator[bool]:
    """Replay the events of one contract; yield for each whether it posted an entry."""
    state = RoyaltyState()
    uses = session.exec(
        select(RecordedUse)
        .where(RecordedUse.contract_id == contract_id)
        .order_by(col(RecordedUse.number))
        .execution_options(populate_existing=True)
    ).all()
    for use in uses:
        if use.number != state.number:
            raise _Difference(f"{contract_id}: event {state.number} is missing before {use.id}")
        try:
            event = UsageEvent.model_validate(use.event)
            lines, after = post_event(_terms(session, use), state, event)
        except (AppError, ValidationError) as error:
            raise _Difference(f"{use.id}: cannot be posted again: {error}") from error
        changed = add(after.totals, negate(state.totals))
        if changed != read(use.effects):
            raise _Difference(f"{use.id}: its effects on the totals are not those stored")
        if use.corrects_number != (event.refund_of if event.reverse is None else event.reverse):
            raise _Difference(f"{use.id}: names another event to correct than its own event does")
        _check_entry(session, use, lines)
        state = after
        yield bool(lines)
    book = session.get(ContractBook, contract_id, populate_existing=True)
    if book is None or book.next_number != state.number or read(book.totals) != state.totals:
        raise _Difference(f"{contract_id}: the running totals are not what its events come to")


def _terms(session: Session, use: RecordedUse) -> CompensationTerms:
    kept = session.get(RoyaltyTerms, use.terms_sha256, populate_existing=True)
    if kept is None or terms_digest(kept.document) != use.terms_sha256:
        raise _Difference(f"{use.id}: its terms are not those of digest {use.terms_sha256}")
    return CompensationTerms.model_validate(kept.document)


def _check_entry(session: Session, use: RecordedUse, wanted: tuple[Line, ...]) -> None:
    entry = entry_of(session, use.id)
    if entry is None:
        if wanted:
            raise _Difference(f"{use.id}: owes {_shown(wanted)}, and no entry was posted")
        return
    session.refresh(entry)
    _check_content(session, entry, wanted, owner=(use.contract_id, use.generation_id))


def _check_sources(session: Session) -> int:
    """Hold every entry without a use against what its source comes to; return how many."""
    entries = session.exec(
        select(JournalEntry)
        .where(col(JournalEntry.source).is_not(None))
        .order_by(col(JournalEntry.id))
        .execution_options(populate_existing=True)
    ).all()
    for entry in entries:
        kind, _, id_ = (entry.source or "").partition(":")
        wanted = SOURCES[kind](session, id_) if kind in SOURCES else None
        if wanted is None:
            raise _Difference(f"{entry.id}: there is no {entry.source} that it could come from")
        _check_content(session, entry, wanted, owner=(entry.contract_id, None))
    return len(entries)


def _check_content(
    session: Session,
    entry: JournalEntry,
    wanted: tuple[Line, ...],
    *,
    owner: tuple[str | None, str | None],
) -> None:
    lines = lines_of(session, entry.id)
    try:
        check_balanced(lines)
    except AppError as error:
        raise _Difference(f"{entry.id}: {error}") from error
    if lines != wanted:
        raise _Difference(f"{entry.id}: should be {_shown(wanted)}; stored is {_shown(lines)}")
    if (entry.contract_id, entry.generation_id) != owner or entry.digest != digest_of(entry, lines):
        raise _Difference(f"{entry.id}: its digest or owner is not that of its content")
    seal = session.get(EntrySeal, entry.id, populate_existing=True)
    if seal is None or seal.lines != len(lines):
        raise _Difference(f"{entry.id}: is not sealed with its {len(lines)} lines")


def _check_strays(session: Session, entries: int) -> None:
    counted = session.exec(select(sa.func.count()).select_from(JournalEntry)).one()
    if counted != entries:
        raise _Difference(f"{counted} entries stand in the books; the events account for {entries}")
    stray = session.exec(
        select(Posting.entry_id).where(
            ~sa.exists().where(col(JournalEntry.id) == col(Posting.entry_id))
        )
    ).first()
    if stray is not None:
        raise _Difference(f"{stray}: postings of an entry that does not exist")


def _check_holds(session: Session) -> None:
    captured = session.exec(
        select(Hold).where(Hold.state == "captured").execution_options(populate_existing=True)
    )
    for hold in captured:
        entry = session.get(JournalEntry, hold.entry_id)
        place = (hold.generation_id, hold.contract_id)
        if entry is None or (entry.generation_id, entry.contract_id) != place:
            raise _Difference(f"{hold.id}: was captured by an entry of something else")
        if charged(lines_of(session, entry.id)) > hold.amount_minor:
            raise _Difference(f"{hold.id}: more was captured than it held")


def _shown(lines: tuple[Line, ...]) -> str:
    return "; ".join(f"{x.account} {x.amount_minor} {x.currency}" for x in lines) or "nothing"
