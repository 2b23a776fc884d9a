"""Let a closed period have a leaf in the log, and a payment come back from an invoice it paid."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_1745"
down_revision = "20261127_1715"
branch_labels = None
depends_on = None

BEFORE = (
    "'contract-executed', 'contract-amended', 'contract-suspended', 'contract-resumed',"
    " 'consent-withdrawn', 'strike-switched', 'decision', 'output-released',"
    " 'journal-entry', 'key-rotated', 'policy-published', 'database-anchored',"
    " 'disclosure-granted', 'disclosure-revoked'"
)
AFTER = f"{BEFORE}, 'period-closed'"


def upgrade() -> None:
    _change_check("log_outbox", "kind", f"kind IN ({BEFORE})", f"kind IN ({AFTER})")
    _change_check("invoice_payment", "amount", "amount_minor > 0", "amount_minor <> 0")


def downgrade() -> None:
    """A log with closed periods, and books with payments that came back, cannot go back."""
    _change_check("invoice_payment", "amount", "amount_minor <> 0", "amount_minor > 0")
    _change_check("log_outbox", "kind", f"kind IN ({AFTER})", f"kind IN ({BEFORE})")


def _change_check(table: str, name: str, before: str, after: str) -> None:
    """Change a check. SQLite cannot: the table is written anew, with its indexes and triggers.

    Its rows are put back under the same name before the commit, so no foreign key is left dangling.
    """
    if op.get_context().dialect.name == "postgresql":
        op.drop_constraint(f"{table}_{name}", table, type_="check")
        op.create_check_constraint(f"{table}_{name}", table, after)
        return
    connection = op.get_bind()
    of_table = sa.text(
        "SELECT sql FROM sqlite_master WHERE tbl_name = :name AND sql IS NOT NULL"
        " ORDER BY type <> 'table'"
    )
    made, *others = connection.execute(of_table, {"name": table}).scalars().all()
    if made.count(f"({before})") != 1:
        raise RuntimeError(f"{table} has no check of {before}: it is not as migrations left it")
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute(f"CREATE TEMPORARY TABLE kept AS SELECT * FROM {table}")  # noqa: S608 -- constant
    op.drop_table(table)
    connection.exec_driver_sql(made.replace(f"({before})", f"({after})"))
    op.execute(f"INSERT INTO {table} SELECT * FROM kept")  # noqa: S608 -- constant
    op.execute("DROP TABLE kept")
    for statement in others:
        connection.exec_driver_sql(statement)
