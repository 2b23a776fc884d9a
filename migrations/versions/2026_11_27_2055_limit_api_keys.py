"""Limit API keys to actions, projects and contracts; let one replace another; note their use."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261127_2055"
down_revision = "20261127_2045"
branch_labels = None
depends_on = None


def _limit(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.JSON().with_variant(JSONB(), "postgresql"), nullable=True)


def upgrade() -> None:
    op.create_table(
        "api_key_terms",
        sa.Column("api_key_id", sa.String(), nullable=False),
        _limit("actions"),
        _limit("projects"),
        _limit("contract_ids"),
        sa.Column("replaces_id", sa.String(), nullable=True),
        sa.Column("replaced_ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_key.id"]),
        sa.ForeignKeyConstraint(["replaces_id"], ["api_key.id"]),
        sa.PrimaryKeyConstraint("api_key_id"),
        sa.UniqueConstraint("replaces_id"),
    )
    op.create_table(
        "api_key_use",
        sa.Column("api_key_id", sa.String(), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_key.id"]),
        sa.PrimaryKeyConstraint("api_key_id"),
    )


def downgrade() -> None:
    op.drop_table("api_key_use")
    op.drop_table("api_key_terms")
