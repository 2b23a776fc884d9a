"""Add which contracts an open invoice charges under, so that a decision can ask in one read."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_1310"
down_revision = "20261127_1300"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "open_invoice_contract",
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("invoice_id", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"]),
        sa.PrimaryKeyConstraint("contract_id", "invoice_id"),
    )
    op.create_index("ix_open_invoice_contract_invoice_id", "open_invoice_contract", ["invoice_id"])
    op.execute(
        "INSERT INTO open_invoice_contract (contract_id, invoice_id, due_at) "
        "SELECT e.contract_id, o.invoice_id, o.due_at FROM open_invoice o "
        "JOIN invoice_line l ON l.invoice_id = o.invoice_id "
        "JOIN journal_entry e ON e.id = l.entry_id "
        "GROUP BY e.contract_id, o.invoice_id, o.due_at HAVING sum(l.net_minor) > 0"
    )


def downgrade() -> None:
    op.drop_table("open_invoice_contract")
