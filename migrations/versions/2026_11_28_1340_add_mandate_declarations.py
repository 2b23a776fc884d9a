"""Put down what unions sign for estates that cannot be found, until the operator files it."""

import sqlalchemy as sa
from alembic import op

revision = "20261128_1340"
down_revision = "20261128_1350"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mandate_declaration",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("performer_id", sa.String(), nullable=False),
        sa.Column("document", sa.String(), nullable=False),
        sa.Column("document_sha256", sa.String(), nullable=False),
        sa.Column("signature", sa.String(), nullable=False),
        sa.Column("signing_key_id", sa.String(), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("mandate_id", sa.String(), nullable=True),
        sa.CheckConstraint(
            "mandate_id IS NULL OR ended_at IS NOT NULL", name="mandate_declaration_filed"
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["performer_id"], ["performer.id"]),
        sa.ForeignKeyConstraint(["signing_key_id"], ["signing_key.id"]),
        sa.ForeignKeyConstraint(["mandate_id"], ["mandate.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("document_sha256"),
    )
    op.create_index(
        "ix_mandate_declaration_organization_id", "mandate_declaration", ["organization_id"]
    )


def downgrade() -> None:
    op.drop_table("mandate_declaration")
