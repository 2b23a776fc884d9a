"""Add papers that are kept beside contracts, and the vault's purpose of reading them."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_0745"
down_revision = "20261127_0740"
branch_labels = None
depends_on = None

BEFORE = "'render', 'enrollment', 'owner-viewing', 'export'"
AFTER = "'render', 'enrollment', 'owner-viewing', 'export', 'evidence'"


def upgrade() -> None:
    _allow_purposes(AFTER)
    op.create_table(
        "contract_paper",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("vault_object_id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("api_key_id", sa.String(), nullable=False),
        sa.Column("attached_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("size_bytes > 0", name="contract_paper_size"),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_key.id"]),
        sa.ForeignKeyConstraint(["contract_id"], ["contract.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["vault_object_id"], ["vault_object.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("contract_id", "sha256", name="contract_paper_once"),
    )


def downgrade() -> None:
    op.drop_table("contract_paper")
    op.execute("UPDATE vault_opening SET purpose = 'owner-viewing' WHERE purpose = 'evidence'")
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
