"""Let performers allow a search for their face, say how else they are called; name that purpose."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_2344"
down_revision = "20261127_2337"
branch_labels = None
depends_on = None

BEFORE = "'render', 'enrollment', 'owner-viewing', 'export', 'evidence', 'vendor-call'"
NOW = f"{BEFORE}, 'matching'"


def upgrade() -> None:
    op.create_table(
        "performer_alias",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("performer_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("api_key_id", sa.String(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["performer_id"], ["performer.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_key.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_performer_alias_performer_id", "performer_alias", ["performer_id"])
    op.create_table(
        "matching_choice",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("performer_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("allowed", sa.Boolean(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("api_key_id", sa.String(), nullable=False),
        sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("number > 0", name="matching_choice_number"),
        sa.ForeignKeyConstraint(["performer_id"], ["performer.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_key.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("performer_id", "number"),
    )
    _allow_purposes(NOW)


def downgrade() -> None:
    op.execute("UPDATE vault_opening SET purpose = 'evidence' WHERE purpose = 'matching'")
    _allow_purposes(BEFORE)
    op.drop_table("matching_choice")
    op.drop_table("performer_alias")


def _allow_purposes(purposes: str) -> None:
    """Change the list of purposes. SQLite cannot alter a check: the table is written anew."""
    check = f"purpose IN ({purposes})"
    if op.get_context().dialect.name == "postgresql":
        op.drop_constraint("vault_opening_purpose", "vault_opening", type_="check")
        op.create_check_constraint("vault_opening_purpose", "vault_opening", check)
        return
    op.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM vault_opening")
    op.drop_table("vault_opening")
    op.create_table(
        "vault_opening",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(check, name="vault_opening_purpose"),
        sa.ForeignKeyConstraint(["object_id"], ["vault_object.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_vault_opening_object_id", "vault_opening", ["object_id"])
    op.execute(
        "INSERT INTO vault_opening (id, object_id, purpose, subject_id, opened_at)"
        " SELECT id, object_id, purpose, subject_id, opened_at FROM kept"
    )
    op.execute("DROP TABLE kept")
