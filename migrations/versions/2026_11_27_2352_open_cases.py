"""Let anybody open a case about an output or a file, and take an output down as its outcome."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261127_2352"
down_revision = "20261127_2355"
branch_labels = None
depends_on = None

GROUNDS = (
    "('not-consented', 'beyond-consent', 'withdrawn', 'passed-off', 'money', 'record', 'other')"
)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
AT = sa.DateTime(timezone=True)

SHAPE = "length(kind) BETWEEN 1 AND 40"
BEFORE = (
    "kind IN ('contract-executed', 'contract-amended', 'contract-suspended', 'contract-resumed',"
    " 'consent-withdrawn', 'strike-switched', 'decision', 'output-released',"
    " 'journal-entry', 'key-rotated', 'policy-published', 'database-anchored',"
    " 'disclosure-granted', 'disclosure-revoked', 'period-closed', 'mandate-granted',"
    " 'mandate-revoked')"
)


def upgrade() -> None:
    _check_kinds(SHAPE)
    op.create_table(
        "case_file",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("generation_id", sa.String(), nullable=True),
        sa.Column("file_sha256", sa.String(), nullable=True),
        sa.Column("ground", sa.String(), nullable=False),
        sa.Column("asked", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=True),
        sa.Column("api_key_id", sa.String(), nullable=True),
        sa.Column("link_sha256", sa.String(), nullable=True),
        sa.Column("holds_payouts", sa.Boolean(), nullable=False),
        sa.Column("evidence", JSON, nullable=False),
        sa.Column("evidence_sha256", sa.String(), nullable=False),
        sa.Column("opened_at", AT, nullable=False),
        sa.Column("answer_by", AT, nullable=False),
        sa.Column("decide_by", AT, nullable=False),
        sa.Column("holds_from", AT, nullable=True),
        sa.Column("closed_at", AT, nullable=True),
        sa.Column("outcomes", JSON, nullable=False),
        sa.CheckConstraint(f"ground IN {GROUNDS}", name="case_file_ground"),
        sa.CheckConstraint(
            "asked IN ('takedown', 'reversal', 'correction')", name="case_file_asked"
        ),
        sa.CheckConstraint(
            "side IN ('performer', 'production', 'union', 'visitor')", name="case_file_side"
        ),
        sa.CheckConstraint(
            "generation_id IS NOT NULL OR file_sha256 IS NOT NULL", name="case_file_about"
        ),
        sa.CheckConstraint(
            "organization_id IS NOT NULL OR link_sha256 IS NOT NULL", name="case_file_opener"
        ),
        sa.ForeignKeyConstraint(["generation_id"], ["generation.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_key.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("link_sha256"),
    )
    for column in ("generation_id", "organization_id", "closed_at"):
        op.create_index(f"ix_case_file_{column}", "case_file", [column])
    op.create_table(
        "case_side",
        sa.Column("case_id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("must_accept", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.PrimaryKeyConstraint("case_id", "organization_id"),
    )
    op.create_index("ix_case_side_organization_id", "case_side", ["organization_id"])
    op.create_table(
        "case_event",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("case_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=True),
        sa.Column("api_key_id", sa.String(), nullable=True),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("at", AT, nullable=False),
        sa.CheckConstraint(
            "kind IN ('opened', 'taken-up', 'answered', 'accepted', 'extended', 'closed')",
            name="case_event_kind",
        ),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_key.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("case_id", "number", name="case_event_in_order"),
    )
    op.create_index("ix_case_event_case_id", "case_event", ["case_id"])
    with op.batch_alter_table("generation") as table:
        table.add_column(sa.Column("taken_down_at", AT, nullable=True))


def downgrade() -> None:
    """A log that holds leaves of kinds that came later cannot go back."""
    _check_kinds(BEFORE)
    with op.batch_alter_table("generation") as table:
        table.drop_column("taken_down_at")
    op.drop_table("case_event")
    op.drop_table("case_side")
    op.drop_table("case_file")


def _check_kinds(condition: str) -> None:
    """Keep the shape of a leaf's kind in the database, and which kinds there are in `leaf.py` alone.

    SQLite cannot alter a check: the table is written anew, and its rows are put back under the same
    name before the commit, so no foreign key is left dangling.
    """
    if op.get_context().dialect.name == "postgresql":
        op.drop_constraint("log_outbox_kind", "log_outbox", type_="check")
        op.create_check_constraint("log_outbox_kind", "log_outbox", condition)
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
        sa.CheckConstraint(condition, name="log_outbox_kind"),
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
