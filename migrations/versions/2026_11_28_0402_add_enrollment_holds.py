"""Put down which enrollments wait for a person, and whom the new face resembles."""

import sqlalchemy as sa
from alembic import op

revision = "20261128_0402"
down_revision = "20261128_0340"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "enrollment_hold",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("performer_id", sa.String(), nullable=False),
        sa.Column("templates", sa.Integer(), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('open', 'released', 'refused')", name="enrollment_hold_outcome"
        ),
        sa.CheckConstraint(
            "(outcome = 'open') = (answered_at IS NULL)", name="enrollment_hold_answered"
        ),
        sa.ForeignKeyConstraint(["performer_id"], ["performer.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("performer_id"),
    )
    op.create_index("ix_enrollment_hold_outcome", "enrollment_hold", ["outcome"])
    op.create_table(
        "enrollment_match",
        sa.Column("hold_id", sa.String(), nullable=False),
        sa.Column("performer_id", sa.String(), nullable=False),
        sa.Column("distance_milli", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["hold_id"], ["enrollment_hold.id"]),
        sa.ForeignKeyConstraint(["performer_id"], ["performer.id"]),
        sa.PrimaryKeyConstraint("hold_id", "performer_id"),
    )


def downgrade() -> None:
    op.drop_table("enrollment_match")
    op.drop_index("ix_enrollment_hold_outcome", "enrollment_hold")
    op.drop_table("enrollment_hold")
