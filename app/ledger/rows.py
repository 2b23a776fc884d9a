"""The rows of the books, read and written plainly: every posting runs these statements."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import class_mapper, make_transient_to_detached
from sqlalchemy.orm.attributes import instance_dict, set_committed_value
from sqlmodel import Session, SQLModel, col, select

from app import clock
from app.db import Json
from app.ids import new_id
from app.ledger.books import Effects, Line
from app.ledger.models import (
    Account,
    ContractBook,
    EntrySeal,
    JournalEntry,
    Posting,
    RecordedUse,
    RoyaltyTerms,
)
from app.statements import Call, Statement, run_all, run_as_one, write_all


class Book(NamedTuple):
    """How far the events of one contract have come, and what they come to."""

    contract_id: str
    next_number: int
    totals: dict[str, Fraction]


class Kept(NamedTuple):
    """A recorded event, by the key it was posted under."""

    id: str
    contract_id: str
    event: dict[str, Any]


def _insert(table: type[SQLModel], *, unless_there: bool = False) -> Statement:
    row: dict[str, Any] = {each.name: sa.bindparam(each.name) for each in sa.inspect(table).columns}
    if unless_there:  # both databases spell this alike, and these words write it for either
        return Statement(postgresql.insert(table).values(row).on_conflict_do_nothing())
    return Statement(sa.insert(table).values(row))


_BOOK = select(ContractBook.next_number, ContractBook.totals).where(
    ContractBook.contract_id == sa.bindparam("contract_id")
)
_READ_BOOK, _LOCK_BOOK = Statement(_BOOK), Statement(_BOOK.with_for_update())
_OPEN_BOOK = _insert(ContractBook, unless_there=True)
_CARRY_BOOK = Statement(
    sa.update(ContractBook)
    .where(col(ContractBook.contract_id) == sa.bindparam("of_contract_id"))
    .values(next_number=sa.bindparam("next_number"), totals=sa.bindparam("totals"))
)
_USE_BY_KEY = Statement(
    select(RecordedUse.id, RecordedUse.contract_id, RecordedUse.event).where(
        RecordedUse.idempotency_key == sa.bindparam("key")
    )
)
_HAVE_TERMS = Statement(
    select(RoyaltyTerms.sha256).where(RoyaltyTerms.sha256 == sa.bindparam("sha256"))
)
_KEEP_TERMS = _insert(RoyaltyTerms, unless_there=True)
_RECORD_USE = _insert(RecordedUse)
_OPEN_ACCOUNT = _insert(Account, unless_there=True)
_POST_ENTRY, _POST_LINE, _SEAL = _insert(JournalEntry), _insert(Posting), _insert(EntrySeal)
_ENTRY_COLUMNS = tuple(each.name for each in sa.inspect(JournalEntry).columns)


_BEGIN = Statement(  # the three reads above, and opening the book
    sa.text("SELECT * FROM ledger_begin(:contract_id, :key, :terms_sha256)").columns(
        next_number=sa.Integer,
        totals=Json,
        use_id=sa.String,
        use_contract_id=sa.String,
        use_event=Json,
        has_terms=sa.Boolean,
    )
)
_WRITE = Statement(sa.text("SELECT ledger_write(CAST(:written AS jsonb))"))


def read_book(connection: sa.Connection, contract_id: str) -> Book | None:
    """Return where the contract's book stands; None where nothing was ever posted to it."""
    return _book(contract_id, _READ_BOOK.first(connection, contract_id=contract_id))


def lock_book(connection: sa.Connection, contract_id: str) -> Book:
    """Open the contract's book, new or old, and keep others from it until this commits."""
    if (row := _LOCK_BOOK.first(connection, contract_id=contract_id)) is None:
        _OPEN_BOOK.run(connection, contract_id=contract_id, next_number=0, totals={})
        row = _LOCK_BOOK.first(connection, contract_id=contract_id)
    book = _book(contract_id, row)
    assert book is not None  # noqa: S101 -- it was opened above, here or by who came first
    return book


class Standing(NamedTuple):
    """Where a posting starts: the locked book, what its key posted before, and its terms."""

    book: Book
    kept: Kept | None
    has_terms: bool


