"""Anchor the database: seals of rows, anchors in the log, marks of what waits to be sealed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261127_1330"
down_revision = "20261127_1310"
branch_labels = None
depends_on = None

BEFORE = (
    "'contract-executed', 'contract-amended', 'contract-suspended', 'contract-resumed',"
    " 'consent-withdrawn', 'strike-switched', 'decision', 'output-released',"
    " 'journal-entry', 'key-rotated', 'policy-published'"
)
AFTER = f"{BEFORE}, 'database-anchored'"


def _json() -> sa.types.TypeEngine[object]:
    return sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    _allow_kinds(AFTER)
    op.create_table(
        "row_mark",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("acted_us", sa.BigInteger(), nullable=False),
        sa.Column("changes", sa.String(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "row_seal",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("anchor", sa.BigInteger(), nullable=False),
        sa.Column("table_name", sa.String(), nullable=False),
        sa.Column("row_key", sa.String(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("settled", sa.String(), nullable=False),
        sa.Column("fixed", sa.LargeBinary(), nullable=False),
        sa.Column("moving", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("acted_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("length(salt) = 16", name="row_seal_salt"),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_row_seal_anchor", "row_seal", ["anchor"], unique=False)
    op.create_index(
        "ix_row_seal_row", "row_seal", ["table_name", "row_key", "number"], unique=False
    )
    op.create_table(
        "database_anchor",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seals", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("shaped_by", sa.BigInteger(), nullable=False),
        sa.Column("shapes", _json(), nullable=False),
        sa.Column("outbox_id", sa.String(), nullable=False),
        sa.Column("anchored_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["outbox_id"], ["log_outbox.id"]),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("outbox_id"),
    )


def downgrade() -> None:
    """Leave the tables; a log that already holds anchors keeps them, and cannot go back."""
    op.drop_table("database_anchor")
    op.drop_table("row_seal")
    op.drop_table("row_mark")
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
