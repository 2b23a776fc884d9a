"""A statement compiled once per database and run on the driver's own cursor: for hot paths.

Building and compiling a statement costs more than a small read, and so do rows as objects. Written
with SQLAlchemy's own words, so that one text serves both databases; columns keep their types.
Statements that do not wait for each other's answers go to PostgreSQL together (`run_all`).
"""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql.compiler import SQLCompiler

from app import marks
from app.anchored import TABLES

Row = Sequence[Any]
Convert = Callable[[Any], Any]


class JsonText(sa.types.UserDefinedType[str]):
    """For a JSON column: the parameter is JSON already, as `marks.in_order` writes it."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "JSON"


class Statement:
    """One fixed statement; its parameters are named, and all are given each time.

    An unflushed change of a session is not seen: services flush before they return. A row of
    evidence that one adds is noted for the log; raises TypeError for one that changes such rows:
    a session notes how they were before.
    """

    def __init__(self, statement: sa.ClauseElement) -> None:
        self._statement = statement
        self._evidence: sa.Table | None = None
        self.table: sa.Table | None = getattr(statement, "table", None)  # the one it writes
        if self.table is not None and self.table.name in TABLES:
            if not isinstance(statement, sa.Insert):
                raise TypeError(f"change {self.table.name} through a session: see app/anchored.py")
            self._evidence = self.table
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, connection: sa.Connection, **values: Any) -> list[Row]:
        """Run it and return every row."""
        compiled = self._for(connection.dialect)
        found = self._execute(connection, compiled, values).fetchall()
        return [compiled.read(row) for row in found] if compiled.converts else found

    def first(self, connection: sa.Connection, **values: Any) -> Row | None:
        """Run it and return the first row, or None."""
        compiled = self._for(connection.dialect)
        row = self._execute(connection, compiled, values).fetchone()
        return row if row is None else compiled.read(row)

    def raw(self, connection: sa.Connection, **values: Any) -> "Raw":
        """Run it and return every row as the driver gave it, as a key for what follows from it."""
        compiled = self._for(connection.dialect)
        found = self._execute(connection, compiled, values).fetchall()
        return Raw(compiled.named, tuple(map(tuple, found)))

    def run(self, connection: sa.Connection, **values: Any) -> None:
        """Run it for its effect."""
        self._execute(connection, self._for(connection.dialect), values)

    def run_many(self, connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Run it for each of these values, in one call of the driver; it does all of it or fails.

        So of an insert every row is noted. Raises TypeError for one that may leave rows out.
        """
        if getattr(self._statement, "_post_values_clause", None) is not None:
            raise TypeError(f"{self._statement} may leave rows out, and which is not told")
        compiled = self._for(connection.dialect)
        added = [self._adding(compiled, values) for values in rows]
        _cursor(connection).executemany(compiled.text, [compiled.bind(each) for each in rows])
        for each in added:
            marks.note_added(connection, each)

    def call(self, **values: Any) -> "Call":
        """Return it with its parameters, for `run_all`."""
        return Call(self, values)

    def _for(self, dialect: Dialect) -> "_Compiled":
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = _Compiled(self._statement, dialect)
        return compiled

    def _execute(
        self, connection: sa.Connection, compiled: "_Compiled", values: dict[str, Any]
    ) -> Any:
        added = self._adding(compiled, values)
        cursor = _cursor(connection)
        cursor.execute(compiled.text, compiled.bind(values))
        _note(connection, added, cursor)
        return cursor

    def _adding(self, compiled: "_Compiled", values: dict[str, Any]) -> marks.Added | None:
        if self._evidence is None:
            return None
        return marks.adding(self._evidence, compiled.for_marks(values))


class Call(NamedTuple):
    """A statement with its parameters, not run yet."""

    statement: Statement
    values: dict[str, Any]


def run_all(connection: sa.Connection, *calls: Call) -> list[Row | None]:
    """Run statements in this order, none of which needs an answer of another; return first rows.

    What returns no rows has None. On PostgreSQL they travel together, in one round trip: each still
    sees what the ones before it did, and what others committed before its own turn came. The first
    error is raised, and none after it has happened.
    """
    _cursor(connection)  # begins the transaction, where there is none yet
    pooled, dialect = connection.connection, connection.dialect
    driver: Any = pooled.driver_connection
    ran = []
    with driver.pipeline() if hasattr(driver, "pipeline") else nullcontext():
        for statement, values in calls:
            compiled = statement._for(dialect)  # noqa: SLF001
            added = statement._adding(compiled, values)  # noqa: SLF001
            cursor = pooled.cursor()
            cursor.execute(compiled.text, compiled.bind({**values}))
            ran.append((compiled, added, cursor))
    first: list[Row | None] = []
    for compiled, added, cursor in ran:  # now that every answer is here
        _note(connection, added, cursor)
        row = cursor.fetchone() if cursor.description else None
        first.append(None if row is None else compiled.read(row))
    return first


