"""Add standing offers, whom they are made to, and the contracts made from them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261127_0820"
down_revision = "20261127_0755"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "standing_offer",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("performer_id", sa.String(), nullable=False),
        sa.Column("document", sa.String(), nullable=False),
        sa.Column("document_sha256", sa.String(), nullable=False),
        sa.Column("max_executions", sa.Integer(), nullable=False),
        sa.Column("executions", sa.Integer(), nullable=False),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("signing_key_id", sa.String(), nullable=True),
        sa.Column("jws", sa.String(), nullable=True),
        sa.Column(
            "acknowledged", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("retracted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "executions >= 0 AND executions <= max_executions", name="standing_offer_executions"
        ),
        sa.CheckConstraint(
            "(signed_at IS NULL) = (jws IS NULL) AND (jws IS NULL) = (signing_key_id IS NULL)",
            name="standing_offer_signed",
        ),
        sa.ForeignKeyConstraint(["performer_id"], ["performer.id"]),
        sa.ForeignKeyConstraint(["signing_key_id"], ["signing_key.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("performer_id", "document_sha256"),
    )
    op.create_table(
        "standing_offer_audience",
        sa.Column("standing_offer_id", sa.String(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["standing_offer_id"], ["standing_offer.id"]),
        sa.PrimaryKeyConstraint("standing_offer_id", "who"),
    )
    op.create_index(
        op.f("ix_standing_offer_audience_who"), "standing_offer_audience", ["who"], unique=False
    )
    op.create_table(
        "standing_offer_execution",
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("standing_offer_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["contract_id"], ["contract.id"]),
        sa.ForeignKeyConstraint(["standing_offer_id"], ["standing_offer.id"]),
        sa.PrimaryKeyConstraint("contract_id"),
        sa.UniqueConstraint("standing_offer_id", "number"),
    )


def downgrade() -> None:
    op.drop_table("standing_offer_execution")
    op.drop_index(op.f("ix_standing_offer_audience_who"), table_name="standing_offer_audience")
    op.drop_table("standing_offer_audience")
    op.drop_table("standing_offer")
