"""Write the intent of each paid job at a vendor before the call, and its name after it."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_2014"
down_revision = "20261127_2013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "vendor_job",
        sa.Column("generation_id", sa.String(), nullable=False),
        sa.Column("vendor", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("orders", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ordered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('ordering', 'not-ordered', 'unknown', 'ordered', 'delivered', 'ended')",
            name="vendor_job_state",
        ),
        sa.CheckConstraint(
            "state NOT IN ('ordered', 'delivered') OR reference IS NOT NULL",
            name="vendor_job_reference",
        ),
        sa.ForeignKeyConstraint(["generation_id"], ["generation.id"]),
        sa.PrimaryKeyConstraint("generation_id"),
    )
    op.create_index("ix_vendor_job_state", "vendor_job", ["state"])


def downgrade() -> None:
    op.drop_table("vendor_job")
