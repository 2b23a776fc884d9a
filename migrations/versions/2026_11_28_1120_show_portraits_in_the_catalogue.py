"""Let a performer show a still of theirs in the catalogue; name the purpose it is opened for."""

import sqlalchemy as sa
from alembic import op

revision = "20261128_1120"
down_revision = "20261128_1030"
branch_labels = None
depends_on = None

BEFORE = (
    "'render', 'enrollment', 'owner-viewing', 'export', 'evidence', 'vendor-call', 'matching', "
    "'live-check'"
)
NOW = f"{BEFORE}, 'catalogue'"


def upgrade() -> None:
    with op.batch_alter_table("performer_listing") as batch:
        batch.add_column(sa.Column("portrait_object_id", sa.String(), nullable=True))
        batch.create_foreign_key(
            "performer_listing_portrait", "vault_object", ["portrait_object_id"], ["id"]
        )
    _allow_purposes(NOW)


def downgrade() -> None:
    op.execute("UPDATE vault_opening SET purpose = 'evidence' WHERE purpose = 'catalogue'")
    _allow_purposes(BEFORE)
    with op.batch_alter_table("performer_listing") as batch:
        batch.drop_constraint("performer_listing_portrait", type_="foreignkey")
        batch.drop_column("portrait_object_id")


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
