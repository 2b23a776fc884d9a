"""What a seal of a row holds, and the rows of a database with their seals.

A seal is two HMACs under a salt of the row's own, one over what stays and one over what moves, in
an encoding that is the same on both databases. Seals form a chain: each head covers all before it.
"""

import hmac
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from itertools import chain, islice
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col, select

from app import marks
from app.anchored import OWN_LEAF, TABLES
from app.marks import Row, spelled
from app.transparency.models_anchor import RowSeal

START = bytes(32)
BATCH = 500
Shapes = Mapping[str, Mapping[str, list[str]]]


class Digests(NamedTuple):
    """The two digests of a row, under one salt."""

    fixed: bytes
    moving: bytes


def present_shapes() -> dict[str, dict[str, list[str]]]:
    """Return which columns of which tables are sealed now."""
    return {
        name: {
            "fixed": list(rules.fixed),
            "once": list(rules.once),
            "moving": list(rules.moving),
        }
        for name, rules in TABLES.items()
    }


class Seal(NamedTuple):
    """A `RowSeal` before it is one: there are many."""

    number: int
    anchor: int
    table_name: str
    row_key: str
    salt: bytes
    settled: str
    fixed: bytes
    moving: bytes
    state: str
    acted_us: int


def extend(head: bytes, seal: Seal | RowSeal) -> bytes:
    """Return the chain with one more seal."""
    about = (seal.table_name, seal.row_key, seal.settled, seal.state, seal.acted_us)
    place = spelled([seal.number, seal.anchor, *about])
    return sha256(head + sha256(place).digest() + seal.fixed + seal.moving).digest()


def digests(row: Row, seal: Seal | RowSeal, shape: Mapping[str, list[str]]) -> Digests:
    """Return the digests of a row as this seal of it covers it: its columns, under its salt."""
    fixed = [*shape["fixed"], *seal.settled.split()]
    moving = [*shape["once"], *shape["moving"]]
    return Digests(_digest(row, seal, "fixed", fixed), _digest(row, seal, "moving", moving))


def _digest(row: Row, seal: Seal | RowSeal, part: str, columns: list[str]) -> bytes:
    held = [[column, row[column]] for column in columns]
    about = [seal.table_name, seal.row_key, part, held]
    return hmac.digest(seal.salt, spelled(about), "sha256")


def table_of(name: str) -> sa.Table:
    """Return a table of evidence as the program declares it."""
    return SQLModel.metadata.tables[name]


def rows_by_key(
    session: Session, name: str, keys: Iterable[str] | None = None
) -> Iterator[tuple[str, Row]]:
    """Yield the rows under these keys, or all, each with its key; in no order that matters."""
    connection = session.connection()
    if keys is None:
        table = table_of(name)
        every = connection.execute(sa.select(table).order_by(*table.primary_key)).mappings()
        found: Iterator[tuple[str, Row]] = ((marks.key_of(table, row), row) for row in every)
    else:
        found = marks.rows_by_key(connection, name, keys)
    return ((key, row) for key, row in found if row.get("kind") != OWN_LEAF)


def sealed_rows(
    session: Session, name: str, keys: Iterable[str] | None = None
) -> Iterator[tuple[str, Row, list[RowSeal]]]:
    """Yield rows, each with its key and all of its seals, oldest first."""
    rows = rows_by_key(session, name, keys)
    while batch := list(islice(rows, BATCH)):
        seals = session.exec(
            select(RowSeal)
            .where(
                RowSeal.table_name == name,
                col(RowSeal.row_key).in_([key for key, _ in batch]),
            )
            .order_by(col(RowSeal.number))
        )
        held: dict[str, list[RowSeal]] = defaultdict(list)
        for seal in seals:
            held[seal.row_key].append(seal)
        for key, row in batch:
            yield key, row, held[key]


def sealed_keys(
    session: Session, name: str, keys: Iterable[str], *, until: int | None = None
) -> set[str]:
    """Return those of these keys that have a seal, of an anchor up to `until` where it is given."""
    listed = sorted(keys)
    early = sa.true() if until is None else col(RowSeal.anchor) <= until
    found = (
        session.exec(
            select(RowSeal.row_key).where(
                RowSeal.table_name == name,
                col(RowSeal.row_key).in_(listed[at : at + BATCH]),
                early,
            )
        ).all()
        for at in range(0, len(listed), BATCH)
    )
    return {*chain(*found)}
