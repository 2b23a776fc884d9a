"""Take two operators to let a death stand that somebody says is none."""

import sqlalchemy as sa
from alembic import op

revision = "20261128_1855"
down_revision = "20261128_1745"
branch_labels = None
depends_on = None

TABLE, CHECK = "twofold_act", "twofold_act_kind"
BEFORE = (
    *("payout-details", "key-rotation", "operator-key-rotation", "vault-access", "key-creation"),
    *("death-recording", "death-correction", "operator-key-creation"),
)
NEW = "death-upholding"
AFTER = (*BEFORE, NEW)


def upgrade() -> None:
    _change_check(f"kind IN {BEFORE}", f"kind IN {AFTER}")


def downgrade() -> None:  # what was done stays done; that two people agreed to it is forgotten
    theirs = f"SELECT id FROM {TABLE} WHERE kind = '{NEW}'"  # noqa: S608 -- constant
    op.execute(f"DELETE FROM twofold_voice WHERE act_id IN ({theirs})")  # noqa: S608 -- constant
    op.execute(f"DELETE FROM {TABLE} WHERE kind = '{NEW}'")  # noqa: S608 -- constant
    _change_check(f"kind IN {AFTER}", f"kind IN {BEFORE}")


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
