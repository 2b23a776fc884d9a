"""Add which sets of rules were ever in force, each published once."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_0740"
down_revision = "20261127_0705"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "policy_publication",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )


def downgrade() -> None:
    op.drop_table("policy_publication")
