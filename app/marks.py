"""What acts of this program did to evidence, under the `evidence` key, until the log seals it.

Whoever writes evidence, through a session or a compiled statement, notes it here; at the end of the
transaction one row says of each row of evidence in which state it was before and in which it is
now. A state is a keyed digest of all that a seal covers. So who may write to the database but has
no keys can leave no mark: an edit breaks the line of states, and the next act does not mend it.
"""

import hmac
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from functools import cache
from hashlib import blake2b
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Any, NamedTuple

import sqlalchemy as sa
from pydantic_core import to_json
from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, UOWTransaction
from sqlmodel import Field, Session, SQLModel

from app import clock, keys
from app.anchored import OWN_LEAF, TABLES

Row = Mapping[Any, Any]
NOT_THERE = "-"  # the state of a row before it is written, and of one that is gone
_STATE_BYTES = 16
_BATCH = 500
_INSERT = "INSERT INTO row_mark (acted_us, changes, seal) VALUES ({0}, {0}, {0})"
_NEWEST = """SELECT max(newest) FROM (SELECT max(acted_us) AS newest FROM row_mark
WHERE acted_us < {0} UNION ALL SELECT max(acted_us) FROM row_seal WHERE acted_us < {0}) AS acts"""
_YEAR_US = 365 * 86_400 * 1_000_000
_PENDING = "marks"
_OR = "+"  # between the versions of a state before


