"""Keep what people are told, the addresses it goes to, and what proves that it arrived."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_2327"
down_revision = "20261127_2324"
branch_labels = None
depends_on = None


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "contact",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("sealed", sa.String(), nullable=False),
        _at("created_at"),
        _at("verified_at", nullable=True),
        _at("ended_at", nullable=True),
        sa.CheckConstraint("channel IN ('email', 'sms', 'push')", name="contact_channel"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_contact_person_id", "contact", ["person_id"])
    op.create_table(
        "notice",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=True),
        sa.Column("person_id", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("alarms_id", sa.String(), nullable=True),
        _at("due_at", nullable=True),
        sa.Column("once", sa.String(), nullable=True),
        _at("created_at"),
        sa.CheckConstraint(
            "(organization_id IS NULL) <> (person_id IS NULL)", name="notice_to_one"
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"]),
        sa.ForeignKeyConstraint(["alarms_id"], ["organization.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("once"),
    )
    for column in ("organization_id", "person_id", "subject_id"):
        op.create_index(f"ix_notice_{column}", "notice", [column])
    op.create_table(
        "notice_delivery",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("notice_id", sa.String(), nullable=False),
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        _at("created_at"),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _at("next_at"),
        sa.Column("reply", sa.String(), nullable=False),
        _at("settled_at", nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'sent', 'failed')", name="notice_delivery_state"),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"]),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("message_id"),
        sa.UniqueConstraint("notice_id", "contact_id", name="notice_delivery_once"),
    )
    op.create_index("ix_notice_delivery_contact_id", "notice_delivery", ["contact_id"])
    op.create_index("ix_notice_delivery_waiting", "notice_delivery", ["state", "next_at"])
    op.create_table(
        "notice_seen",
        sa.Column("notice_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        _at("seen_at"),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"]),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"]),
        sa.PrimaryKeyConstraint("notice_id", "person_id"),
    )


def downgrade() -> None:
    for table in ("notice_seen", "notice_delivery", "notice", "contact"):
        op.drop_table(table)
