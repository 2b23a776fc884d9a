"""Give every executed contract a place in a public status list, at random, and a secret."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "20261127_1000"
down_revision = "20261127_0955"
branch_labels = None
depends_on = None

PLACES = 131_072


def upgrade() -> None:
    entries = op.create_table(
        "status_entry",
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("list_number", sa.Integer(), nullable=False),
        sa.Column("list_index", sa.Integer(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.CheckConstraint("list_number >= 1", name="status_entry_list"),
        sa.CheckConstraint(f"list_index >= 0 AND list_index < {PLACES}", name="status_entry_index"),
        sa.ForeignKeyConstraint(["contract_id"], ["contract.id"]),
        sa.PrimaryKeyConstraint("contract_id"),
        sa.UniqueConstraint("list_number", "list_index", name="status_entry_place"),
    )
    executed = op.get_bind().execute(
        sa.text("SELECT DISTINCT series_id FROM contract WHERE executed_at IS NOT NULL")
    )
    for number, chunk in enumerate(executed.partitions(PLACES // 2), start=1):
        places = secrets.SystemRandom().sample(range(PLACES), len(chunk))
        rows = [
            {
                "contract_id": contract_id,
                "list_number": number,
                "list_index": place,
                "secret": secrets.token_hex(16),
            }
            for (contract_id,), place in zip(chunk, places, strict=True)
        ]
        op.bulk_insert(entries, rows)


def downgrade() -> None:
    op.drop_table("status_entry")
