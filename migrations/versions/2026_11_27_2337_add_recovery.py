"""Keep recovery codes, recoveries and who vouched for them."""

import sqlalchemy as sa
from alembic import op

revision = "20261127_2337"
down_revision = "20261127_2335"
branch_labels = None
depends_on = None


def _at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("code_sha256", sa.String(), nullable=False),
        _at("created_at"),
        _at("used_at", nullable=True),
        _at("retracted_at", nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code_sha256"),
    )
    op.create_index("ix_recovery_code_person_id", "recovery_code", ["person_id"])
    op.create_table(
        "recovery",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("way", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=True),
        _at("begun_at"),
        _at("opens_at"),
        _at("expires_at"),
        sa.Column("secret_sha256", sa.String(), nullable=True),
        _at("cancelled_at", nullable=True),
        _at("completed_at", nullable=True),
        sa.Column("passkey_id", sa.String(), nullable=True),
        sa.CheckConstraint("way IN ('codes', 'administrators')", name="recovery_way"),
        sa.CheckConstraint(
            "completed_at IS NULL OR cancelled_at IS NULL", name="recovery_ends_once"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["passkey_id"], ["passkey.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("secret_sha256"),
    )
    op.create_index("ix_recovery_person_id", "recovery", ["person_id"])
    op.create_table(
        "recovery_vouch",
        sa.Column("recovery_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("capacity", sa.String(), nullable=False),
        _at("vouched_at"),
        sa.ForeignKeyConstraint(["recovery_id"], ["recovery.id"]),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"]),
        sa.PrimaryKeyConstraint("recovery_id", "person_id"),
    )


def downgrade() -> None:
    for table in ("recovery_vouch", "recovery", "recovery_code"):
        op.drop_table(table)
