"""Tie the database to the log: seal rows of evidence, chain the seals, log the chain.

`anchor_database` seals what bears a mark, and costs no more than these. It reckons in a reading
session; the write lock is held only to put down what was reckoned. A row is sealed where its marks
lead from its last seal to how it stands (`marks.py`). A seal is two HMACs under a salt of the row's
own, one over what stays and one over what moves, in an encoding that is the same on both databases.
The chain over all seals goes into a leaf. So whoever holds one checkpoint from outside holds the
whole of the evidence at that moment: `compare.py` finds what was edited, taken away, put in or
swapped. Nothing personal is in seal, chain or leaf.
"""

import hmac
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from hashlib import sha256
from itertools import chain, islice
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col, select

from app import clock, marks
from app.anchored import OWN_LEAF, TABLES
from app.marks import Act, Row, RowMark, spelled
from app.transparency import leaf, sequencer, service
from app.transparency.models_anchor import DatabaseAnchor, RowSeal

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


@dataclass(frozen=True)
class Reckoned:
    """An anchor that is not written yet, its seals, and the marks it answers."""

    anchor: DatabaseAnchor
    seals: list[Seal]
    marks: list[int | None]


def anchor_database(
    *, reading: sequencer.Transaction, writing: sequencer.Transaction, limit: int = 1_000
) -> int:
    """Seal all that waits and promise the log a leaf of the chain; return how many rows.

    An anchor answers about `limit` marks, then lets others write. Two who anchor at once do each
    row once. Pass `db.reading` and `db.writing`.
    """
    sealed = 0
    while True:
        with reading() as session:
            reckoned = reckon(session, limit=limit)
        if reckoned is None:
            return sealed
        with writing() as session:
            stands = write(session, reckoned)
        sealed += len(reckoned.seals) if stands else 0
        if stands and reckoned.anchor.whole:
            return sealed


def reckon(session: Session, *, limit: int = 1_000) -> Reckoned | None:
    """Return the next anchor, not written yet; None where nothing waits.

    It answers more than `limit` marks where a row has moved on by a later one, and all of them
    where a table is sealed for the first time, or in another shape than before.
    """
    last, shapes = newest_anchor(session), present_shapes()
    known = shapes_of(session, last)
    same = last is not None and known == shapes
    while True:
        oldest_first = select(RowMark).order_by(col(RowMark.id))
        waiting = session.exec(oldest_first.limit(limit) if same else oldest_first).all()
        if same and not waiting:
            return None
        whole = not same or len(waiting) < limit
        seals = _seals(session, marks.acts_of(waiting), last, known)
        if whole or not any(seal is None for seal in seals):
            break
        limit *= 2
    made = [seal for seal in seals if seal is not None]
    head = last.head if last else START
    for seal in made:
        head = extend(head, seal)
    anchor = DatabaseAnchor(
        number=_after(last),
        seals=(last.seals if last else 0) + len(made),
        head=head,
        whole=whole,
        shaped_by=last.shaped_by if last and same else _after(last),
        shapes={} if same else shapes,
        outbox_id="",
        anchored_at=clock.now(),
    )
    return Reckoned(anchor, made, [mark.id for mark in waiting])


def write(session: Session, reckoned: Reckoned) -> bool:
    """Write an anchor, its seals and the promise of its leaf; False where somebody was first."""
    sequencer.lock(session)
    anchor = reckoned.anchor
    if _after(newest_anchor(session)) != anchor.number:
        return False
    for at in range(0, len(reckoned.marks), BATCH):
        these = col(RowMark.id).in_(reckoned.marks[at : at + BATCH])
        session.execute(sa.delete(RowMark).where(these))
    if not reckoned.seals and anchor.shaped_by != anchor.number:
        return True  # nobody without the key leaves a mark that is answered
    if reckoned.seals:
        rows = [seal._asdict() for seal in reckoned.seals]
        session.connection().execute(sa.insert(RowSeal), rows)
    anchor.outbox_id = service.record(session, OWN_LEAF, subject(anchor), payload(anchor))
    session.add(anchor)
    session.flush()
    return True


def newest_anchor(session: Session) -> DatabaseAnchor | None:
    """Return the last anchor; a database that was never sealed has none."""
    newest_first = select(DatabaseAnchor).order_by(col(DatabaseAnchor.number).desc())
    return session.exec(newest_first.limit(1)).first()


def _after(last: DatabaseAnchor | None) -> int:
    return last.number + 1 if last else 1


def shapes_of(session: Session, anchor: DatabaseAnchor | None) -> Shapes:
    """Return the columns that the seals of an anchor cover, per table."""
    return session.get_one(DatabaseAnchor, anchor.shaped_by).shapes if anchor else {}


