"""Let an act of two people be refused until it is done, agreed to or not."""

import sqlalchemy as sa
from alembic import op

revision = "20261128_1715"
down_revision = "20261128_1440"
branch_labels = None
depends_on = None

TABLE, CHECK = "twofold_act", "twofold_act_ends_once"
BEFORE = "settled_at IS NULL OR refused_at IS NULL"
AFTER = "done_at IS NULL OR refused_at IS NULL"


def upgrade() -> None:
    _change_check(BEFORE, AFTER)


def downgrade() -> None:  # what was refused stays so; that it had been agreed to is forgotten
    op.execute(f"UPDATE {TABLE} SET settled_at = NULL WHERE refused_at IS NOT NULL")  # noqa: S608
    _change_check(AFTER, BEFORE)


def _change_check(before: str, after: str) -> None:
    """Change a check. SQLite cannot: the table is written anew, with its indexes and triggers.

    Its rows are put back under the same name before the commit, so no foreign key is left dangling.
    """
    if op.get_context().dialect.name == "postgresql":
        op.drop_constraint(CHECK, TABLE, type_="check")
        op.create_check_constraint(CHECK, TABLE, after)
        return
    connection = op.get_bind()
    of_table = sa.text(
        "SELECT sql FROM sqlite_master WHERE tbl_name = :name AND sql IS NOT NULL"
        " ORDER BY type <> 'table'"
    )
    made, *others = connection.execute(of_table, {"name": TABLE}).scalars().all()
    if made.count(f"({before})") != 1:
        raise RuntimeError(f"{TABLE} has no check of {before}: it is not as migrations left it")
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute(f"CREATE TEMPORARY TABLE kept AS SELECT * FROM {TABLE}")  # noqa: S608 -- constant
    op.drop_table(TABLE)
    connection.exec_driver_sql(made.replace(f"({before})", f"({after})"))
    op.execute(f"INSERT INTO {TABLE} SELECT * FROM kept")  # noqa: S608 -- constant
    op.execute("DROP TABLE kept")
    for statement in others:
        connection.exec_driver_sql(statement)
