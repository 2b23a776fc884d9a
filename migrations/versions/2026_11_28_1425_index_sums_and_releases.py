"""Index what is summed of an account with its amounts, and outputs by when they were released."""

import sqlalchemy as sa
from alembic import op

revision = "20261128_1425"
down_revision = "20261128_1415"
branch_labels = None
depends_on = None

RELEASED = "released_at IS NOT NULL"


def upgrade() -> None:
    op.create_index("posting_of_account", "posting", ["account", "currency", "amount_minor"])
    op.drop_index("posting_account_currency", "posting")
    op.create_index(
        "ix_generation_released",
        "generation",
        ["released_at", "id"],
        sqlite_where=sa.text(RELEASED),
        postgresql_where=sa.text(RELEASED),
    )


def downgrade() -> None:
    op.drop_index("ix_generation_released", "generation")
    op.create_index("posting_account_currency", "posting", ["account", "currency"])
    op.drop_index("posting_of_account", "posting")
