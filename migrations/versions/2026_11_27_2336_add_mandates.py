"""Let performers give mandates; know when they come of age, or died; let an adult ratify."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261127_2336"
down_revision = "20261127_2332"
branch_labels = None
depends_on = None

ROLES = (
    "'agent', 'attorney', 'guardian', 'estate_rep', 'union_for_estate', 'loan_out', 'union',"
    " 'court'"
)
KINDS = (
    "'contract-executed', 'contract-amended', 'contract-suspended', 'contract-resumed',"
    " 'consent-withdrawn', 'strike-switched', 'decision', 'output-released',"
    " 'journal-entry', 'key-rotated', 'policy-published', 'database-anchored',"
    " 'disclosure-granted', 'disclosure-revoked', 'period-closed'"
)
ACTS = (
    "'draft', 'revise', 'offer', 'counter', 'decline', 'retract', 'sign',"
    " 'amend', 'suspend', 'resume', 'withdraw'"
)
ACTORS = "'performer', 'agent', 'licensee'"
CHANGED = (
    ("log_outbox", "kind", KINDS, f"{KINDS}, 'mandate-granted', 'mandate-revoked'"),
    ("contract_event", "act", ACTS, f"{ACTS}, 'ratify'"),
    (
        "contract_event",
        "actor",
        ACTORS,
        f"{ACTORS}, 'attorney', 'guardian', 'estate_rep', 'union_for_estate', 'loan_out'",
    ),
)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    for table, column, before, after in CHANGED:
        _change_check(table, column, f"{column} IN ({before})", f"{column} IN ({after})")
    op.create_table(
        "mandate",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("performer_id", sa.String(), nullable=False),
        sa.Column("holder_id", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("acts", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.Column("contract_id", sa.String(), nullable=True),
        _instant("starts_at"),
        _instant("ends_at"),
        sa.Column("document", sa.String(), nullable=False),
        sa.Column("document_sha256", sa.String(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.Column("signing_key_id", sa.String(), nullable=False),
        sa.Column("grantor_id", sa.String(), nullable=False),
        _instant("granted_at"),
        _instant("confirmed_at", nullable=True),
        _instant("revoked_at", nullable=True),
        sa.Column("revoked_by", sa.String(), nullable=True),
        sa.Column("seal", sa.String(), nullable=False),
        sa.CheckConstraint(f"role IN ({ROLES})", name="mandate_role"),
        sa.CheckConstraint("starts_at < ends_at", name="mandate_spans"),
        sa.ForeignKeyConstraint(["performer_id"], ["performer.id"]),
        sa.ForeignKeyConstraint(["holder_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["grantor_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["signing_key_id"], ["signing_key.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("document_sha256"),
    )
    op.create_index("ix_mandate_performer_id", "mandate", ["performer_id"])
    op.create_index("ix_mandate_holder_id", "mandate", ["holder_id"])
    op.create_table(
        "mandate_evidence",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("mandate_id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("vault_object_id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        _instant("attached_at"),
        sa.ForeignKeyConstraint(["mandate_id"], ["mandate.id"]),
        sa.ForeignKeyConstraint(["vault_object_id"], ["vault_object.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("mandate_id", "sha256", name="mandate_evidence_once"),
    )
    op.create_table(
        "performer_life",
        sa.Column("performer_id", sa.String(), nullable=False),
        sa.Column("majority_on", sa.Date(), nullable=True),
        sa.Column("birth_object_id", sa.String(), nullable=True),
        sa.Column("died_on", sa.Date(), nullable=True),
        _instant("recorded_at"),
        sa.Column("seal", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["performer_id"], ["performer.id"]),
        sa.ForeignKeyConstraint(["birth_object_id"], ["vault_object.id"]),
        sa.PrimaryKeyConstraint("performer_id"),
    )


def downgrade() -> None:
    """Drop the mandates; a log that already holds their leaves keeps them, and cannot go back."""
    op.drop_table("performer_life")
    op.drop_table("mandate_evidence")
    op.drop_table("mandate")
    for table, column, before, after in reversed(CHANGED):
        _change_check(table, column, f"{column} IN ({after})", f"{column} IN ({before})")


def _change_check(table: str, name: str, before: str, after: str) -> None:
    """Change a check. SQLite cannot: the table is written anew, with its indexes and triggers.

    Its rows are put back under the same name before the commit, so no foreign key is left dangling.
    """
    if op.get_context().dialect.name == "postgresql":
        op.drop_constraint(f"{table}_{name}", table, type_="check")
        op.create_check_constraint(f"{table}_{name}", table, after)
        return
    connection = op.get_bind()
    of_table = sa.text(
        "SELECT sql FROM sqlite_master WHERE tbl_name = :name AND sql IS NOT NULL"
        " ORDER BY type <> 'table'"
    )
    made, *others = connection.execute(of_table, {"name": table}).scalars().all()
    if made.count(f"({before})") != 1:
        raise RuntimeError(f"{table} has no check of {before}: it is not as migrations left it")
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute(f"CREATE TEMPORARY TABLE kept AS SELECT * FROM {table}")  # noqa: S608 -- constant
    op.drop_table(table)
    connection.exec_driver_sql(made.replace(f"({before})", f"({after})"))
    op.execute(f"INSERT INTO {table} SELECT * FROM kept")  # noqa: S608 -- constant
    op.execute("DROP TABLE kept")
    for statement in others:
        connection.exec_driver_sql(statement)
