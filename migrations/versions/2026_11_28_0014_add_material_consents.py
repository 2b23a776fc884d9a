"""Put down who agreed to a driving performance or a voice, and who took that back."""

import sqlalchemy as sa
from alembic import op

revision = "20261128_0014"
down_revision = "20261127_2354"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "material_consent",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("material_id", sa.String(), nullable=False),
        sa.Column("replica_id", sa.String(), nullable=True),
        sa.Column("document", sa.String(), nullable=False),
        sa.Column("jws", sa.String(), nullable=True),
        sa.Column("signing_key_id", sa.String(), nullable=True),
        sa.Column("api_key_id", sa.String(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.String(), nullable=False),
        sa.CheckConstraint(
            "(replica_id IS NULL) <> (jws IS NULL)", name="material_consent_one_way"
        ),
        sa.CheckConstraint(
            "(jws IS NULL) = (signing_key_id IS NULL)", name="material_consent_signed"
        ),
        sa.ForeignKeyConstraint(["material_id"], ["material.id"]),
        sa.ForeignKeyConstraint(["replica_id"], ["replica.id"]),
        sa.ForeignKeyConstraint(["signing_key_id"], ["signing_key.id"]),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_key.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_material_consent_material_id", "material_consent", ["material_id"])


def downgrade() -> None:
    op.drop_table("material_consent")