def begin(connection: sa.Connection, contract_id: str, *, key: str, terms_sha256: str) -> Standing:
    """Lock the contract's book, and then look for the key: who held the book may have posted it."""
    if connection.dialect.name == "postgresql":
        found = _BEGIN.first(
            connection, contract_id=contract_id, key=key, terms_sha256=terms_sha256
        )
        assert found is not None  # noqa: S101 -- a function returns its one row
        number, totals, *use, has_terms = found
        return Standing(
            Book(contract_id, number, read(totals)), Kept(*use) if use[0] else None, has_terms
        )
    wanted = (
        _LOCK_BOOK.call(contract_id=contract_id),
        _USE_BY_KEY.call(key=key),
        _HAVE_TERMS.call(sha256=terms_sha256),
    )
    row, kept, terms = run_all(connection, *wanted)
    if row is None:
        lock_book(connection, contract_id)
        row, kept, terms = run_all(connection, *wanted)
    book = _book(contract_id, row)
    assert book is not None  # noqa: S101 -- it was opened above
    return Standing(book, None if kept is None else Kept(*kept), terms is not None)


def write(connection: sa.Connection, calls: Iterable[Call]) -> None:
    """Run what was returned by the functions below: on PostgreSQL in one call, one round trip."""
    if connection.dialect.name == "postgresql":
        run_as_one(connection, _WRITE, *calls)
    else:
        write_all(connection, *calls)


def carrying_book(book: Book) -> Call:
    """Return what writes down what a locked book has come to."""
    return _CARRY_BOOK.call(
        of_contract_id=book.contract_id,
        next_number=book.next_number,
        totals=written(book.totals),
    )


def keep_terms(connection: sa.Connection, sha256: str, document: dict[str, Any]) -> None:
    """File the terms under their digest, once; two transactions may both try."""
    _KEEP_TERMS.run(connection, sha256=sha256, document=document, stored_at=clock.now())


def recording_use(use_id: str, **values: Any) -> Call:
    """Return what records one event of a contract."""
    return _RECORD_USE.call(id=use_id, recorded_at=clock.now(), **values)


def new_entry(**values: str | None) -> JournalEntry:
    """Return an entry with a new id, made as a read row is: without asking what each value does."""
    made = class_mapper(JournalEntry).class_manager.new_instance()
    whole = {"id": new_id("jre"), "digest": "", "posted_at": clock.now(), **values}
    instance_dict(made).update({name: whole.get(name) for name in _ENTRY_COLUMNS})
    entry: JournalEntry = made
    return entry


def give_digest(entry: JournalEntry, digest: str) -> None:
    """Say what the content of a new entry comes to."""
    set_committed_value(entry, "digest", digest)


def attach_entry(session: Session, entry: JournalEntry) -> None:
    """Have the session take a written entry for a row that it read, without reading it."""
    make_transient_to_detached(entry)
    session.add(entry)


def posting_entry(entry: JournalEntry, lines: tuple[Line, ...]) -> list[Call]:
    """Return what writes an entry, its postings, and the seal: refused unless they balance."""
    names = sorted({line.account for line in lines})  # one order: no deadlocks
    return [
        *(_OPEN_ACCOUNT.call(name=name) for name in names),
        _POST_ENTRY.call(**{name: getattr(entry, name) for name in _ENTRY_COLUMNS}),
        *(
            _POST_LINE.call(
                entry_id=entry.id,
                line=number,
                account=line.account,
                currency=line.currency,
                amount_minor=line.amount_minor,
            )
            for number, line in enumerate(lines)
        ),
        _SEAL.call(entry_id=entry.id, lines=len(lines), sealed_at=entry.posted_at),
    ]


def written(totals: Effects) -> dict[str, str]:
    """Write exact totals as text."""
    return {name: str(amount) for name, amount in sorted(totals.items())}


def read(totals: Mapping[str, str]) -> dict[str, Fraction]:
    """Read exact totals back."""
    return {
        name: Fraction(amount if "/" in amount else int(amount)) for name, amount in totals.items()
    }


def _book(contract_id: str, row: Iterable[Any] | None) -> Book | None:
    if row is None:
        return None
    next_number, totals = row
    return Book(contract_id, next_number, read(totals))
