"""Say of each signed file who looked at it before its release.

Of files signed before, it is not known: their list is empty.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261127_1340"
down_revision = "20261127_1330"
branch_labels = None
depends_on = None


def upgrade() -> None:
    names = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    op.add_column(
        "signed_manifest", sa.Column("verified_by", names, nullable=False, server_default="[]")
    )


def downgrade() -> None:
    op.drop_column("signed_manifest", "verified_by")
