"""Many of everything: rows of an installation, written again under ids of their own, by SQL.

A copy says of its own kind what the first says: a copy of a film is a copy's decision, hold and
notice; what is not copied, as a rule people and houses, all copies share. No log knows of them, and
no signature covers the ids in them: they are there to be listed.
"""

import hashlib
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import SQLModel

from app import models  # noqa: F401 - every table
from app.ids import new_id

AT_ONCE = 500
LENGTH = 16  # of a made up text, at least
LAST = ("entry_seal",)  # after the lines that it seals
NOT_OF_COPIES = ("organization_of_operators",)  # a key of rows that are never copied
_ID = re.compile(r"[a-z]{2,4}_[0-9A-HJKMNP-TV-Z]{26}")
Seed = Mapping[str, Sequence[Mapping[str, Any]]]
Cell = Callable[[Mapping[str, str], str], Any]  # of the ids of a copy, and what names the copy


class Copies:
    """What stands in a database now, to be written again as often as wanted."""

    def __init__(self, connection: sa.Connection, tables: Mapping[str, str]) -> None:
        """Read the rows of these tables; a value says which rows, as SQL, or all."""
        placed = [each for each in SQLModel.metadata.sorted_tables if each.name in tables]
        placed.sort(key=lambda each: each.name in LAST)
        assert len(placed) == len(tables), tables.keys() - {each.name for each in placed}
        self._seed = [(each, _rows(connection, each, tables[each.name])) for each in placed]
        ids = {str(row.get("id", "")) for _table, rows in self._seed for row in rows}
        self._ids = sorted(each for each in ids if _ID.fullmatch(each))

    def write(self, connection: sa.Connection, times: int) -> None:
        """Write every row so often again.

        Ids of copied rows are renamed wherever they stand, inside documents too. What else must
        differ is made up: numbers go on, texts are digests of the same length.
        """
        pattern = re.compile("|".join(self._ids) or r"(?!)")
        writers = [_Writer(connection, table, rows, pattern) for table, rows in self._seed]
        for done in range(0, times, AT_ONCE):
            several = min(AT_ONCE, times - done)
            renamed = [
                {old: new_id(old.partition("_")[0]) for old in self._ids} for _ in range(several)
            ]
            for writer in writers:
                writer.write(connection, renamed)


class _Writer:
    """How the copies of one table's rows are written: each cell by what it holds."""

    def __init__(
        self,
        connection: sa.Connection,
        table: sa.Table,
        rows: Sequence[Mapping[str, Any]],
        ids: re.Pattern[str],
    ) -> None:
        self._names = [each.name for each in table.columns]
        if _counted(table):
            self._names.remove("id")
        fresh = [_fresh(table, row, ids) for row in rows]
        counters = {
            name: itertools.count(_largest(connection, table, name) + 1)
            for name in {each for names in fresh for each in names}
            if isinstance(table.columns[name].type, sa.Integer)
        }
        self._rows = [
            [
                _counting(counters[name])
                if name in names and name in counters
                else _cell(row[name], ids, fresh=name in names)
                for name in self._names
            ]
            for row, names in zip(rows, fresh, strict=True)
        ]
        marks = ", ".join(["?" if connection.dialect.name == "sqlite" else "%s"] * len(self._names))
        names_said = ", ".join(f'"{name}"' for name in self._names)
        self._insert = f'INSERT INTO "{table.name}" ({names_said}) VALUES ({marks})'

    def write(self, connection: sa.Connection, renamed: Sequence[Mapping[str, str]]) -> None:
        rows = [
            tuple(cell(ids, str(number)) for cell in row)
            for ids in renamed
            for number, row in enumerate(self._rows)
        ]
        if rows:
            connection.exec_driver_sql(self._insert, rows)


def _rows(connection: sa.Connection, table: sa.Table, which: str) -> list[Mapping[str, Any]]:
    """Read rows as the driver gives them."""
    where = f" WHERE {which}" if which else ""
    found = connection.exec_driver_sql(f'SELECT * FROM "{table.name}"{where}')
    return [dict(row) for row in found.mappings()]


def _counted(table: sa.Table) -> bool:
    return "id" in table.columns and isinstance(table.columns["id"].type, sa.Integer)


def _fresh(table: sa.Table, row: Mapping[str, Any], ids: re.Pattern[str]) -> set[str]:
    """Name the columns that must be made up for a copy to be another row: one of each key."""
    keys = [table.primary_key.columns.keys()] if not _counted(table) else []
    keys += [[each] for each, column in table.columns.items() if column.unique]
    keys += [
        each.columns.keys()
        for each in (*table.constraints, *table.indexes)
        if each.name not in NOT_OF_COPIES
        and (isinstance(each, sa.UniqueConstraint) or (isinstance(each, sa.Index) and each.unique))
    ]
    return {
        key[-1]
        for key in keys
        if not any(ids.search(str(row[name])) or row[name] is None for name in key)
    }


def _largest(connection: sa.Connection, table: sa.Table, name: str) -> int:
    found = connection.exec_driver_sql(f'SELECT max("{name}") FROM "{table.name}"').scalar()
    return int(found or 0)


def _counting(counter: Iterator[int]) -> Cell:
    return lambda _ids, _copy: next(counter)


def _cell(value: Any, ids: re.Pattern[str], *, fresh: bool) -> Cell:
    """Say what a copy has where the first has this."""
    if fresh:
        text = str(value)
        length = max(len(text), LENGTH)
        return lambda renamed, copy: _digest((*renamed.values(), copy, text))[:length]
    if isinstance(value, dict | list):
        value = json.dumps(value)
    if not isinstance(value, str) or not ids.search(value):
        return lambda _ids, _copy: value
    parts, named = ids.split(value), ids.findall(value)
    return lambda renamed, _copy: "".join(
        itertools.chain.from_iterable(
            zip(parts, (*(renamed[each] for each in named), ""), strict=True)
        )
    )


def _digest(of: Sequence[str]) -> str:
    return hashlib.sha256("".join(of).encode()).hexdigest() * 2
