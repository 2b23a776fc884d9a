"""Keep photos and recordings that performers give of themselves beside the first portrait."""

import sqlalchemy as sa
from alembic import op

revision = "20261128_1350"
down_revision = "20261128_1355"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "likeness_medium",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("performer_id", sa.String(), nullable=False),
        sa.Column("replica_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("length_ms", sa.Integer(), nullable=False),
        sa.Column("vault_object_id", sa.String(), nullable=False),
        sa.Column("template_object_id", sa.String(), nullable=True),
        sa.Column("still_object_id", sa.String(), nullable=True),
        sa.Column("commitment_salt", sa.String(), nullable=False),
        sa.Column("commitment", sa.String(), nullable=False),
        sa.Column("agreed", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("api_key_id", sa.String(), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('photo', 'voice')", name="likeness_medium_kind"),
        sa.CheckConstraint("size_bytes > 0 AND length_ms >= 0", name="likeness_medium_size"),
        sa.CheckConstraint(
            "(kind = 'photo') = (template_object_id IS NOT NULL AND still_object_id IS NOT NULL)",
            name="likeness_medium_measured",
        ),
        sa.ForeignKeyConstraint(["performer_id"], ["performer.id"]),
        sa.ForeignKeyConstraint(["replica_id"], ["replica.id"]),
        sa.ForeignKeyConstraint(["vault_object_id"], ["vault_object.id"]),
        sa.ForeignKeyConstraint(["template_object_id"], ["vault_object.id"]),
        sa.ForeignKeyConstraint(["still_object_id"], ["vault_object.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_key.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_likeness_medium_performer_id", "likeness_medium", ["performer_id"])


def downgrade() -> None:
    op.drop_table("likeness_medium")