class RowMark(SQLModel, table=True):
    """What one transaction did, authenticated: a line a row, `table before after key`.

    A state before that is known in two versions is `first+second`. `acted_us` are microseconds
    since 1970, and grow with every act of a process and on a row, whichever process acts: past the
    newest there is, where a clock is behind another (Lamport, "Time, Clocks", 1978).
    """

    __tablename__ = "row_mark"

    id: int | None = Field(
        default=None,
        sa_column=sa.Column(
            sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
    )
    acted_us: int = Field(sa_type=sa.BigInteger, index=True)
    changes: str
    seal: bytes


class Act(NamedTuple):
    """One change of one row by an act, as an authentic mark says.

    `before` is the state it was in, once in each version: the seal it follows may be of an old one.
    """

    acted_us: int
    before: tuple[str, ...]
    after: str


def row_key(values: Iterable[Any]) -> str:
    """Return the one spelling of a primary key: JSON."""
    each = [encode_basestring(v) if isinstance(v, str) else str(int(v)) for v in values]
    return f"[{','.join(each)}]"


def key_of(table: sa.Table, row: Row) -> str:
    """Return the spelled primary key of a row."""
    return row_key([row[name] for name in _key_columns(table)])


@cache
def _key_columns(table: sa.Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.primary_key)


def spelled(value: Any) -> bytes:
    """Return the one spelling of values, the same on both databases."""
    return _encode(value).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"instant": _instant(value)}
    if isinstance(value, bytes | memoryview):
        return {"bytes": bytes(value).hex()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    raise TypeError(f"evidence of type {type(value).__name__} has no spelling yet: give it one")


_encode = json.JSONEncoder(separators=(",", ":"), sort_keys=True, default=_plain).encode


class InOrder(str):
    """JSON as `in_order` writes it: its state is reckoned from the text, without reading it."""

    __slots__ = ()


def in_order(value: Any) -> str:
    """Write JSON with its keys in one order, as states spell it: for who writes evidence often."""
    return to_json(_ordered(value) if isinstance(value, _NESTED) else value).decode()


_AS_THEY_ARE = frozenset({str, int, bool, type(None)})
_NESTED = (dict, list, tuple)
_JSON = (*_NESTED, InOrder)
_SECOND = "2:"  # how a state begins that is of the second version; the first has no beginning


def state(name: str, key: str, row: Row) -> str:
    """Return the state that a row is in, which nobody without the key can compute: keyed BLAKE2b.

    Reckoned for every row that is written, so values are spelled in the quickest way that is the
    same on both databases; JSON by a digest, which is what makes the second version of a state.
    """
    held, nested = _held(name, row)
    for at in nested:
        value = held[at]
        text = value.encode() if isinstance(value, InOrder) else to_json(_ordered(value))
        digest = blake2b(text, digest_size=_STATE_BYTES)
        held[at] = [digest.hexdigest()]  # a list: no text that a row could hold instead is one
    return f"{_SECOND if nested else ''}{_keyed(name, key, held)}"


def is_state(said: str, name: str, key: str, row: Row) -> bool:
    """Say whether a row is in this state, in the version it was said in."""
    found = state if said.startswith(_SECOND) else _first_state
    return hmac.compare_digest(said, found(name, key, row))


def _first_state(name: str, key: str, row: Row) -> str:
    held, nested = _held(name, row)
    for at in nested:
        held[at] = _encode(held[at])
    return _keyed(name, key, held)


def _each_state(name: str, key: str, row: Row) -> str:
    """Return the state of a row that is about to change: a seal of it may be of either version."""
    return _OR.join(dict.fromkeys((_first_state(name, key, row), state(name, key, row))))


def _held(name: str, row: Row) -> tuple[list[Any], list[int]]:
    """Return what a row holds as a state spells it, and where in it there is JSON still."""
    held, nested = [*_sealed_of(name)(row)], []
    for at, value in enumerate(held):
        if type(value) in _AS_THEY_ARE:
            continue
        if isinstance(value, _JSON):
            nested.append(at)
        else:
            held[at] = _spelled_state(value)
    return held, nested


@cache
def _sealed_of(name: str) -> Callable[[Row], tuple[Any, ...]]:
    first, second, *more = TABLES[name].sealed  # two at least, or it would return no tuple
    return itemgetter(first, second, *more)


def _keyed(name: str, key: str, held: list[Any]) -> str:
    said = ascii([name, key, held]).encode()
    return blake2b(said, key=keys.secret("evidence"), digest_size=_STATE_BYTES).hexdigest()


def _ordered(value: Any) -> Any:
    """Return JSON with its keys in one order: PostgreSQL keeps them in another than they came."""
    if isinstance(value, dict):
        return {
            key: _ordered(held) if isinstance(held, _NESTED) else held
            for key, held in sorted(value.items())
        }
    return [_ordered(each) if isinstance(each, _NESTED) else each for each in value]


def _spelled_state(value: Any) -> str:
    if isinstance(value, str):  # a member of an enumeration is read back as plain text
        return str.__str__(value)
    return _instant(value) if isinstance(value, datetime) else _encode(value)


def _instant(value: datetime) -> str:
    utc = value if value.tzinfo is UTC else value.astimezone(UTC)
    return utc.isoformat(timespec="microseconds")


# What a transaction has done so far: (table, key) -> [state before, state after or None: look].
Pending = dict[tuple[str, str], list[str | None]]


class Added(NamedTuple):
    """A row of evidence that is about to be put in, with exactly the values it was made of."""

    name: str
    key: str
    state: str


def adding(table: sa.Table, row: Row) -> Added | None:
    """Return how a row will stand, to be noted once it does; None for what leaves no mark."""
    if row.get("kind") == OWN_LEAF:
        return None
    key = key_of(table, row)
    return Added(table.name, key, state(table.name, key, row))


def note_added(connection: sa.Connection, row: Added | None) -> None:
    """Note that a row of evidence was put in."""
    if row is not None:
        _note(connection, row.name, row.key, NOT_THERE, row.state)


def _note(
    connection: sa.Connection, name: str, key: str, before: str, after: str | None = None
) -> None:
    pending: Pending = connection.info.setdefault(_PENDING, {})
    first = pending.get((name, key))
    pending[name, key] = [before, after] if first is None else [first[0], None]


def write_out(connection: sa.Connection) -> None:
    """Write down what this transaction did to evidence since it was last written down."""
    pending: Pending | None = connection.info.pop(_PENDING, None)
    if not pending:
        return
    unread: dict[str, list[str]] = defaultdict(list)
    for (name, key), (_, after) in pending.items():
        if after is None:
            unread[name].append(key)
    for name, those in unread.items():
        for key, row in rows_by_key(connection, name, those):
            pending[name, key][1] = state(name, key, row)
    changes = [
        f"{name} {before} {after or NOT_THERE} {key}"
        for (name, key), (before, after) in pending.items()
        if before and (after or NOT_THERE) not in before.split(_OR)
    ]
    if changes:
        is_first = all(before == NOT_THERE for before, _ in pending.values())
        at, said = _now_us(0 if is_first else _newest_us(connection)), "\n".join(changes)
        _cursor(connection, _INSERT, (at, said, _seal(at, said)))


def _newest_us(connection: sa.Connection) -> int:
    """Return when the newest act was that others see, by whatever clock.

    One of a year ahead is none of ours: nobody moves our time to its end by a row of theirs.
    """
    end_us = int(clock.now().timestamp() * 1_000_000) + _YEAR_US
    (newest,) = _cursor(connection, _NEWEST, (end_us, end_us)).fetchone()
    return newest or 0


def _cursor(connection: sa.Connection, statement: str, values: tuple[Any, ...]) -> Any:
    cursor = connection.connection.cursor()
    cursor.execute(
        statement.format("?" if connection.dialect.paramstyle == "qmark" else "%s"), values
    )
    return cursor


def forget(connection: sa.Connection) -> None:
    """Drop what was noted and not written down: it was undone.

    A connection that died has nothing noted: that was kept with it, and asking it would raise.
    """
    if not connection.invalidated:
        connection.info.pop(_PENDING, None)


def rows_by_key(
    connection: sa.Connection, name: str, keys: Iterable[str], *, lock: bool = False
) -> Iterator[tuple[str, Row]]:
    """Yield the rows of a table under these keys, each with its key."""
    table = SQLModel.metadata.tables[name]
    listed = [tuple(json.loads(key)) for key in keys]
    for at in range(0, len(listed), _BATCH):
        these = sa.select(table).where(sa.tuple_(*table.primary_key).in_(listed[at : at + _BATCH]))
        for row in connection.execute(these.with_for_update() if lock else these).mappings():
            yield key_of(table, row), row


def is_authentic(mark: RowMark) -> bool:
    """Say whether this program left the mark, and nobody edited it."""
    return hmac.compare_digest(mark.seal, _seal(mark.acted_us, mark.changes))


def acts_of(marks: Iterable[RowMark]) -> dict[tuple[str, str], list[Act]]:
    """Return what authentic marks say was done to each row, oldest first."""
    acts: dict[tuple[str, str], list[Act]] = defaultdict(list)
    for mark in marks:
        if is_authentic(mark):
            for line in mark.changes.split("\n"):  # a key is JSON: it holds no line feed
                name, before, after, key = line.split(" ", 3)
                acts[name, key].append(Act(mark.acted_us, tuple(before.split(_OR)), after))
    return acts


def leads(
    acts: list[Act], *, since: int, before: str, after: Callable[[str], bool] | None = None
) -> bool:
    """Say whether acts, each after the other and all later than `since`, lead to a state.

    `after` knows that state. Without it, whether they lead anywhere.
    """
    for act in acts:
        if before not in act.before or act.acted_us <= since:
            return False
        since, before = act.acted_us, act.after
    return bool(acts) and (after is None or after(before))


def _seal(acted_us: int, changes: str) -> bytes:
    return hmac.digest(keys.secret("evidence"), f"mark {acted_us} {changes}".encode(), "sha256")


_last_us = 0


def _now_us(newest_us: int) -> int:
    """Return the instant of an act, past every act of this process and past `newest_us`."""
    global _last_us  # noqa: PLW0603 -- two acts on one row have an order, whatever clocks do
    _last_us = max(_last_us + 1, newest_us + 1, int(clock.now().timestamp() * 1_000_000))
    return _last_us


def listen(engine: sa.Engine) -> None:
    """Have every transaction of this engine write down its marks before it commits.

    So it does before a savepoint begins or is kept; what is undone is forgotten.
    """
    for name in ("commit", "savepoint", "release_savepoint"):
        event.listen(engine, name, _writes_out)
    for name in ("begin", "rollback", "rollback_savepoint"):
        event.listen(engine, name, _forgets)


def _writes_out(connection: sa.Connection, *_: object) -> None:
    write_out(connection)


def _forgets(connection: sa.Connection, *_: object) -> None:
    forget(connection)


@event.listens_for(Session, "before_flush")
def _note_flushed(session: Session, _context: UOWTransaction, _instances: object) -> None:
    changed: dict[str, list[str]] = defaultdict(list)
    for things, is_new in ((session.new, True), (session.dirty, False)):
        for thing in things:
            table = sa.inspect(type(thing)).local_table
            if not isinstance(table, sa.Table) or table.name not in TABLES:
                continue
            key = row_key(getattr(thing, column.name) for column in table.primary_key)
            if is_new and getattr(thing, "kind", None) != OWN_LEAF:
                _note(session.connection(), table.name, key, NOT_THERE)
            elif not is_new and _changed(thing, TABLES[table.name].sealed):
                changed[table.name].append(key)
    for name, those in changed.items():
        _note_changing(session.connection(), name, those)


def _note_changing(connection: sa.Connection, name: str, those: Iterable[str]) -> None:
    """Note in which state rows are that this transaction is about to change; lock them."""
    pending: Pending = connection.info.get(_PENDING, {})
    for key in those:
        if (name, key) in pending:
            pending[name, key][1] = None
    unknown = [key for key in those if (name, key) not in pending]
    for key, row in rows_by_key(connection, name, unknown, lock=True):
        _note(connection, name, key, _each_state(name, key, row))


def _changed(thing: object, columns: tuple[str, ...]) -> bool:
    attributes = sa.inspect(thing).attrs
    return any(attributes[name].history.has_changes() for name in columns)


@event.listens_for(Session, "do_orm_execute")
def _note_statement(orm: ORMExecuteState) -> Any:
    """Note the rows that a statement of a session writes."""
    statement = orm.statement
    table = getattr(statement, "table", None)
    if not isinstance(table, sa.Table) or table.name not in TABLES or orm.is_select:
        return None
    connection = orm.session.connection()
    if isinstance(statement, sa.Update):
        found = sa.select(*table.primary_key).where(*statement._where_criteria)  # noqa: SLF001
        rows = connection.execute(found.with_for_update(), orm.parameters)
        _note_changing(connection, table.name, [row_key(row) for row in rows])
        return None
    if not isinstance(statement, sa.Insert):
        return None  # evidence is never deleted: a check will name what is gone
    given: Any = orm.parameters or statement.compile(dialect=connection.dialect).params
    result = orm.invoke_statement(execution_options={"preserve_rowcount": True})
    written = getattr(result, "rowcount", None)
    if written is None and statement._post_values_clause is not None:  # noqa: SLF001
        raise TypeError(f"give the table, not its class: who tells whether {table.name} grew?")
    if written != 0:  # 0 where somebody had put in the same before
        for row in given if isinstance(given, list) else [given]:
            _note(connection, table.name, key_of(table, row), NOT_THERE)
    return result
