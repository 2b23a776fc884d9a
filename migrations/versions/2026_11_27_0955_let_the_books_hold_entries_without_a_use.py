"""Let the books hold entries that no use made: invoices, receipts, payouts.

An entry has one origin: a usage event, or a `source` such as `invoice:inv_…`, which posts once.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261127_0955"
down_revision = "20261127_0825"
branch_labels = None
depends_on = None

ONE_ORIGIN = "(usage_event_id IS NULL) <> (source IS NULL)"
OF_A_CONTRACT = "usage_event_id IS NULL OR contract_id IS NOT NULL"
KEPT = "id, usage_event_id, contract_id, generation_id, digest, posted_at"
SAME = "id = NEW.id OR usage_event_id = NEW.usage_event_id{source}"
TRIGGERS = {
    "updated": ("UPDATE", "TRUE"),
    "deleted": ("DELETE", "TRUE"),
    "replaced": ("INSERT", f"EXISTS (SELECT 1 FROM journal_entry WHERE {SAME})"),  # noqa: S608
}


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.add_column("journal_entry", sa.Column("source", sa.String(), nullable=True))
        op.alter_column("journal_entry", "usage_event_id", nullable=True)
        op.alter_column("journal_entry", "contract_id", nullable=True)
        op.create_unique_constraint("journal_entry_source", "journal_entry", ["source"])
        op.create_check_constraint("journal_entry_origin", "journal_entry", ONE_ORIGIN)
        op.create_check_constraint("journal_entry_contract", "journal_entry", OF_A_CONTRACT)
        return
    _write_anew(
        sa.Column("source", sa.String(), nullable=True),
        sa.UniqueConstraint("source", name="journal_entry_source"),
        sa.CheckConstraint(ONE_ORIGIN, name="journal_entry_origin"),
        sa.CheckConstraint(OF_A_CONTRACT, name="journal_entry_contract"),
        of_uses_only=False,
    )


def downgrade() -> None:
    """Go back, unless entries without a use were posted: those cannot be unwritten."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("journal_entry_contract", "journal_entry", type_="check")
        op.drop_constraint("journal_entry_origin", "journal_entry", type_="check")
        op.drop_constraint("journal_entry_source", "journal_entry", type_="unique")
        op.alter_column("journal_entry", "contract_id", nullable=False)
        op.alter_column("journal_entry", "usage_event_id", nullable=False)
        op.drop_column("journal_entry", "source")
        return
    _write_anew(of_uses_only=True)


def _write_anew(*added: sa.schema.SchemaItem, of_uses_only: bool) -> None:
    """Write SQLite's table anew, triggers and all: it cannot alter a column.

    The rows are put back under the same name before the commit, so no foreign key dangles.
    """
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM journal_entry")
    op.drop_table("journal_entry")
    op.create_table(
        "journal_entry",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("usage_event_id", sa.String(), nullable=not of_uses_only),
        sa.Column("contract_id", sa.String(), nullable=not of_uses_only),
        sa.Column("generation_id", sa.String(), nullable=True),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["usage_event_id"], ["usage_event.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("usage_event_id"),
        *added,
    )
    op.create_index("ix_journal_entry_contract_id", "journal_entry", ["contract_id"])
    op.create_index("ix_journal_entry_generation_id", "journal_entry", ["generation_id"])
    op.execute(f"INSERT INTO journal_entry ({KEPT}) SELECT {KEPT} FROM kept")  # noqa: S608
    op.execute("DROP TABLE kept")
    for what, (when, condition) in TRIGGERS.items():
        also = "" if of_uses_only else " OR source = NEW.source"
        op.execute(
            f"CREATE TRIGGER journal_entry_never_{what} BEFORE {when} ON journal_entry"
            f" WHEN {condition.format(source=also)}"
            " BEGIN SELECT RAISE(ABORT, 'journal_entry is append-only: correct it with a new"
            " entry'); END"
        )
