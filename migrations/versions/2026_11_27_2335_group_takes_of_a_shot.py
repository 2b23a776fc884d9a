"""Group the takes of a shot; say of an output what it derives from, and when a draft goes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261127_2335"
down_revision = "20261127_2336"
branch_labels = None
depends_on = None


def upgrade() -> None:
    names = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    op.create_table(
        "shot",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("series_ids", names, nullable=False),
        sa.Column("chosen_id", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("organization_id", "project", "name", name="shot_of_project"),
    )
    op.create_index("ix_shot_organization_id", "shot", ["organization_id"])
    op.add_column("generation", sa.Column("shot_id", sa.String(), nullable=True))
    op.add_column("generation", sa.Column("take", sa.Integer(), nullable=True))
    op.add_column(
        "generation",
        sa.Column("is_draft", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("generation", sa.Column("parent_id", sa.String(), nullable=True))
    op.add_column("generation", sa.Column("relation", sa.String(), nullable=True))
    for column in ("delete_at", "deleted_at"):
        op.add_column("generation", sa.Column(column, sa.DateTime(timezone=True), nullable=True))
    for column in ("shot_id", "parent_id", "delete_at"):
        op.create_index(f"ix_generation_{column}", "generation", [column])


def downgrade() -> None:
    for column in ("shot_id", "parent_id", "delete_at"):
        op.drop_index(f"ix_generation_{column}", "generation")
    for column in ("deleted_at", "delete_at", "relation", "parent_id", "is_draft", "take"):
        op.drop_column("generation", column)
    op.drop_column("generation", "shot_id")
    op.drop_table("shot")
