"""Watch workers' hearts: who works now, so that the living take over from the dead."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_2003"
down_revision = "20261127_1759"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "worker_beat",
        sa.Column("worker_id", sa.String(), nullable=False),
        sa.Column("beats", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("worker_id"),
    )


def downgrade() -> None:
    op.drop_table("worker_beat")
