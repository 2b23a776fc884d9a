"""Let a person answer what the checks of materials and outputs were in doubt about."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261127_2354"
down_revision = "20261127_2356"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "review",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("generation_id", sa.String(), nullable=True),
        sa.Column("material_id", sa.String(), nullable=True),
        sa.Column("findings", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.Column("faces", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("answered_as", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("outcome IN ('open', 'released', 'refused')", name="review_outcome"),
        sa.CheckConstraint("(outcome = 'open') = (answered_at IS NULL)", name="review_answered"),
        sa.CheckConstraint(
            "(generation_id IS NULL) <> (material_id IS NULL)", name="review_subject"
        ),
        sa.ForeignKeyConstraint(["generation_id"], ["generation.id"]),
        sa.ForeignKeyConstraint(["material_id"], ["material.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("generation_id"),
    )
    op.create_index("ix_review_material_id", "review", ["material_id"])
    op.create_index("ix_review_outcome", "review", ["outcome"])
    op.create_table(
        "review_match",
        sa.Column("review_id", sa.String(), nullable=False),
        sa.Column("performer_id", sa.String(), nullable=False),
        sa.Column("distance_milli", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["review_id"], ["review.id"]),
        sa.ForeignKeyConstraint(["performer_id"], ["performer.id"]),
        sa.PrimaryKeyConstraint("review_id", "performer_id"),
    )


def downgrade() -> None:
    op.drop_table("review_match")
    op.drop_table("review")
