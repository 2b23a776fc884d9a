"""Let who runs the installation be members of a house of its own kind; there is one at most."""

import sqlalchemy as sa
from alembic import op

revision = "20261128_1347"
down_revision = "20261128_1330"
branch_labels = None
depends_on = None

KINDS = "'performer', 'agency', 'production', 'union'"
ROLES = (
    "'performer', 'guardian', 'estate', 'loan_out', 'auditor', 'agent', 'production_approver',"
    " 'production_member', 'union_officer'"
)
CHECKS = (
    ("organization", "organization_kind", "kind", KINDS),
    ("invitation", "invitation_role", "role", ROLES),
    ("membership", "membership_role", "role", ROLES),
)
ONE = sa.text("kind = 'operator'")


def upgrade() -> None:
    for table, check, column, before in CHECKS:
        _check(table, check, column, before, f"{before}, 'operator'")
    op.create_index(
        "organization_of_operators",
        "organization",
        ["kind"],
        unique=True,
        sqlite_where=ONE,
        postgresql_where=ONE,
    )


def downgrade() -> None:
    """Operators stay on record as who only looks, in a house that nobody is represented by."""
    op.drop_index("organization_of_operators", "organization")
    op.execute("UPDATE organization SET kind = 'agency' WHERE kind = 'operator'")
    op.execute("UPDATE invitation SET role = 'auditor' WHERE role = 'operator'")
    op.execute("UPDATE membership SET role = 'auditor' WHERE role = 'operator'")
    for table, check, column, before in CHECKS:
        _check(table, check, column, f"{before}, 'operator'", before)


def _check(table: str, check: str, column: str, before: str, now: str) -> None:
    """Change what a column may hold. SQLite cannot alter a check: the table is written anew.

    Its rows are put back under the same name before the commit, so no foreign key is left dangling.
    """
    if op.get_context().dialect.name == "postgresql":
        op.drop_constraint(check, table, type_="check")
        op.create_check_constraint(check, table, f"{column} IN ({now})")
        return
    connection = op.get_bind()
    wanted = sa.text(
        "SELECT sql FROM sqlite_master WHERE tbl_name = :table AND sql IS NOT NULL"
        " ORDER BY type = 'index'"
    )
    made = connection.execute(wanted, {"table": table}).scalars().all()
    if f"IN ({before})" not in made[0]:
        raise ValueError(f"the table {table} has not the check that this migration changes")
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute(f"CREATE TEMPORARY TABLE kept AS SELECT * FROM {table}")  # noqa: S608 -- ours
    op.drop_table(table)
    for each in made:
        connection.exec_driver_sql(each.replace(f"IN ({before})", f"IN ({now})"))
    op.execute(f"INSERT INTO {table} SELECT * FROM kept")  # noqa: S608 -- ours
    op.execute("DROP TABLE kept")
