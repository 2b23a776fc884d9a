"""Keep the operator's acts, and chain them and the vault's openings into closed segments."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_2357"
down_revision = "20261127_2352"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "operator_act",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("stated_name", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "operator_act_subject",
        sa.Column("act_id", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["act_id"], ["operator_act.id"]),
        sa.PrimaryKeyConstraint("act_id", "subject_id"),
    )
    op.create_index("ix_operator_act_subject_subject_id", "operator_act_subject", ["subject_id"])
    op.create_table(
        "audit_segment",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("previous_sha256", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("number >= 1", name="audit_segment_counts"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number"),
    )
    op.create_table(
        "audit_segment_event",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("segment_id", sa.String(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["segment_id"], ["audit_segment.id"]),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("ix_audit_segment_event_segment_id", "audit_segment_event", ["segment_id"])


def downgrade() -> None:
    for table in ("audit_segment_event", "audit_segment", "operator_act_subject", "operator_act"):
        op.drop_table(table)
