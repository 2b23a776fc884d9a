"""Add payouts, what became of them, and the sealed accounts they go to, all append-only."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_1300"
down_revision = "20261127_1055"
branch_labels = None
depends_on = None

# What makes a row the same row: SQLite's INSERT OR REPLACE would delete by any of these.
KEPT = {
    "payout_details": "id = NEW.id",
    "payout_order": "id = NEW.id OR name = NEW.name",
    "payout": "id = NEW.id OR (order_id = NEW.order_id AND account = NEW.account)",
    "payout_item": (
        "(payout_id = NEW.payout_id AND entry_id = NEW.entry_id) OR "
        "(entry_id = NEW.entry_id AND account = NEW.account AND attempt = NEW.attempt)"
    ),
    "payout_event": (
        "id = NEW.id OR (payout_id = NEW.payout_id AND (number = NEW.number OR state = NEW.state))"
    ),
}


def upgrade() -> None:
    op.create_table(
        "payout_details",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("payee_id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("api_key_id", sa.String(), nullable=True),
        sa.Column("vault_object_id", sa.String(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("named_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_key.id"]),
        sa.ForeignKeyConstraint(["vault_object_id"], ["vault_object.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_payout_details_payee_id", "payout_details", ["payee_id"])
    op.create_table(
        "payout_order",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("risk_carrier", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(currency) = 3", name="payout_order_currency"),
        sa.CheckConstraint("name <> ''", name="payout_order_named"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "payout",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("details_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="payout_pays"),
        sa.ForeignKeyConstraint(["order_id"], ["payout_order.id"]),
        sa.ForeignKeyConstraint(["account"], ["account.name"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("order_id", "account", name="payout_once"),
    )
    op.create_index("ix_payout_account", "payout", ["account"])
    op.create_table(
        "payout_item",
        sa.Column("payout_id", sa.String(), nullable=False),
        sa.Column("entry_id", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("funded", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["payout_id"], ["payout.id"]),
        sa.ForeignKeyConstraint(["entry_id"], ["journal_entry.id"]),
        sa.ForeignKeyConstraint(["account"], ["account.name"]),
        sa.CheckConstraint("attempt >= 1", name="payout_item_attempt"),
        sa.PrimaryKeyConstraint("payout_id", "entry_id"),
        sa.UniqueConstraint("entry_id", "account", "attempt", name="payout_item_once"),
    )
    op.create_table(
        "payout_event",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("payout_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('sent', 'settled', 'returned')", name="payout_event_state"),
        sa.ForeignKeyConstraint(["payout_id"], ["payout.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("payout_id", "number", name="payout_event_number"),
        sa.UniqueConstraint("payout_id", "state", name="payout_event_once"),
    )
    for table, same in KEPT.items():
        _make_append_only(table, same)


def downgrade() -> None:
    for table in reversed(KEPT):
        op.drop_table(table)  # its triggers go with it


def _make_append_only(table: str, same: str) -> None:
    refusal = f"{table} is append-only: correct it with a new entry"
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_never_truncated BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()"
        )
        return
    exists = f"EXISTS (SELECT 1 FROM {table} WHERE {same})"  # noqa: S608 -- constants
    for verb, when, condition in (
        ("updated", "UPDATE", "TRUE"),
        ("deleted", "DELETE", "TRUE"),
        ("replaced", "INSERT", exists),
    ):
        op.execute(
            f"CREATE TRIGGER {table}_never_{verb} BEFORE {when} ON {table} WHEN {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
        )
