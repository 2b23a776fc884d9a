"""Let a passkey sign: challenges that are about something, and which signing key is a passkey.

Challenges live for five minutes: those of before are dropped.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261127_1753"
down_revision = "20261127_1745"
branch_labels = None
depends_on = None


def _ceremony(purposes: str, *more: sa.Column[str]) -> None:
    op.drop_table("ceremony")
    op.create_table(
        "ceremony",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("challenge", sa.LargeBinary(), nullable=False),
        *more,
        sa.Column("binder_sha256", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(f"purpose IN ({purposes})", name="ceremony_purpose"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_ceremony_expires_at", "ceremony", ["expires_at"])


def upgrade() -> None:
    _ceremony(
        "'enroll', 'sign-in', 'confirm', 'sign'", sa.Column("about", sa.String(), nullable=False)
    )
    op.create_table(
        "passkey_signing_key",
        sa.Column("passkey_id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("signing_key_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["passkey_id"], ["passkey.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["signing_key_id"], ["signing_key.id"]),
        sa.PrimaryKeyConstraint("passkey_id", "organization_id"),
        sa.UniqueConstraint("signing_key_id"),
    )


def downgrade() -> None:
    op.drop_table("passkey_signing_key")
    _ceremony("'enroll', 'sign-in', 'confirm'")
