"""Nothing is evidence by accident, and nothing is left out without a reason."""

import subprocess
import sys

import pytest
from sqlmodel import SQLModel

import app.models  # noqa: F401  every table
from app import anchored

WITHOUT_AN_INSTANT = ("status_entry", "contract_licensee")
DECLARED = {name: set(table.c.keys()) for name, table in SQLModel.metadata.tables.items()}
CLASSED = {
    name: [*rules.fixed, *rules.once, *rules.moving, *rules.left_out]
    for name, rules in anchored.TABLES.items()
}


WHAT_TO_DO = """
app/anchored.py must say of every table and column how it counts as evidence. Of {}:
1. a new table of evidence: in TABLES, beside its like, add
       "name": _table("the columns that are written with the row", "the column of its birth",
                      once="those that an act fills later", moving="those that acts change"),
   and in tests/transparency/every_kind.py let the story leave one row of it;
2. a table that is none: in NOT_ANCHORED, its name and why;
3. a new column: in its table's line, as fixed, once, moving, or `column="why it is left out"`;
4. one that is gone: take it out.
Write such rows through a session, or put them in by a compiled Statement: both leave marks. A
migration that changes rows of evidence leaves none: let the column be a new one.
"""


def unclassed(declared, classed):
    """Name what the classification does not speak of, and what it speaks of in vain."""
    known = {*classed, *anchored.NOT_ANCHORED} - {"alembic_version"}
    tables = declared.keys() ^ known
    return tables | {
        f"{name}.{column}"
        for name, columns in classed.items()
        for column in set(columns) ^ declared.get(name, set())
    }


class TestClassification:
    def test_speaks_of_every_table_and_every_column_once(self):
        found = unclassed(DECLARED, CLASSED)
        assert not found, WHAT_TO_DO.format(", ".join(sorted(found)))
        assert not anchored.TABLES.keys() & anchored.NOT_ANCHORED.keys()
        for columns in CLASSED.values():
            assert len(columns) == len(set(columns))

    @pytest.mark.parametrize("name", anchored.TABLES)
    def test_a_key_never_moves_and_a_birth_is_known(self, name):
        table, rules = SQLModel.metadata.tables[name], anchored.TABLES[name]
        assert {column.name for column in table.primary_key} <= set(rules.fixed)
        born, _, parent = rules.born.partition(">")
        assert born in table.c or name in WITHOUT_AN_INSTANT
        if parent:
            assert {key.column.table.name for key in table.c[born].foreign_keys} <= {
                parent,
                "entry_seal",  # a posting refers to its entry by way of its seal
            }

    def test_a_new_table_or_column_that_nobody_classed_is_noticed(self):
        # The planted fault.
        more = {**DECLARED, "rumor": {"id"}, "contract": DECLARED["contract"] | {"whisper"}}
        assert unclassed(more, CLASSED) == {"rumor", "contract.whisper"}


class TestEveryTableIsKnown:
    """Where the log is published or held against the database, in a process of its own."""

    @pytest.mark.parametrize("entry", ["app.main", "app.worker", "app.demo.story"])
    def test_to_what_publishes(self, entry):
        assert said_by(f"import {entry}; {UNKNOWN}") == "[]"

    def test_and_a_process_that_knows_only_some_is_noticed(self):
        assert "bank_statement" in said_by(
            f"import app.publication; {UNKNOWN}"
        )  # the planted fault


UNKNOWN = (
    "from app.anchored import TABLES; from sqlmodel import SQLModel;"
    "print(sorted(TABLES.keys() - SQLModel.metadata.tables.keys()))"
)


def said_by(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=300
    )
    return done.stdout.strip()
