"""Keep vendors' credentials in the vault; let the stories of vendors' jobs rest meanwhile."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261127_2332"
down_revision = "20261127_2327"
branch_labels = None
depends_on = None

BEFORE = "'render', 'enrollment', 'owner-viewing', 'export', 'evidence'"
AFTER = f"{BEFORE}, 'vendor-call'"


def upgrade() -> None:
    _allow_purposes(AFTER)
    op.create_table(
        "vendor_credential",
        sa.Column("vendor", sa.String(), nullable=False),
        sa.Column("vault_object_id", sa.String(), nullable=False),
        sa.Column("names", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["vault_object_id"], ["vault_object.id"]),
        sa.PrimaryKeyConstraint("vendor"),
    )
    # Jobs under way now are asked about once the workers that wait for them are gone.
    for name in ("poll_at", "asked_at"):
        op.add_column("vendor_job", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    for name in ("silences", "wakes"):
        op.add_column(
            "vendor_job", sa.Column(name, sa.Integer(), nullable=False, server_default="0")
        )
    op.create_index("ix_vendor_job_poll_at", "vendor_job", ["poll_at"])


def downgrade() -> None:
    op.drop_index("ix_vendor_job_poll_at", "vendor_job")
    with op.batch_alter_table("vendor_job") as table:
        for name in ("wakes", "silences", "asked_at", "poll_at"):
            table.drop_column(name)
    op.drop_table("vendor_credential")
    op.execute("UPDATE vault_opening SET purpose = 'owner-viewing' WHERE purpose = 'vendor-call'")
    _allow_purposes(BEFORE)


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
