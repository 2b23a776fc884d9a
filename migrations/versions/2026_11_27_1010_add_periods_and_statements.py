"""Add closed periods of the books and the statements issued for them, all append-only."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_1010"
down_revision = "20261127_1000"
branch_labels = None
depends_on = None

# What makes a row the same row: SQLite's INSERT OR REPLACE would delete by any of these.
KEPT = {
    "ledger_period": "id = NEW.id OR number = NEW.number",
    "ledger_period_entry": "entry_id = NEW.entry_id",
    "issued_statement": (
        "id = NEW.id OR (period_id = NEW.period_id AND kind = NEW.kind"
        " AND party_id = NEW.party_id AND about_id = NEW.about_id)"
    ),
}


def upgrade() -> None:
    op.create_table(
        "ledger_period",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("number >= 1", name="ledger_period_counts_from_one"),
        sa.CheckConstraint("starts_at < ends_at", name="ledger_period_goes_forward"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number"),
    )
    op.create_table(
        "ledger_period_entry",
        sa.Column("entry_id", sa.String(), nullable=False),
        sa.Column("period_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["journal_entry.id"]),
        sa.ForeignKeyConstraint(["period_id"], ["ledger_period.id"]),
        sa.PrimaryKeyConstraint("entry_id"),
    )
    op.create_index("ix_ledger_period_entry_period_id", "ledger_period_entry", ["period_id"])
    op.create_table(
        "issued_statement",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("period_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("party_id", sa.String(), nullable=False),
        sa.Column("about_id", sa.String(), nullable=False),
        sa.Column("document", sa.String(), nullable=False),
        sa.Column("document_sha256", sa.String(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('performer', 'agent', 'production', 'union', 'usage')",
            name="statement_kind",
        ),
        sa.ForeignKeyConstraint(["period_id"], ["ledger_period.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("period_id", "kind", "party_id", "about_id", name="statement_once"),
    )
    op.create_index("ix_issued_statement_party", "issued_statement", ["kind", "party_id"])
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
