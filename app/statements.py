"""A statement compiled once per database and run on the driver's own cursor: for hot paths.

Building and compiling a statement costs more than a small read, and so do rows as objects. Written
with SQLAlchemy's own words, so that one text serves both databases; columns keep their types.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql.compiler import SQLCompiler

Row = Sequence[Any]
Convert = Callable[[Any], Any]


class JsonText(sa.types.UserDefinedType[str]):
    """For a JSON column: the parameter is text that is JSON already, and is sent as it is."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "JSON"


class Statement:
    """One fixed statement; its parameters are named, and all are given each time.

    An unflushed change of a session is not seen: services flush before they return.
    """

    def __init__(self, statement: sa.ClauseElement) -> None:
        self._statement = statement
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

    def run_each(self, connection: sa.Connection, several: Sequence[dict[str, Any]]) -> None:
        """Run it once for each of these parameters, for its effect, in as few round trips."""
        compiled = self._for(connection.dialect)
        _cursor(connection).executemany(compiled.text, [compiled.bind(each) for each in several])

    def _for(self, dialect: Dialect) -> "_Compiled":
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = _Compiled(self._statement, dialect)
        return compiled

    @staticmethod
    def _execute(connection: sa.Connection, compiled: "_Compiled", values: dict[str, Any]) -> Any:
        cursor = _cursor(connection)
        cursor.execute(compiled.text, compiled.bind(values))
        return cursor


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
        columns = dict(getattr(statement, "exported_columns", ()) and statement.exported_columns)
        self._columns = list(columns)
        self._out_of = [
            _adapted(each.type, dialect).result_processor(dialect, None)
            for each in columns.values()
        ]
        self.named = self._named  # one object, so that rows of one database compare equal
        self.converts = any(self._out_of)

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
