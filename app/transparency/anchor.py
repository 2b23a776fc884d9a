"""Tie the database to the log: seal rows of evidence, chain the seals, log the chain.

`anchor_database` seals what bears a mark, and costs no more than these. It reckons in a reading
session; the write lock is held only to put down what was reckoned. A row is sealed (`seals.py`)
where its marks lead from its last seal to how it stands (`marks.py`). The chain over all seals goes
into a leaf. So whoever holds one checkpoint from outside holds the whole of the evidence at that
moment: `compare.py` finds what was edited, taken away, put in or swapped. Nothing personal is in
seal, chain or leaf.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from hashlib import sha256
from itertools import chain
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import clock, marks
from app.anchored import OWN_LEAF
from app.marks import Act, Row, RowMark, spelled
from app.transparency import leaf, sequencer, service
from app.transparency.models_anchor import DatabaseAnchor, RowSeal
from app.transparency.seals import (
    BATCH,
    START,
    Seal,
    Shapes,
    digests,
    extend,
    present_shapes,
    sealed_keys,
    sealed_rows,
)


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
