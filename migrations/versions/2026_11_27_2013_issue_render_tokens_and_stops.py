"""Issue a token for each attempt to open a likeness for a render; let the operator stop at once."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_2013"
down_revision = "20261127_2003"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "render_token",
        _text("id"),
        _text("job_id"),
        _text("decision_id"),
        sa.Column("attempt", sa.Integer(), nullable=False),
        _text("secret_sha256"),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("attempt > 0", name="render_token_counts"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("job_id", "attempt", name="render_token_attempt"),
        sa.UniqueConstraint("secret_sha256"),
    )
    op.create_table(
        "render_token_use",
        _text("token_id"),
        _text("object_id"),
        _text("opening_id"),
        sa.ForeignKeyConstraint(["token_id"], ["render_token.id"]),
        sa.PrimaryKeyConstraint("token_id", "object_id"),
    )
    op.create_table(
        "emergency_stop",
        _text("id"),
        _text("kind"),
        _text("subject"),
        _text("reason"),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('installation', 'vendor', 'performer')", name="emergency_stop_kind"
        ),
        sa.CheckConstraint(
            "(kind = 'installation') = (subject = '')", name="emergency_stop_subject"
        ),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    for table in ("emergency_stop", "render_token_use", "render_token"):
        op.drop_table(table)
