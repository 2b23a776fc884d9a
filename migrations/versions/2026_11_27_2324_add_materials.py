"""Let productions upload materials for their scenes, and put down where they are used."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261127_2324"
down_revision = "20261127_2323"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "material",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("api_key_id", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("length_ms", sa.Integer(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("facts", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.Column("vault_object_id", sa.String(), nullable=False),
        sa.Column("faces_object_id", sa.String(), nullable=True),
        sa.Column("commitment_salt", sa.String(), nullable=False),
        sa.Column("commitment", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "role IN ('first_frame', 'footage', 'driving', 'voice')", name="material_role"
        ),
        sa.CheckConstraint(
            "state IN ('checking', 'usable', 'review', 'refused')", name="material_state"
        ),
        sa.CheckConstraint("size_bytes > 0", name="material_size"),
        sa.CheckConstraint("(state = 'checking') = (checked_at IS NULL)", name="material_checked"),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_key.id"]),
        sa.ForeignKeyConstraint(["vault_object_id"], ["vault_object.id"]),
        sa.ForeignKeyConstraint(["faces_object_id"], ["vault_object.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_material_organization_id", "material", ["organization_id"])
    op.create_index("ix_material_state", "material", ["state"])
    op.create_table(
        "generation_material",
        sa.Column("generation_id", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("material_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["generation_id"], ["generation.id"]),
        sa.ForeignKeyConstraint(["material_id"], ["material.id"]),
        sa.PrimaryKeyConstraint("generation_id", "role"),
    )
    op.create_index("ix_generation_material_material_id", "generation_material", ["material_id"])


def downgrade() -> None:
    op.drop_table("generation_material")
    op.drop_table("material")
