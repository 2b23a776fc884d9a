"""Add unions, the agreements they keep, and the switch that suspends consent during a strike."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_0705"
down_revision = "20261127_0700"
branch_labels = None
depends_on = None

BEFORE = "'performer', 'agency', 'production'"
AFTER = "'performer', 'agency', 'production', 'union'"


def upgrade() -> None:
    _allow_kinds(AFTER)
    op.create_table(
        "agreement_keeper",
        sa.Column("agreement", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("named_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.PrimaryKeyConstraint("agreement"),
    )
    op.create_index(
        op.f("ix_agreement_keeper_organization_id"), "agreement_keeper", ["organization_id"]
    )
    op.create_table(
        "strike_switch",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("agreement", sa.String(), nullable=False),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("takes_effect_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("proposed_by", sa.String(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lapses_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", sa.String(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("act IN ('suspend', 'lift')", name="strike_switch_act"),
        sa.CheckConstraint("confirmed_by <> proposed_by", name="strike_switch_two_keys"),
        sa.CheckConstraint(
            "(confirmed_by IS NULL) = (confirmed_at IS NULL)"
            " AND (confirmed_by IS NULL) = (effective_at IS NULL)",
            name="strike_switch_confirmed",
        ),
        sa.ForeignKeyConstraint(["agreement"], ["agreement_keeper.agreement"]),
        sa.ForeignKeyConstraint(["confirmed_by"], ["api_key.id"]),
        sa.ForeignKeyConstraint(["proposed_by"], ["api_key.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_strike_switch_agreement"), "strike_switch", ["agreement"])
    op.create_index(
        "ix_strike_switch_in_force",
        "strike_switch",
        ["effective_at"],
        sqlite_where=sa.text("effective_at IS NOT NULL"),
        postgresql_where=sa.text("effective_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_table("strike_switch")
    op.drop_table("agreement_keeper")
    op.execute("UPDATE organization SET kind = 'agency' WHERE kind = 'union'")
    _allow_kinds(BEFORE)


def _allow_kinds(kinds: str) -> None:
    """Change the list of kinds. SQLite cannot alter a check: the table is written anew.

    Its rows are put back under the same name before the commit, so no foreign key is left dangling.
    """
    if op.get_context().dialect.name == "postgresql":
        op.drop_constraint("organization_kind", "organization", type_="check")
        op.create_check_constraint("organization_kind", "organization", f"kind IN ({kinds})")
        return
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM organization")
    op.drop_table("organization")
    op.create_table(
        "organization",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(f"kind IN ({kinds})", name="organization_kind"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute(
        "INSERT INTO organization (id, name, kind, created_at)"
        " SELECT id, name, kind, created_at FROM kept"
    )
    op.execute("DROP TABLE kept")
