"""Keep a keyed hash of whom an agency invites, by which an address is left alone for a while."""

import sqlalchemy as sa
from alembic import op

revision = "20261128_1330"
down_revision = "20261128_1120"
branch_labels = None
depends_on = None

WAITS = "address_mac <> '' AND state IN ('no-photo', 'received', 'unfit', 'invited')"


def upgrade() -> None:  # rows of before have none: their addresses are not limited
    op.add_column(
        "roster_entry", sa.Column("address_mac", sa.String(), nullable=False, server_default="")
    )
    op.create_index("ix_roster_entry_address", "roster_entry", ["address_mac", "ended_at"])
    op.create_index(
        "ix_roster_entry_waits",
        "roster_entry",
        ["organization_id", "address_mac"],
        unique=True,
        sqlite_where=sa.text(WAITS),
        postgresql_where=sa.text(WAITS),
    )


def downgrade() -> None:
    op.drop_index("ix_roster_entry_waits", "roster_entry")
    op.drop_index("ix_roster_entry_address", "roster_entry")
    op.drop_column("roster_entry", "address_mac")
