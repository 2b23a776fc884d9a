"""Add people: invitations, memberships, passkeys, challenges to them, and sessions."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_1733"
down_revision = "20261127_1645"
branch_labels = None
depends_on = None

ROLES = (
    "role IN ('performer', 'guardian', 'estate', 'loan_out', 'auditor', 'agent', "
    "'production_approver', 'production_member', 'union_officer')"
)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[sa.DateTime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "person",
        _text("id"),
        _text("name"),
        _instant("created_at"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "invitation",
        _text("id"),
        _text("organization_id"),
        _text("role"),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        _text("invited_by", nullable=True),
        _text("secret_sha256"),
        _instant("created_at"),
        _instant("expires_at"),
        _instant("used_at", nullable=True),
        _instant("retracted_at", nullable=True),
        sa.CheckConstraint(ROLES, name="invitation_role"),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["invited_by"], ["person.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("secret_sha256"),
    )
    op.create_index("ix_invitation_organization_id", "invitation", ["organization_id"])
    op.create_table(
        "membership",
        _text("id"),
        _text("person_id"),
        _text("organization_id"),
        _text("role"),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        _text("invitation_id"),
        _instant("created_at"),
        _instant("ended_at", nullable=True),
        sa.CheckConstraint(ROLES, name="membership_role"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["invitation_id"], ["invitation.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("invitation_id"),
    )
    op.create_index("ix_membership_person_id", "membership", ["person_id"])
    op.create_index("ix_membership_organization_id", "membership", ["organization_id"])
    op.create_table(
        "passkey",
        _text("id"),
        _text("person_id"),
        _text("name"),
        _text("credential_id"),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        _text("aaguid"),
        sa.Column("backup_eligible", sa.Boolean(), nullable=False),
        sa.Column("backed_up", sa.Boolean(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        _instant("created_at"),
        _instant("last_used_at", nullable=True),
        _instant("clone_seen_at", nullable=True),
        _instant("revoked_at", nullable=True),
        sa.CheckConstraint("sign_count >= 0", name="passkey_counts"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("credential_id"),
    )
    op.create_index("ix_passkey_person_id", "passkey", ["person_id"])
    op.create_table(
        "ceremony",
        _text("id"),
        _text("purpose"),
        sa.Column("challenge", sa.LargeBinary(), nullable=False),
        _text("binder_sha256"),
        _text("person_id", nullable=True),
        _instant("created_at"),
        _instant("expires_at"),
        _instant("used_at", nullable=True),
        sa.CheckConstraint("purpose IN ('enroll', 'sign-in', 'confirm')", name="ceremony_purpose"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_ceremony_expires_at", "ceremony", ["expires_at"])
    op.create_table(
        "person_session",
        _text("id"),
        _text("person_id"),
        _text("passkey_id"),
        _text("secret_sha256"),
        _text("browser"),
        _instant("created_at"),
        _instant("seen_at"),
        _instant("verified_at"),
        _instant("expires_at"),
        _instant("ended_at", nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"]),
        sa.ForeignKeyConstraint(["passkey_id"], ["passkey.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("secret_sha256"),
    )
    op.create_index("ix_person_session_person_id", "person_session", ["person_id"])
    op.create_index("ix_person_session_passkey_id", "person_session", ["passkey_id"])


def downgrade() -> None:
    for table in ("person_session", "ceremony", "passkey", "membership", "invitation", "person"):
        op.drop_table(table)
