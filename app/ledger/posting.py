"""Writing an event into the books: terms, event, entry, postings, seal, in that order."""

import hashlib
from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import ceil
from typing import Any

import rfc8785
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel, col, select

from app.ledger.books import Effects, Line, Posted, RoyaltyState, add, check_balanced, negate
from app.ledger.errors import PostingKeyReused
from app.ledger.models import (
    Account,
    ContractBook,
    EntrySeal,
    JournalEntry,
    Posting,
    RecordedUse,
    RoyaltyTerms,
)
from app.ledger.royalties import post_event
from app.ledger.terms import CompensationTerms, exact
from app.ledger.usage import UsageEvent

MICROSECONDS = 1_000_000


def post_usage(
    session: Session,
    contract_id: str,
    *,
    terms: CompensationTerms,
    event: UsageEvent,
    key: str,
    generation_id: str | None = None,
    note: str = "",
) -> JournalEntry | None:
    """Record one event of a contract and post what it owes; None when it owes nothing.

    The same `key` posts once and gets the first entry again; the events of one contract queue
    behind each other. Raises RoyaltyRefused when the terms cannot price it, and PostingKeyReused
    when the key posted a different event.
    """
    book = lock_book(session, contract_id)
    document = event.model_dump(mode="json", exclude_none=True)
    first = session.exec(select(RecordedUse).where(RecordedUse.idempotency_key == key)).first()
    if first is not None:
        if (first.contract_id, first.event) != (contract_id, document):
            raise PostingKeyReused(f"{key!r} posted another event of {first.contract_id}")
        return entry_of(session, first.id)
    state = state_of(session, book, event)
    lines, after = post_event(terms, state, event)
    use = RecordedUse(
        idempotency_key=key,
        contract_id=contract_id,
        number=book.next_number,
        generation_id=generation_id,
        terms_sha256=_keep_terms(session, terms),
        event=document,
        effects=written(add(after.totals, negate(state.totals))),
        corrects_number=event.refund_of if event.reverse is None else event.reverse,
        length_us=_length_us(session, contract_id, event),
        note=note,
    )
    session.add(use)
    session.flush()
    book.next_number, book.totals = after.number, written(after.totals)
    session.add(book)
    return _post_entry(session, use, lines) if lines else None


def lock_book(session: Session, contract_id: str) -> ContractBook:
    """Open the contract's book, new or old, and keep others from it until this commits."""
    _ensure(session, ContractBook, contract_id=contract_id, next_number=0, totals={})
    return session.get_one(ContractBook, contract_id, with_for_update=True, populate_existing=True)


def state_of(session: Session, book: ContractBook, event: UsageEvent | None = None) -> RoyaltyState:
    """Return the state the book has come to; of earlier events, only the one `event` corrects."""
    corrected = None
    if event is not None:
        corrected = event.refund_of if event.reverse is None else event.reverse
    posted = {} if corrected is None else _posted(session, book.contract_id, corrected)
    return RoyaltyState(totals=read(book.totals), posted=posted, number=book.next_number)


def entry_of(session: Session, usage_event_id: str) -> JournalEntry | None:
    """Return the entry of a recorded event, if it owed anything."""
    return session.exec(
        select(JournalEntry).where(JournalEntry.usage_event_id == usage_event_id)
    ).first()


def lines_of(session: Session, entry_id: str) -> tuple[Line, ...]:
    """Return the lines of an entry in order."""
    rows = session.exec(  # columns, not objects: what the database holds now, not a cached copy
        select(Posting.account, Posting.currency, Posting.amount_minor)
        .where(Posting.entry_id == entry_id)
        .order_by(col(Posting.line))
    )
    return tuple(Line(*row) for row in rows)


def digest_of(entry: JournalEntry, lines: Iterable[Line]) -> str:
    """Return the SHA-256 of the entry's canonical JSON (RFC 8785): what a log may commit to."""
    content: dict[str, Any] = {
        "v": 1,
        "id": entry.id,
        "usage_event_id": entry.usage_event_id,
        "contract_id": entry.contract_id,
        "generation_id": entry.generation_id,
        "lines": [[line.account, line.currency, str(line.amount_minor)] for line in lines],
    }
    if entry.source is not None:
        content["source"] = entry.source
    return hashlib.sha256(rfc8785.dumps(content)).hexdigest()


