"""Hold the database against the log: name the first row that is not what was sealed.

What is compared, so that one checkpoint from outside covers all of it:
1. the leaf rows are the published entries, no promise claims a leaf that is not its own, and the
   noted checkpoints are the published ones;
2. every anchor in the log has its row, in order, and opens its leaf; the chain over the seals gives
   the head that the leaf holds: no seal was edited, added, dropped or reordered;
3. every mark is authentic;
4. every sealed row is there; what stays fits each of its seals, and the whole row is as the last
   seal has it, or as authentic marks lead to from there;
5. no row stands outside: marks of acts lead to one without a seal, and none claims to be older than
   an anchor that did not hold it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import marks
from app.anchored import OWN_LEAF, TABLES
from app.errors import AppError
from app.marks import RowMark
from app.transparency import anchor, leaf, note, sequencer, service, tiles
from app.transparency.models import LogCheckpoint, LogLeaf, LogOutbox
from app.transparency.models_anchor import DatabaseAnchor, RowSeal
from app.transparency.seals import (
    START,
    Shapes,
    digests,
    extend,
    present_shapes,
    sealed_keys,
    sealed_rows,
    table_of,
)
from app.transparency.verify import Difference

COMMITTED_WITHIN = timedelta(minutes=5)  # from a row's own instant to the commit that shows it


def compare_database(
    session: Session, key: note.VerifierKey, *, read: tiles.ReadTile | None = None
) -> Difference | None:
    """Return the first difference between this database and the published log, or None.

    Give it a session of its own: it then sees one moment, whatever is written meanwhile. Reads
    every row of evidence once.
    """
    if session.get_bind().dialect.name == "postgresql" and not session.in_transaction():
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    try:
        return (
            service.compare_rows(session, read=read)
            or next(_promises(session), None)
            or next(_checkpoints(session, key), None)
            or next(_anchors(session), None)
            or next(_chain(session), None)
            or next(_evidence(session), None)
        )
    except AppError as error:
        return Difference("log_checkpoint", error.detail)
    except (ValueError, TypeError, LookupError, sa.exc.StatementError) as error:
        return Difference("database", f"a row cannot be read: {type(error).__name__}")


def moved_since(session: Session, size: int) -> list[tuple[str, str]]:
    """Return table and key of each row that a log of `size` leaves held, and an act moved since.

    A kept checkpoint says how such a row was; how it is now rests on the acts, and on who has the
    server's keys. Every other row that was there stands as it was, where nothing differs.
    """
    covered = session.exec(
        select(sa.func.max(DatabaseAnchor.number))
        .join(LogOutbox, col(LogOutbox.id) == DatabaseAnchor.outbox_id)
        .where(col(LogOutbox.leaf_index) < size)
    ).one()
    later = select(RowSeal.table_name, RowSeal.row_key).where(col(RowSeal.anchor) > (covered or 0))
    changed = {*marks.acts_of(session.exec(select(RowMark)))}
    changed.update((name, key) for name, key in session.exec(later.distinct()))
    keys_of: dict[str, list[str]] = defaultdict(list)
    for name, key in changed:
        keys_of[name].append(key)
    return [
        (name, key)
        for name, keys in sorted(keys_of.items())
        for key in sorted(sealed_keys(session, name, keys, until=covered or 0))
    ]


def _promises(session: Session) -> Iterator[Difference]:
    claims = session.exec(
        select(LogOutbox)
        .join(LogLeaf, col(LogLeaf.outbox_id) == LogOutbox.id, isouter=True)
        .where(
            col(LogOutbox.leaf_index).is_not(None),
            sa.or_(
                col(LogLeaf.leaf_index).is_(None), col(LogLeaf.leaf_index) != LogOutbox.leaf_index
            ),
        )
    )
    for row in claims:
        detail = f"{row.id} claims leaf {row.leaf_index}, which is not its own"
        yield Difference("log_outbox", detail, row.leaf_index)


def _checkpoints(session: Session, key: note.VerifierKey) -> Iterator[Difference]:
    noted = session.exec(select(LogCheckpoint).order_by(col(LogCheckpoint.number))).all()
    for number, row in enumerate(noted, 1):
        where = f"checkpoint {number}"
        if row.number != number:
            yield Difference("log_checkpoint", f"{where} is gone from the database")
            return
        try:
            published = sequencer.published_checkpoint(number)
            head = note.open_checkpoint(row.note.encode(), key)
        except AppError as error:
            yield Difference("log_checkpoint", f"{where}: {error.detail}")
            return
        if published != row.note.encode() or (head.size, head.root) != (row.size, row.root_hash):
            yield Difference("log_checkpoint", f"{where} is not the one that was published")


def _anchors(session: Session) -> Iterator[Difference]:
    """Open every anchor's leaf, in the order of the log."""
    logged = session.exec(
        select(LogOutbox)
        .where(LogOutbox.kind == OWN_LEAF)
        .order_by(col(LogOutbox.leaf_index).is_(None), col(LogOutbox.leaf_index))
    ).all()
    anchors = session.exec(select(DatabaseAnchor).order_by(col(DatabaseAnchor.number))).all()
    if [row.id for row in logged] != [each.outbox_id for each in anchors]:
        yield Difference("database_anchor", "the anchors are not those that the log holds")
        return
    for number, (row, each) in enumerate(zip(logged, anchors, strict=True), 1):
        try:
            leaf.open_leaf(
                row.entry.encode(), anchor.subject(each), anchor.payload(each), salt=row.salt or b""
            )
        except AppError as error:
            yield Difference("database_anchor", f"anchor {number}: {error.detail}", row.leaf_index)
        if each.number != number or row.subject_id != anchor.subject(each):
            yield Difference("database_anchor", f"anchor {number} is gone", row.leaf_index)


