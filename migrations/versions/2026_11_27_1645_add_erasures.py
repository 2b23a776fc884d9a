"""Add erasures: who had whose likeness destroyed, what was lost, what stays."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261127_1645"
down_revision = "20261127_1640"
branch_labels = None
depends_on = None


def upgrade() -> None:
    listed = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    op.create_table(
        "erasure",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("performer_id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("api_key_id", sa.String(), nullable=False),
        sa.Column("lost", listed, nullable=False),
        sa.Column("stopped", listed, nullable=False),
        sa.Column("stays", listed, nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["performer_id"], ["performer.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_key.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("performer_id", name="erasure_once"),
    )


def downgrade() -> None:
    op.drop_table("erasure")