def terms_digest(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the terms' canonical JSON (RFC 8785)."""
    return hashlib.sha256(rfc8785.dumps(dict(document))).hexdigest()


def written(totals: Effects) -> dict[str, str]:
    """Write exact totals as text."""
    return {name: str(amount) for name, amount in sorted(totals.items())}


def read(totals: Mapping[str, str]) -> dict[str, Fraction]:
    """Read exact totals back."""
    return {name: Fraction(amount) for name, amount in totals.items()}


def _post_entry(session: Session, use: RecordedUse, lines: tuple[Line, ...]) -> JournalEntry:
    check_balanced(lines)  # here, and in the database when the seal is set
    entry = JournalEntry(
        usage_event_id=use.id,
        contract_id=use.contract_id,
        generation_id=use.generation_id,
        digest="",
    )
    entry.digest = digest_of(entry, lines)
    write_entry(session, entry, lines)
    return entry


def write_entry(session: Session, entry: JournalEntry, lines: tuple[Line, ...]) -> None:
    """Write an entry, its postings and the seal that the database refuses unless they balance."""
    for account in sorted({line.account for line in lines}):  # one order: no deadlocks
        _ensure(session, Account, name=account)
    session.add(entry)
    session.flush()
    session.add_all(
        Posting(
            entry_id=entry.id,
            line=number,
            account=line.account,
            currency=line.currency,
            amount_minor=line.amount_minor,
        )
        for number, line in enumerate(lines)
    )
    session.flush()
    session.add(EntrySeal(entry_id=entry.id, lines=len(lines)))
    session.flush()


def _keep_terms(session: Session, terms: CompensationTerms) -> str:
    document = terms.model_dump(mode="json", exclude_unset=True)
    sha256 = terms_digest(document)
    if session.get(RoyaltyTerms, sha256) is None:
        kept = RoyaltyTerms(sha256=sha256, document=document)
        _ensure(session, RoyaltyTerms, **kept.model_dump())
    return sha256


def _ensure(session: Session, table: type[SQLModel], **values: object) -> None:
    """Insert the row unless it is there; two transactions may both try."""
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    target: sa.Table = table.__table__  # type: ignore[attr-defined]
    session.execute(dialect.insert(target).values(**values).on_conflict_do_nothing())


def _posted(session: Session, contract_id: str, number: int) -> dict[int, Posted]:
    """Replay nothing: gather what event `number` posted and what its corrections took off."""
    uses = session.exec(
        select(RecordedUse)
        .where(
            RecordedUse.contract_id == contract_id,
            (RecordedUse.number == number) | (RecordedUse.corrects_number == number),
        )
        .order_by(col(RecordedUse.number))
    ).all()
    if not uses or uses[0].number != number or uses[0].corrects_number is not None:
        return {}
    amounts: list[Line] = []
    effects: dict[str, Fraction] = {}
    standing = True
    for use in uses:
        entry = entry_of(session, use.id)
        lines = lines_of(session, entry.id) if entry else ()
        amounts = _sum(amounts, lines) if amounts else list(lines)
        effects = add(effects, read(use.effects))
        standing = standing and "reverse" not in use.event and entry is not None
    return {number: Posted(tuple(amounts), effects, standing)}


def _sum(one: Iterable[Line], other: Iterable[Line]) -> list[Line]:
    return [
        Line(left.account, left.currency, left.amount_minor + right.amount_minor)
        for left, right in zip(one, other, strict=True)
    ]


def _length_us(session: Session, contract_id: str, event: UsageEvent) -> int:
    if event.reverse is not None:
        return -session.exec(
            select(RecordedUse.length_us).where(
                RecordedUse.contract_id == contract_id, RecordedUse.number == event.reverse
            )
        ).one()
    return microseconds(event.seconds or 0)


def microseconds(seconds: int | str) -> int:
    """Return a length as whole microseconds, rounded up so that no quota is overrun."""
    return ceil(exact(seconds) * MICROSECONDS)
