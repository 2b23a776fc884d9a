"""Seal each performer's row: a pause, a desk or an agent edited past the program is found.

Rows of before have no seal, and what they are asked for is refused: enroll those performers anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261127_1020"
down_revision = "20261127_1010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("performer", sa.Column("seal", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("performer", "seal")
