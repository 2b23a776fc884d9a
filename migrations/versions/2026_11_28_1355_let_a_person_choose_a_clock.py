"""Let a person choose by whose clock they read; empty for whatever their browser says."""

import sqlalchemy as sa
from alembic import op

revision = "20261128_1355"
down_revision = "20261128_1347"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("person", sa.Column("zone", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("person", "zone")  # in place: rows of other tables refer to people
