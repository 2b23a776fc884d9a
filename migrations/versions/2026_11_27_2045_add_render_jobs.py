"""Let renderers outside take one job at a time, and put down what they hand in."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_2045"
down_revision = "20261127_2023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "render_job",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("generation_id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("licenses", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result_key", sa.String(), nullable=True),
        sa.Column("result_sha256", sa.String(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'taken', 'returned', 'over')", name="render_job_state"
        ),
        sa.CheckConstraint(
            "state <> 'returned' OR result_key IS NOT NULL", name="render_job_result"
        ),
        sa.ForeignKeyConstraint(["generation_id"], ["generation.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("generation_id"),
    )
    op.create_index("ix_render_job_organization_id", "render_job", ["organization_id"])
    op.create_index("ix_render_job_state", "render_job", ["state"])


def downgrade() -> None:
    op.drop_table("render_job")