def write_all(connection: sa.Connection, *calls: Call) -> None:
    """Run statements that return no rows, in this order; the same one in a row is run once for all.

    For a database in this process (SQLite), where a cursor and a call each cost as much as a row.
    """
    cursor = _cursor(connection)
    for statement, several in groupby(calls, itemgetter(0)):
        compiled = statement._for(connection.dialect)  # noqa: SLF001
        rows = [values for _, values in several]
        added = [statement._adding(compiled, values) for values in rows]  # noqa: SLF001
        if len(rows) == 1:
            cursor.execute(compiled.text, compiled.bind({**rows[0]}))
        else:
            cursor.executemany(compiled.text, [compiled.bind({**values}) for values in rows])
            if statement._evidence is not None and cursor.rowcount != len(rows):  # noqa: SLF001
                raise TypeError("some of these were there already: add such evidence one by one")
        for each in added:
            _note(connection, each, cursor)


def run_as_one(connection: sa.Connection, function: Statement, *calls: Call) -> None:
    """Run what writes rows by one call of a function of PostgreSQL, which is given them as JSON.

    `function` takes them as `written`: by table, the values of each call by their names. It puts
    in every row or fails, so every row of evidence is noted.
    """
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    added = []
    for statement, values in calls:
        if statement.table is None:
            raise TypeError(f"{statement._statement} writes no table")  # noqa: SLF001
        rows[statement.table.name].append(values)
        added.append(statement._adding(statement._for(connection.dialect), values))  # noqa: SLF001
    function.run(connection, written=_rows_as_json(rows))
    for each in added:
        marks.note_added(connection, each)


def _in_row(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    raise TypeError(f"{type(value).__name__} has no spelling in a row yet: give it one")


_rows_as_json = json.JSONEncoder(separators=(",", ":"), default=_in_row).encode


def _note(connection: sa.Connection, added: marks.Added | None, cursor: Any) -> None:
    if added is not None and cursor.rowcount:  # 0: it was there already
        marks.note_added(connection, added)


def _cursor(connection: sa.Connection) -> Any:
    if not connection.in_transaction():
        connection.begin()
    return connection.connection.cursor()


class Raw(NamedTuple):
    """Rows as a driver gave them: cheap to compare, and read only when somebody must."""

    named: Callable[[Sequence[Any]], dict[str, Any]]
    rows: tuple[tuple[Any, ...], ...]

    def read(self) -> list[dict[str, Any]]:
        """Return the rows by their columns' names, each value in its own type."""
        return [self.named(row) for row in self.rows]


class _Compiled:
    """The text for one kind of database, and how its values go in and come out."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled: SQLCompiler = statement.compile(dialect=dialect)
        self.text = str(compiled)
        self._names = compiled.positiontup
        self._defaults = {
            name: bind.value for name, bind in compiled.binds.items() if not bind.required
        }
        self._into = {
            name: into
            for name, bind in compiled.binds.items()
            if (into := _adapted(bind.type, dialect).bind_processor(dialect)) is not None
        }
        self._texts = [n for n, bind in compiled.binds.items() if isinstance(bind.type, JsonText)]
        columns = dict(getattr(statement, "exported_columns", ()) and statement.exported_columns)
        self._columns = list(columns)
        self._out_of = [
            _adapted(each.type, dialect).result_processor(dialect, None)
            for each in columns.values()
        ]
        self.named = self._named  # one object, so that rows of one database compare equal
        self.converts = any(self._out_of)

    def for_marks(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return values as marks take them: which of them are JSON already is said."""
        if not self._texts:
            return values
        return {**values, **{name: marks.InOrder(values[name]) for name in self._texts}}

    def bind(self, values: dict[str, Any]) -> Any:
        if self._defaults:
            values = self._defaults | values
        for name, into in self._into.items():
            values[name] = into(values[name])
        return values if self._names is None else [values[name] for name in self._names]

    def _named(self, row: Row) -> dict[str, Any]:
        return dict(zip(self._columns, self.read(row), strict=True))

    def read(self, row: Row) -> Row:
        return [
            value if convert is None else convert(value)
            for value, convert in zip(row, self._out_of, strict=True)
        ]


def _adapted(type_: Any, dialect: Dialect) -> Any:
    return type_.dialect_impl(dialect)
