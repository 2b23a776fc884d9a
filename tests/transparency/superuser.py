"""Somebody with every right to the database, and who looks whether they are found."""

import secrets
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, SQLModel

from app import clock, db, marks, publication
from app.anchored import TABLES
from app.marks import RowMark
from app.transparency import anchor, compare


class Superuser:
    """Somebody who may do anything to the database, past every trigger and constraint."""

    def __init__(self, session: Session) -> None:
        self._connection = session.connection()
        if self._connection.dialect.name == "postgresql":
            self._run("SET LOCAL session_replication_role = replica")
            found = self._run("SELECT conrelid::regclass, conname FROM pg_constraint"
                              " WHERE contype IN ('c', 'f', 'u')"
                " AND connamespace = 'public'::regnamespace AND conrelid <> 0"
                              " ORDER BY contype = 'u'")  # fmt: skip
            for table, name in found.all():
                self._run(f'ALTER TABLE {table} DROP CONSTRAINT IF EXISTS "{name}" CASCADE')
            return
        self._run("PRAGMA defer_foreign_keys = ON")
        self._run("PRAGMA ignore_check_constraints = ON")
        found = self._run("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in found.all():
            self._run(f"DROP TRIGGER {name}")

    def _run(self, statement: str) -> Any:
        return self._connection.execute(sa.text(statement))

    def rows(self, table: sa.Table) -> list[dict[str, Any]]:
        ordered = sa.select(table).order_by(*table.primary_key)
        return [dict(row) for row in self._connection.execute(ordered).mappings()]

    def edit(self, table: sa.Table, row: dict[str, Any], **changes: Any) -> None:
        self._connection.execute(sa.update(table).where(*_is(table, row)).values(**changes))

    def delete(self, table: sa.Table, row: dict[str, Any]) -> None:
        self._connection.execute(sa.delete(table).where(*_is(table, row)))

    def insert(self, table: sa.Table, row: dict[str, Any]) -> None:
        self._connection.execute(sa.insert(table).values(**row))

    def mark(self, table: sa.Table, row: dict[str, Any], was: dict[str, Any] | None = None) -> None:
        """Leave a mark as the program would: for this it takes the server's keys as well."""
        key = marks.key_of(table, row)
        before = marks.NOT_THERE if was is None else marks.state(table.name, key, was)
        marks._note(self._connection, table.name, key, before)
        marks.write_out(self._connection)

    def forge_mark(self, table: sa.Table, row: dict[str, Any]) -> None:
        """Leave a mark as well as it goes without the keys."""
        change = f"{table.name} {'0' * 32} {'1' * 32} {marks.key_of(table, row)}"
        forged = RowMark(acted_us=2**60, changes=change, seal=secrets.token_bytes(32))
        values = forged.model_dump(exclude={"id"})
        self._connection.execute(sa.insert(RowMark).values(**values))


def _is(table: sa.Table, row: dict[str, Any]) -> list[Any]:
    return [column == row[column.name] for column in table.primary_key]


def another(value: Any, column: sa.Column[Any]) -> Any:
    """Return another value that this column could hold."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1000
    if isinstance(value, str):
        return f"{value}x"
    if isinstance(value, datetime):
        return value + timedelta(seconds=1)
    if isinstance(value, date):
        return value + timedelta(days=1)
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:]
    if isinstance(value, dict):
        return {**value, "x": 1}
    if isinstance(value, list):
        return [*value, "x"]
    kind = column.type
    if isinstance(kind, db.Instant):
        return clock.now()
    if isinstance(kind, sa.Date):
        return clock.now().date()
    if isinstance(kind, db.Json):
        return {"y": 1}
    return 1 if isinstance(kind, sa.Integer) else b"x" if isinstance(kind, sa.LargeBinary) else "x"


def tables(names: Any = None) -> list[sa.Table]:
    return [SQLModel.metadata.tables[name] for name in sorted(names or TABLES)]


def model_of(table: sa.Table) -> Any:
    """Return the class whose rows a table holds."""
    mappers = SQLModel._sa_registry.mappers
    return next(each.class_ for each in mappers if each.local_table is table)


def anchor_in(session: Session) -> bool:
    """Anchor within a session that is not committed; say whether anything waited."""
    session.flush()
    marks.write_out(session.connection())
    reckoned = anchor.reckon(session)
    return reckoned is not None and anchor.write(session, reckoned)


def seen(session: Session, deed: Any, table: sa.Table) -> str:
    """Do it, and return what is found among the rows of a table; undo it."""
    with session.begin_nested() as point:
        session.connection()  # only now is the savepoint set
        deed()
        session.expire_all()
        found = [each.detail for each in compare._evidence(session, [table.name])]
        point.rollback()
    return "; ".join(found)


def unseen(session: Session, deed: Any, table: sa.Table, *words: Any) -> bool:
    """Do it, look, and undo it; say whether the look missed it."""
    with session.begin_nested() as point:
        session.connection()  # only now is the savepoint set
        try:
            deed(table, *words)
        except sa.exc.IntegrityError:  # a unique index of SQLite's: not even a superuser can
            point.rollback()
            return False
        session.expire_all()
        # Both are parts of the whole comparison, and the first is quick.
        found = table.name in TABLES and next(compare._evidence(session, [table.name]), None)
        found = found or compare.compare_database(session, publication.log_key())
        point.rollback()
    return found is None


def edits_unseen(session: Session, names: Any = None) -> Iterator[str]:
    """Edit every field of one row of every kind, and name those that are not noticed."""
    superuser = Superuser(session)
    for table in tables(names):
        row = superuser.rows(table)[0]
        for column in table.c:
            change = {column.name: another(row[column.name], column)}
            if unseen(session, lambda t, r, c: superuser.edit(t, r, **c), table, row, change):
                yield f"{table.name}.{column.name}"


def another_key(table: sa.Table, row: dict[str, Any]) -> dict[str, Any]:
    """Return a key nobody has, and other values wherever two rows may not have the same."""
    free = [column for column in table.primary_key if not column.foreign_keys]
    once = {(free or list(table.primary_key))[-1]} | {
        next((each for each in rule.columns if not each.foreign_keys), next(iter(rule.columns)))
        for rule in (*table.constraints, *table.indexes)
        if isinstance(rule, sa.UniqueConstraint) or getattr(rule, "unique", False)
    }
    return {column.name: another(row[column.name], column) for column in once}
