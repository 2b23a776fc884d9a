"""Keep how far a generator says a render is."""

import sqlalchemy as sa
from alembic import op

revision = "20261128_0720"
down_revision = "20261128_0705"
branch_labels = None
depends_on = None


def upgrade() -> None:  # null: it says nothing, or renders no more
    op.add_column("generation", sa.Column("progress_percent", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("generation", "progress_percent")
