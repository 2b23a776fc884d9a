"""Add what humans are asked to approve, and what they answer."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261127_0700"
down_revision = "20261127_0655"
branch_labels = None
depends_on = None


def _json() -> sa.types.TypeEngine[object]:
    return sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "approval_request",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("decision_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("roles", _json(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("script_hash", sa.String(), nullable=False),
        sa.Column("content_tags", _json(), nullable=False),
        sa.Column("sublicensee", sa.String(), nullable=True),
        sa.Column("transferee", sa.String(), nullable=True),
        sa.Column("training_scope", sa.String(), nullable=True),
        sa.Column("use", _json(), nullable=False),
        sa.Column("script", sa.String(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        # null means the contract waits for an answer however long it takes
        sa.Column("answer_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('use', 'content', 'sublicensee', 'transferee', 'training')",
            name="approval_request_kind",
        ),
        sa.CheckConstraint(
            "outcome IN ('open', 'approved', 'rejected')", name="approval_request_outcome"
        ),
        sa.ForeignKeyConstraint(["contract_id"], ["contract.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["decision_id"], ["decision.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("decision_id", "contract_id", "kind", name="approval_request_once"),
    )
    for column in ("contract_id", "organization_id"):
        op.create_index(
            op.f(f"ix_approval_request_{column}"), "approval_request", [column], unique=False
        )
    op.create_table(
        "approval_answer",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("api_key_id", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status IN ('approved', 'rejected')", name="approval_answer_status"),
        sa.ForeignKeyConstraint(["request_id"], ["approval_request.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_key.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_approval_answer_request_id"), "approval_answer", ["request_id"], unique=False
    )


def downgrade() -> None:
    op.drop_table("approval_answer")
    op.drop_table("approval_request")
