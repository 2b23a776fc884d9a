"""The rows of the books, read and written plainly: every posting runs these statements."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlmodel import SQLModel, col, select

from app import clock
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
from app.statements import Statement


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


def carry_book(connection: sa.Connection, book: Book) -> None:
    """Write down what a locked book has come to."""
    _CARRY_BOOK.run(
        connection,
        of_contract_id=book.contract_id,
        next_number=book.next_number,
        totals=written(book.totals),
    )


def use_by_key(connection: sa.Connection, key: str) -> Kept | None:
    """Return the event that was posted under this key, if any was."""
    row = _USE_BY_KEY.first(connection, key=key)
    return None if row is None else Kept(*row)


def keep_terms(connection: sa.Connection, sha256: str, document: dict[str, Any]) -> None:
    """File the terms under their digest, once; two transactions may both try."""
    if _HAVE_TERMS.first(connection, sha256=sha256) is None:
        _KEEP_TERMS.run(connection, sha256=sha256, document=document, stored_at=clock.now())


def record_use(connection: sa.Connection, **values: Any) -> str:
    """Record one event of a contract and return its id."""
    use_id = new_id("use")
    _RECORD_USE.run(connection, id=use_id, recorded_at=clock.now(), **values)
    return use_id


def post_entry(connection: sa.Connection, entry: JournalEntry, lines: tuple[Line, ...]) -> None:
    """Write an entry, its postings and the seal that the database refuses unless they balance."""
    names = sorted({line.account for line in lines})  # one order: no deadlocks
    _OPEN_ACCOUNT.run_each(connection, [{"name": name} for name in names])
    _POST_ENTRY.run(connection, **entry.model_dump())
    _POST_LINE.run_each(
        connection,
        [
            {
                "entry_id": entry.id,
                "line": number,
                "account": line.account,
                "currency": line.currency,
                "amount_minor": line.amount_minor,
            }
            for number, line in enumerate(lines)
        ],
    )
    _SEAL.run(connection, entry_id=entry.id, lines=len(lines), sealed_at=entry.posted_at)


def written(totals: Effects) -> dict[str, str]:
    """Write exact totals as text."""
    return {name: str(amount) for name, amount in sorted(totals.items())}


def read(totals: Mapping[str, str]) -> dict[str, Fraction]:
    """Read exact totals back."""
    return {name: Fraction(amount) for name, amount in totals.items()}


def _book(contract_id: str, row: Iterable[Any] | None) -> Book | None:
    if row is None:
        return None
    next_number, totals = row
    return Book(contract_id, next_number, read(totals))