def _chain(session: Session) -> Iterator[Difference]:
    anchors = iter(session.exec(select(DatabaseAnchor).order_by(col(DatabaseAnchor.number))))
    due = next(anchors, None)
    head, count = START, 0
    seals = select(RowSeal).order_by(col(RowSeal.number)).execution_options(yield_per=500)
    for count, seal in enumerate(session.exec(seals), 1):
        while due is not None and due.seals < count:
            if due.head != head:
                yield Difference("row_seal", f"the seals do not give anchor {due.number}")
            due = next(anchors, None)
        if due is None or seal.number != count or seal.anchor != due.number:
            yield Difference("row_seal", f"seal {count} is gone, or is of no anchor")
            return
        head = extend(head, seal)
    while due is not None:
        if due.seals != count or due.head != head:
            yield Difference("row_seal", f"the seals do not give anchor {due.number}")
        due = next(anchors, None)


class _Anchor(NamedTuple):
    at: datetime
    whole: bool
    shapes: Shapes


def _evidence(session: Session, names: Iterable[str] = TABLES) -> Iterator[Difference]:
    made = {each.number: each for each in session.exec(select(DatabaseAnchor)).all()}
    anchors = {
        number: _Anchor(each.anchored_at, each.whole, made[each.shaped_by].shapes)
        for number, each in made.items()
    }
    known = anchor.shapes_of(session, anchor.newest_anchor(session))
    shapes = present_shapes()
    waiting = session.exec(select(RowMark).order_by(col(RowMark.id))).all()
    for mark in waiting:
        if not marks.is_authentic(mark):
            yield Difference("row_mark", f"mark {mark.id} is of nobody who holds the key")
    acts = marks.acts_of(waiting)
    for name in sorted({*names} & known.keys()):  # a new table waits for its first anchor
        seen: set[str] = set()
        births: dict[str, dict[str, datetime]] = {}
        for key, row, seals in sealed_rows(session, name):
            seen.add(key)
            done = acts.get((name, key), [])
            reshaped = known.get(name) != shapes[name]
            yield from _row(name, key, row, seals, done, anchors=anchors, reshaped=reshaped)
            if TABLES[name].born:
                born = _born(session, name, row, births)
                yield from _backdated(name, key, born, seals, anchors)
        sealed = session.exec(select(RowSeal.row_key).where(RowSeal.table_name == name).distinct())
        due = {*sealed, *(key for table, key in acts if table == name)}
        yield from (Difference(name, f"{key} is gone") for key in sorted(due - seen))


def _row(
    name: str,
    key: str,
    row: marks.Row,
    seals: list[RowSeal],
    done: list[marks.Act],
    *,
    anchors: dict[int, _Anchor],
    reshaped: bool,
) -> Iterator[Difference]:
    last = seals[-1] if seals else None
    explained = anchor.explain(last, done, anchor.stands(name, key, row), reshaped=reshaped)
    if not seals and not explained:
        yield Difference(name, f"{key} was put in past the program")
    for seal in seals:
        shape = anchors[seal.anchor].shapes[name]
        if not {*chain(*shape.values())} <= row.keys():
            continue  # a migration took a column away; the seals after it cover what is left
        found = digests(row, seal, shape)
        if found.fixed != seal.fixed:
            yield Difference(name, f"{key} was edited after it was sealed")
        elif seal is last and not explained and (done or found.moving != seal.moving):
            yield Difference(name, f"{key} was changed by no act of this program")


def _backdated(
    name: str,
    key: str,
    born: datetime,
    seals: list[RowSeal],
    anchors: dict[int, _Anchor],
) -> Iterator[Difference]:
    before = seals[0].anchor - 1 if seals else len(anchors)
    while before and not anchors[before].whole:  # it left what waited to the next
        before -= 1
    if before and name in anchors[before].shapes:
        held_at = anchors[before].at
        if born < held_at - COMMITTED_WITHIN:
            yield Difference(name, f"{key} claims to be of {born}, and was not there at {held_at}")


def _born(
    session: Session, name: str, row: marks.Row, births: dict[str, dict[str, datetime]]
) -> datetime:
    """Return when a row says it came to be: by its own instant, or by that of its parent."""
    column, _, parent = TABLES[name].born.partition(">")
    if not parent:
        instant: datetime = row[column]
        return instant
    if parent not in births:
        births[parent] = _births(session, parent)
    return births[parent][row[column]]


def _births(session: Session, name: str) -> dict[str, datetime]:
    table = table_of(name)
    (primary,) = table.primary_key
    found: Any = session.connection().execute(sa.select(primary, table.c[TABLES[name].born]))
    return {row[0]: row[1] for row in found}
