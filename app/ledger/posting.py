"""Writing an event into the books: terms, event, entry, postings, seal, leaf, in that order."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import lru_cache
from math import ceil
from typing import Any

import rfc8785
from sqlmodel import Session, col, select

from app import canonical
from app.ids import new_id
from app.ledger import rows
from app.ledger.books import Line, Posted, RoyaltyState, add, check_balanced, difference
from app.ledger.errors import PostingKeyReused
from app.ledger.models import JournalEntry, Posting, RecordedUse
from app.ledger.rows import Book
from app.ledger.royalties import post_event
from app.ledger.terms import CompensationTerms, exact
from app.ledger.usage import UsageEvent
from app.statements import Call
from app.transparency import service as transparency

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
    session.flush()  # what follows is read and written plainly
    connection = session.connection()
    filed = terms.model_dump_json(exclude_unset=True)
    book, first, has_terms = rows.begin(
        connection, contract_id, key=key, terms_sha256=_digest_of_terms(filed)
    )
    document = event.model_dump(mode="json", exclude_none=True)
    if first is not None:
        if (first.contract_id, first.event) != (contract_id, document):
            raise PostingKeyReused(f"{key!r} posted another event of {first.contract_id}")
        return entry_of(session, first.id)
    state = state_of(session, book, event)
    lines, after = post_event(terms, state, event)
    use_id = new_id("use")
    if not has_terms:
        rows.keep_terms(connection, _digest_of_terms(filed), json.loads(filed))
    recorded = [
        rows.recording_use(
            use_id,
            idempotency_key=key,
            contract_id=contract_id,
            number=book.next_number,
            generation_id=generation_id,
            terms_sha256=_digest_of_terms(filed),
            event=document,
            effects=rows.written(difference(after.totals, state.totals)),
            corrects_number=event.refund_of if event.reverse is None else event.reverse,
            length_us=_length_us(session, contract_id, event),
            note=note,
        ),
        rows.carrying_book(Book(contract_id, after.number, dict(after.totals))),
    ]
    if not lines:
        rows.write(connection, recorded)
        return None
    check_balanced(lines)  # here, and in the database when the seal is set
    entry = rows.new_entry(
        usage_event_id=use_id, contract_id=contract_id, generation_id=generation_id
    )
    write_entry(session, entry, lines, after=recorded)
    return entry


def state_of(session: Session, book: Book, event: UsageEvent | None = None) -> RoyaltyState:
    """Return the state the book has come to; of earlier events, only the one `event` corrects."""
    corrected = None
    if event is not None:
        corrected = event.refund_of if event.reverse is None else event.reverse
    posted = {} if corrected is None else _posted(session, book.contract_id, corrected)
    return RoyaltyState(totals=book.totals, posted=posted, number=book.next_number)


def entry_of(session: Session, usage_event_id: str) -> JournalEntry | None:
    """Return the entry of a recorded event, if it owed anything."""
    return session.exec(
        select(JournalEntry).where(JournalEntry.usage_event_id == usage_event_id)
    ).first()


def lines_of(session: Session, entry_id: str) -> tuple[Line, ...]:
    """Return the lines of an entry in order."""
    found = session.exec(  # columns, not objects: what the database holds now, not a cached copy
        select(Posting.account, Posting.currency, Posting.amount_minor)
        .where(Posting.entry_id == entry_id)
        .order_by(col(Posting.line))
    )
    return tuple(Line(*row) for row in found)


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
    return hashlib.sha256(canonical.of_texts(content)).hexdigest()


def terms_digest(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the terms' canonical JSON (RFC 8785)."""
    return hashlib.sha256(rfc8785.dumps(dict(document))).hexdigest()


def write_entry(
    session: Session, entry: JournalEntry, lines: tuple[Line, ...], *, after: Iterable[Call] = ()
) -> None:
    """Write a new entry, its postings and the seal that the database refuses unless they balance.

    Its digest is reckoned here. Promises the log its leaf. What is given as `after` is written
    before it, in the same breath.
    """
    rows.give_digest(entry, digest_of(entry, lines))
    leaf = transparency.promise("journal-entry", entry.id, evidence(entry))
    rows.write(session.connection(), (*after, *rows.posting_entry(entry, lines), leaf))
    rows.attach_entry(session, entry)


def evidence(entry: JournalEntry) -> dict[str, str | None]:
    """Return what the leaf of an entry commits to; it names no account and no amount."""
    return {
        "entry_id": entry.id,
        "contract_id": entry.contract_id,
        "generation_id": entry.generation_id,
        "digest": entry.digest,
    }


@lru_cache(maxsize=1024)
def _digest_of_terms(filed: str) -> str:
    return terms_digest(json.loads(filed))


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
        effects = add(effects, rows.read(use.effects))
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
    if event.chosen:
        return 0  # its seconds were counted when it was a draft: it is not rendered again
    return microseconds(event.seconds or 0)


def microseconds(seconds: int | str) -> int:
    """Return a length as whole microseconds, rounded up so that no quota is overrun."""
    return ceil(exact(seconds) * MICROSECONDS)
