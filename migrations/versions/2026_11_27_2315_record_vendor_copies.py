"""Record what of a performer's left for a vendor, and whether its deletion was confirmed."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_2315"
down_revision = "20261127_2055"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "vendor_copy",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("vendor", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("performer_id", sa.String(), nullable=False),
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("generation_id", sa.String(), nullable=True),
        sa.Column("reference", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('kept', 'asked', 'deleted', 'unconfirmed')", name="vendor_copy_state"
        ),
        sa.CheckConstraint(
            "(state = 'deleted') = (confirmed_at IS NOT NULL)", name="vendor_copy_confirmed"
        ),
        sa.ForeignKeyConstraint(["performer_id"], ["performer.id"]),
        sa.ForeignKeyConstraint(["contract_id"], ["contract.id"]),
        sa.ForeignKeyConstraint(["generation_id"], ["generation.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("performer_id", "contract_id", "generation_id", "reference", "state"):
        op.create_index(f"ix_vendor_copy_{column}", "vendor_copy", [column])


def downgrade() -> None:
    op.drop_table("vendor_copy")
