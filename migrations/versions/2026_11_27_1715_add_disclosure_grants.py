"""Let a side grant a named verifier to be shown more: signed, revocable, on the log."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_1715"
down_revision = "20261127_1733"
branch_labels = None
depends_on = None

BEFORE = (
    "'contract-executed', 'contract-amended', 'contract-suspended', 'contract-resumed',"
    " 'consent-withdrawn', 'strike-switched', 'decision', 'output-released',"
    " 'journal-entry', 'key-rotated', 'policy-published', 'database-anchored'"
)
AFTER = f"{BEFORE}, 'disclosure-granted', 'disclosure-revoked'"


def upgrade() -> None:
    _allow_kinds(AFTER)
    op.create_table(
        "disclosure_grant",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("series_id", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("verifier", sa.String(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("document", sa.String(), nullable=False),
        sa.Column("document_sha256", sa.String(), nullable=False),
        sa.Column("jws", sa.String(), nullable=False),
        sa.Column("signing_key_id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("api_key_id", sa.String(), nullable=True),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("side IN ('performer', 'licensee')", name="disclosure_grant_side"),
        sa.ForeignKeyConstraint(["series_id"], ["contract.id"]),
        sa.ForeignKeyConstraint(["signing_key_id"], ["signing_key.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_key.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("document_sha256"),
    )
    op.create_index("ix_disclosure_grant_series_id", "disclosure_grant", ["series_id"])


def downgrade() -> None:
    """Drop the grants; a log that already holds their leaves keeps them, and cannot go back."""
    op.drop_table("disclosure_grant")
    _allow_kinds(BEFORE)


def _allow_kinds(kinds: str) -> None:
    """Change the list of kinds. SQLite cannot alter a check: the table is written anew.

    Its rows are put back under the same name before the commit, so no foreign key is left dangling.
    """
    if op.get_context().dialect.name == "postgresql":
        op.drop_constraint("log_outbox_kind", "log_outbox", type_="check")
        op.create_check_constraint("log_outbox_kind", "log_outbox", f"kind IN ({kinds})")
        return
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM log_outbox")
    op.drop_table("log_outbox")
    op.create_table(
        "log_outbox",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("leaf_index", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(f"kind IN ({kinds})", name="log_outbox_kind"),
        sa.CheckConstraint("salt IS NULL OR length(salt) = 16", name="log_outbox_salt"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("leaf_index"),
    )
    op.create_index("ix_log_outbox_subject_id", "log_outbox", ["subject_id"], unique=False)
    op.create_index(
        "ix_log_outbox_waiting",
        "log_outbox",
        ["created_at", "id"],
        unique=False,
        sqlite_where=sa.text("leaf_index IS NULL"),
    )
    op.execute(
        "INSERT INTO log_outbox (id, kind, subject_id, entry, salt, leaf_index, created_at)"
        " SELECT id, kind, subject_id, entry, salt, leaf_index, created_at FROM kept"
    )
    op.execute("DROP TABLE kept")
