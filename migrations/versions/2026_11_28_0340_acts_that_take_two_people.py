"""Put down acts that take two people, and who agreed to them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261128_0340"
down_revision = "20261128_0014"
branch_labels = None
depends_on = None

KINDS = ("payout-details", "key-rotation", "operator-key-rotation", "vault-access")


def upgrade() -> None:  # accounts named before go on to count: their rows are as they were
    op.create_table(
        "twofold_act",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("asked", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.Column("api_key_id", sa.String(), nullable=True),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lapses_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(f"kind IN {KINDS}", name="twofold_act_kind"),
        sa.CheckConstraint(
            "settled_at IS NULL OR refused_at IS NULL", name="twofold_act_ends_once"
        ),
        sa.CheckConstraint("done_at IS NULL OR settled_at IS NOT NULL", name="twofold_act_done"),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_key.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_twofold_act_organization_id", "twofold_act", ["organization_id"])
    op.create_index("ix_twofold_act_subject_id", "twofold_act", ["subject_id"])
    op.create_table(
        "twofold_voice",
        sa.Column("act_id", sa.String(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["act_id"], ["twofold_act.id"]),
        sa.PrimaryKeyConstraint("act_id", "who"),
    )


def downgrade() -> None:
    op.drop_table("twofold_voice")
    op.drop_table("twofold_act")