def has_marks(session: Session) -> bool:
    """Say whether any evidence waits to be sealed."""
    return session.exec(select(RowMark.id).limit(1)).first() is not None


def payload(anchor: DatabaseAnchor) -> dict[str, Any]:
    """Return what the leaf of an anchor commits to."""
    return {
        "head": anchor.head.hex(),
        "number": anchor.number,
        "seals": anchor.seals,
        "whole": anchor.whole,
        "shaped_by": anchor.shaped_by,
        "shapes": sha256(spelled(anchor.shapes)).hexdigest(),
        "at": anchor.anchored_at.astimezone(UTC).isoformat(timespec="microseconds"),
    }


def subject(anchor: DatabaseAnchor) -> str:
    """Return the id that the leaf of an anchor is recorded under."""
    return f"anchor:{anchor.number}"


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


Acts = Mapping[tuple[str, str], list[Act]]


def _seals(
    session: Session, acts: Acts, last: DatabaseAnchor | None, known: Shapes
) -> list[Seal | None]:
    """Return seals of all that is new or has moved; what was edited otherwise keeps its own.

    None stands for a row that has moved on since these acts.
    """
    made: list[Seal | None] = []
    number = last.seals if last else 0
    for name, shape in present_shapes().items():
        keys = [key for table, key in acts if table == name]
        reshaped = known.get(name) != shape
        if not (keys or reshaped):
            continue
        missing = set(keys)
        for key, row, seals in sealed_rows(session, name, None if reshaped else keys):
            missing.discard(key)
            before, done = seals[-1] if seals else None, acts.get((name, key), [])
            blank = _blank((number + 1, _after(last)), name, key, before, done)
            blank = blank._replace(
                settled=" ".join(each for each in shape["once"] if row[each] is not None),
                state=marks.state(name, key, row),
            )
            seal = blank._replace(**digests(row, blank, shape)._asdict())
            if _may_seal(row, before, seal, done, known.get(name)):
                number += 1
                made.append(seal)
            elif not reshaped and explain(before, done, None):
                made.append(None)
        for key in sorted(missing - sealed_keys(session, name, missing)):
            number += 1  # written by an act, and taken away before it was sealed
            made.append(_blank((number, _after(last)), name, key, None, acts[name, key]))
    return made


def _blank(
    place: tuple[int, int], name: str, key: str, before: RowSeal | None, done: list[Act]
) -> Seal:
    """Return the seal of a row that is not there, at its place: number and anchor."""
    return Seal(
        number=place[0],
        anchor=place[1],
        table_name=name,
        row_key=key,
        salt=before.salt if before else secrets.token_bytes(leaf.SALT_SIZE_BYTES),
        settled="",
        fixed=b"",
        moving=b"",
        state="",
        acted_us=done[-1].acted_us if done else before.acted_us if before else 0,
    )


def _may_seal(
    row: Row,
    before: RowSeal | None,
    seal: Seal,
    done: list[Act],
    shape: Mapping[str, list[str]] | None,
) -> bool:
    """Say whether acts have made the row what it is, or its table is sealed in another shape.

    A table that is sealed for the first time is taken as it is found.
    """
    if shape is None:
        return True
    reshaped = shape != present_shapes()[seal.table_name]
    explained = explain(before, done, stands(seal.table_name, seal.row_key, row), reshaped=reshaped)
    if before is None:
        return explained
    if not {*chain(*shape.values())} <= row.keys():
        return True  # a migration took a column away
    held = digests(row, before, shape)
    as_it_was = reshaped and held.moving == before.moving
    return held.fixed == before.fixed and (explained or as_it_was)


def stands(name: str, key: str, row: Row) -> Callable[[str], bool]:
    """Return what knows the state that a row is in, whatever the version it is said in."""
    return lambda said: marks.is_state(said, name, key, row)


def explain(
    before: RowSeal | None,
    done: list[Act],
    after: Callable[[str], bool] | None,
    *,
    reshaped: bool = False,
) -> bool:
    """Say whether acts have made a row what it is, from what was sealed, or from nothing.

    Without `after`, whether they follow on each other. Where the table has another shape than was
    sealed, the states of before mean nothing: it is enough that there was an act.
    """
    since = before.acted_us if before else 0
    if reshaped:
        return any(act.acted_us > since for act in done)
    start = before.state if before else marks.NOT_THERE
    return marks.leads(done, since=since, before=start, after=after)


def sealed_keys(session: Session, name: str, keys: Iterable[str]) -> set[str]:
    """Return those of these keys that have a seal."""
    listed = sorted(keys)
    found = (
        session.exec(
            select(RowSeal.row_key).where(
                RowSeal.table_name == name, col(RowSeal.row_key).in_(listed[at : at + BATCH])
            )
        ).all()
        for at in range(0, len(listed), BATCH)
    )
    return {*chain(*found)}
