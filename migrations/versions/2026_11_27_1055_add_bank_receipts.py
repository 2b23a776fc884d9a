"""Add bank statements, receipts, and whose money each receipt is. They only grow."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_1055"
down_revision = "20261127_1045"
branch_labels = None
depends_on = None

# What makes a row the same row: SQLite's INSERT OR REPLACE would delete by any of these.
APPEND_ONLY = {
    "bank_statement": "id = NEW.id OR (iban = NEW.iban AND reference = NEW.reference "
    "AND closed_on = NEW.closed_on)",
    "bank_receipt": "id = NEW.id OR (iban = NEW.iban AND fingerprint = NEW.fingerprint)",
    "receipt_assignment": "id = NEW.id OR receipt_id = NEW.receipt_id",
}


def upgrade() -> None:
    op.create_table(
        "bank_statement",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("iban", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("opening_minor", sa.BigInteger(), nullable=False),
        sa.Column("closing_minor", sa.BigInteger(), nullable=False),
        sa.Column("file_sha256", sa.String(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(currency) = 3", name="bank_statement_currency"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("iban", "reference", "closed_on", name="bank_statement_once"),
    )
    op.create_table(
        "bank_receipt",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("statement_id", sa.String(), nullable=False),
        sa.Column("iban", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.Column("payer", sa.String(), nullable=False),
        sa.Column("said", sa.String(), nullable=False),
        sa.CheckConstraint("amount_minor <> 0", name="bank_receipt_amount"),
        sa.CheckConstraint("length(currency) = 3", name="bank_receipt_currency"),
        sa.ForeignKeyConstraint(["statement_id"], ["bank_statement.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("iban", "fingerprint", name="bank_receipt_once"),
    )
    op.create_index("ix_bank_receipt_statement_id", "bank_receipt", ["statement_id"])
    op.create_table(
        "receipt_assignment",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("receipt_id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("invoice_id", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["receipt_id"], ["bank_receipt.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("receipt_id"),
    )
    op.create_index(
        "ix_receipt_assignment_organization_id", "receipt_assignment", ["organization_id"]
    )
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for table, same in APPEND_ONLY.items():
        (_only_grows if is_postgresql else _only_grows_sqlite)(table, same)


def downgrade() -> None:
    for table in reversed(APPEND_ONLY):
        op.drop_table(table)  # and with it its triggers


def _only_grows(table: str, _same: str) -> None:
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change()"
    )
    op.execute(
        f"CREATE TRIGGER {table}_never_truncated BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()"
    )


def _only_grows_sqlite(table: str, same: str) -> None:
    message = f"{table} is append-only: correct it with a new entry"
    exists = f"EXISTS (SELECT 1 FROM {table} WHERE {same})"  # noqa: S608 -- constants
    for what, when, condition in (
        ("updated", "UPDATE", "TRUE"),
        ("deleted", "DELETE", "TRUE"),
        ("replaced", "INSERT", exists),
    ):
        op.execute(
            f"CREATE TRIGGER {table}_never_{what} BEFORE {when} ON {table} WHEN {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )
