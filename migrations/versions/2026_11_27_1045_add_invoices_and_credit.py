"""Add party profiles, invoices and payments on them, approved credit; who pays for a contract.

Profiles, credit, invoices, their lines and payments only grow. The database refuses an invoice whose number
is not the next of its series, and an entry billed twice on one account.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261127_1045"
down_revision = "20261127_1020"
branch_labels = None
depends_on = None

# What makes a row the same row: SQLite's INSERT OR REPLACE would delete by any of these.
APPEND_ONLY = {
    "party_profile": "id = NEW.id OR (party_id = NEW.party_id AND number = NEW.number)",
    "contract_licensee": "contract_id = NEW.contract_id",
    "credit_approval": (
        "id = NEW.id OR (organization_id = NEW.organization_id"
        " AND currency = NEW.currency AND number = NEW.number)"
    ),
    "invoice": (
        "id = NEW.id OR corrects_id = NEW.corrects_id OR"
        " (issuer_id = NEW.issuer_id AND series = NEW.series AND number = NEW.number)"
    ),
    "invoice_line": "invoice_id = NEW.invoice_id AND line = NEW.line",
    "invoice_payment": "id = NEW.id",
}
NOT_NEXT = """
    NEW.number <> 1 + COALESCE((SELECT MAX(number) FROM invoice
                                WHERE issuer_id = NEW.issuer_id AND series = NEW.series), 0)
"""
BILLED = """
    NEW.sign + COALESCE((SELECT SUM(sign) FROM invoice_line WHERE entry_id = NEW.entry_id
                         AND account = NEW.account), 0) NOT IN (0, 1)
"""
REFUSED = {
    "invoice_number_is_next": ("invoice", NOT_NEXT, "the numbers of a series have no gap"),
    "invoice_line_bills_once": ("invoice_line", BILLED, "an entry is billed once on an account"),
}


def upgrade() -> None:
    _create_tables()
    op.execute(
        "INSERT INTO contract_licensee (contract_id, organization_id)"
        " SELECT DISTINCT series_id, licensee_id FROM contract"
    )
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for table, same in APPEND_ONLY.items():
        (_only_grows if is_postgresql else _only_grows_sqlite)(table, same)
    for name, (table, condition, message) in REFUSED.items():
        if not is_postgresql:
            op.execute(
                f"CREATE TRIGGER {name} BEFORE INSERT ON {table} WHEN {condition} "
                f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
            )
            continue
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF {condition} THEN RAISE EXCEPTION '{message}' USING ERRCODE = 'check_violation';"
            " END IF; RETURN NEW; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {name} BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
        )


def downgrade() -> None:
    for table in (
        "open_invoice",
        "invoice_payment",
        "invoice_line",
        "invoice",
        "document_series",
        "credit_approval",
        "funds",
        "contract_licensee",
        "party_profile",
    ):
        op.drop_table(table)  # and with it its triggers
    if op.get_bind().dialect.name == "postgresql":
        for name in REFUSED:
            op.execute(f"DROP FUNCTION {name}()")


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


def _create_tables() -> None:
    json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    op.create_table(
        "party_profile",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("party_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("address", json, nullable=False),
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("vat_id", sa.String(), nullable=True),
        sa.Column("vat_rate", sa.String(), nullable=True),
        sa.Column("withholding_rate", sa.String(), nullable=True),
        sa.Column("iban", sa.String(), nullable=True),
        sa.Column("due_days", sa.Integer(), nullable=False),
        sa.Column("api_key_id", sa.String(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("number >= 1", name="party_profile_counts"),
        sa.CheckConstraint("length(country) = 2", name="party_profile_country"),
        sa.CheckConstraint("due_days >= 0", name="party_profile_due"),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_key.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("party_id", "number", name="party_profile_number"),
    )
    op.create_table(
        "contract_licensee",
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("contract_id"),
    )
    op.create_index(
        "ix_contract_licensee_organization_id", "contract_licensee", ["organization_id"]
    )
    op.create_table(
        "funds",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.CheckConstraint("length(currency) = 3", name="funds_currency"),
        sa.PrimaryKeyConstraint("organization_id", "currency"),
    )
    op.create_table(
        "credit_approval",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_minor >= 0", name="credit_amount"),
        sa.CheckConstraint("length(currency) = 3", name="credit_currency"),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("organization_id", "currency", "number", name="credit_number"),
    )
    op.create_table(
        "document_series",
        sa.Column("issuer_id", sa.String(), nullable=False),
        sa.Column("series", sa.String(), nullable=False),
        sa.Column("next_number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("issuer_id", "series"),
    )
    op.create_table(
        "invoice",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("supplier_id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("issuer_id", sa.String(), nullable=False),
        sa.Column("series", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("withheld_minor", sa.BigInteger(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("document", json, nullable=False),
        sa.Column("document_sha256", sa.String(), nullable=False),
        sa.Column("corrects_id", sa.String(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('invoice', 'credit-note', 'self-bill', 'self-bill-credit')",
            name="invoice_kind",
        ),
        sa.CheckConstraint(
            "total_minor = net_minor + tax_minor - withheld_minor", name="invoice_total"
        ),
        sa.CheckConstraint("length(currency) = 3", name="invoice_currency"),
        sa.ForeignKeyConstraint(["corrects_id"], ["invoice.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("corrects_id"),
        sa.UniqueConstraint("issuer_id", "series", "number", name="invoice_number"),
    )
    op.create_index("invoice_customer", "invoice", ["customer_id", "currency"])
    op.create_index("invoice_supplier", "invoice", ["supplier_id", "currency"])
    op.create_table(
        "invoice_line",
        sa.Column("invoice_id", sa.String(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("sign", sa.Integer(), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("sign IN (1, -1)", name="invoice_line_sign"),
        sa.ForeignKeyConstraint(["entry_id"], ["journal_entry.id"]),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"]),
        sa.PrimaryKeyConstraint("invoice_id", "line"),
    )
    op.create_index("invoice_line_entry", "invoice_line", ["entry_id", "account"])
    op.create_table(
        "invoice_payment",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("invoice_id", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="invoice_payment_amount"),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_invoice_payment_invoice_id", "invoice_payment", ["invoice_id"])
    op.create_table(
        "open_invoice",
        sa.Column("invoice_id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("outstanding_minor", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("outstanding_minor > 0", name="open_invoice_amount"),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"]),
        sa.PrimaryKeyConstraint("invoice_id"),
    )
    op.create_index("open_invoice_due", "open_invoice", ["organization_id", "due_at"])
