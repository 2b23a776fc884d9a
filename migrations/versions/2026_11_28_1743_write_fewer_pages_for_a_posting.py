"""Write fewer pages for a posting: keys that are the table, and no index rows that say nothing.

On SQLite a table with a key of its own is two trees, its rows by number and its keys; written
WITHOUT ROWID it is one. An index has a row for every empty value unless it is told not to. Nobody
looks for uses by their generation.
"""

from typing import NamedTuple

import sqlalchemy as sa
from alembic import op

revision = "20261128_1743"
down_revision = "20261128_1742"
branch_labels = None
depends_on = None

BY_KEY = ("journal_entry", "entry_seal", "posting", "log_outbox")  # parents first


class Partial(NamedTuple):
    """An index that leaves out empty values, and what it takes the place of."""

    name: str
    table: str
    column: str
    constraint: str = ""  # what PostgreSQL calls it; empty: a plain index of the same name
    spelled: str = ""  # as SQLite's table says it


PARTIAL = (
    Partial("ix_journal_entry_generation_id", "journal_entry", "generation_id"),
    Partial(
        "journal_entry_source",
        "journal_entry",
        "source",
        "journal_entry_source",
        "CONSTRAINT journal_entry_source UNIQUE (source)",
    ),
    Partial(
        "log_outbox_leaf_index",
        "log_outbox",
        "leaf_index",
        "log_outbox_leaf_index_key",
        "UNIQUE (leaf_index)",
    ),
)


def upgrade() -> None:
    op.drop_index("ix_usage_event_generation_id", "usage_event")
    for index in PARTIAL:
        if not index.constraint:
            op.drop_index(index.name, index.table)
        elif _is_postgresql():
            op.drop_constraint(index.constraint, index.table, type_="unique")
    if not _is_postgresql():
        for table in BY_KEY:
            _write_anew(table, by_key=True)
    for index in PARTIAL:
        there = sa.text(f"{index.column} IS NOT NULL")
        op.create_index(
            index.name,
            index.table,
            [index.column],
            unique=bool(index.constraint),
            sqlite_where=there,
            postgresql_where=there,
        )


def downgrade() -> None:
    for index in PARTIAL:
        op.drop_index(index.name, index.table)
    if not _is_postgresql():
        for table in BY_KEY:
            _write_anew(table, by_key=False)
    for index in PARTIAL:
        if not index.constraint:
            op.create_index(index.name, index.table, [index.column])
        elif _is_postgresql():
            op.create_unique_constraint(index.constraint, index.table, [index.column])
    op.create_index("ix_usage_event_generation_id", "usage_event", ["generation_id"])


def _is_postgresql() -> bool:
    return bool(op.get_context().dialect.name == "postgresql")


def _write_anew(table: str, *, by_key: bool) -> None:
    """Write SQLite's table anew, with its indexes and triggers: it cannot alter how one is kept.

    Its rows are put back under the same name before the commit, so no foreign key is left dangling.
    """
    connection = op.get_bind()
    of_table = sa.text(
        "SELECT sql FROM sqlite_master WHERE tbl_name = :name AND sql IS NOT NULL"
        " ORDER BY type <> 'table', type"
    )
    made, *others = connection.execute(of_table, {"name": table}).scalars().all()
    key = ", ".join(sa.inspect(connection).get_pk_constraint(table)["constrained_columns"])
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute("CREATE INDEX hold_entry_meanwhile ON hold (entry_id)")  # who refers to an entry
    op.execute(f"CREATE TEMPORARY TABLE kept AS SELECT * FROM {table}")  # noqa: S608 -- constant
    op.drop_table(table)
    connection.exec_driver_sql(_spelled(made, table, by_key=by_key))
    op.execute(f"INSERT INTO {table} SELECT * FROM kept ORDER BY {key}")  # noqa: S608 -- constant
    op.execute("DROP TABLE kept")
    op.execute("DROP INDEX hold_entry_meanwhile")
    for statement in others:
        connection.exec_driver_sql(statement)


def _spelled(made: str, table: str, *, by_key: bool) -> str:
    """Return how the table is made: with its key as itself and no empty values indexed, or not."""
    spelled = [index.spelled for index in PARTIAL if index.table == table and index.spelled]
    if not by_key:
        body = made.removesuffix(" WITHOUT ROWID").removesuffix(")").rstrip()
        return f"{', '.join((body, *spelled))}\n)"
    for each in spelled:
        if made.count(each) != 1:
            raise RuntimeError(f"{table} does not say {each}: it is not as migrations left it")
        before, after = made.split(each)
        made = before.rstrip().removesuffix(",") + after
    return f"{made.rstrip()} WITHOUT ROWID"
