"""Let productions be given budgets: money, seconds and how many at once, for a project or licence."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_2023"
down_revision = "20261127_2014"
branch_labels = None
depends_on = None

LIMITS = ("total_minor", "daily_minor", "total_seconds", "daily_seconds", "at_once")


def upgrade() -> None:
    text = [sa.Column(name, sa.String(), nullable=False) for name in ("project", "series_id")]
    limits = [sa.Column(name, sa.BigInteger(), nullable=True) for name in LIMITS[:4]]
    op.create_table(
        "budget",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        *text,
        sa.Column("currency", sa.String(), nullable=False),
        *limits,
        sa.Column("at_once", sa.Integer(), nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(project = '') <> (series_id = '')", name="budget_subject"),
        sa.CheckConstraint(
            " AND ".join(f"({each} IS NULL OR {each} >= 0)" for each in LIMITS),
            name="budget_limits",
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_budget_subject", "budget", ["organization_id", "project", "series_id"])


def downgrade() -> None:
    op.drop_table("budget")
