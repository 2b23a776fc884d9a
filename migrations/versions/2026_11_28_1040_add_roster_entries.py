"""Put down whom agencies want to bring in, until each says yes or no."""

import sqlalchemy as sa
from alembic import op

revision = "20261128_1040"
down_revision = "20261128_1020"
branch_labels = None
depends_on = None

STANDS = "state NOT IN ('expired', 'taken-back')"


def upgrade() -> None:
    op.create_table(
        "roster_entry",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("api_key_id", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("photo", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("portrait_object_id", sa.String(), nullable=True),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("invited_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("performer_id", sa.String(), nullable=True),
        sa.Column("mail", sa.String(), nullable=False),
        sa.Column("mail_attempts", sa.Integer(), nullable=False),
        sa.Column("mail_next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mail_reply", sa.String(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.CheckConstraint(
            "state IN ('no-photo', 'received', 'unfit', 'invited', 'confirmed', 'refused',"
            " 'expired', 'taken-back')",
            name="roster_entry_state",
        ),
        sa.CheckConstraint(
            "mail IN ('', 'by-hand', 'waiting', 'sent', 'failed')", name="roster_entry_mail"
        ),
        sa.CheckConstraint(
            "(state IN ('no-photo', 'received', 'unfit', 'invited')) = (ended_at IS NULL)",
            name="roster_entry_ended",
        ),
        sa.CheckConstraint(
            "(state = 'confirmed') = (performer_id IS NOT NULL)", name="roster_entry_confirmed"
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_key.id"]),
        sa.ForeignKeyConstraint(["portrait_object_id"], ["vault_object.id"]),
        sa.ForeignKeyConstraint(["performer_id"], ["performer.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_roster_entry_once",
        "roster_entry",
        ["organization_id", "reference"],
        unique=True,
        sqlite_where=sa.text(STANDS),
        postgresql_where=sa.text(STANDS),
    )
    op.create_index("ix_roster_entry_photo", "roster_entry", ["organization_id", "photo"])
    op.create_index("ix_roster_entry_state", "roster_entry", ["state", "expires_at"])
    op.create_index("ix_roster_entry_mail", "roster_entry", ["mail", "mail_next_at"])


def downgrade() -> None:
    op.drop_table("roster_entry")
