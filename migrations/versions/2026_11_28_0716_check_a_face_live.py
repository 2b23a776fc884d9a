"""Keep live checks of a performer's face, know their stills again; name that purpose."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261128_0716"
down_revision = "20261128_0720"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
BEFORE = "'render', 'enrollment', 'owner-viewing', 'export', 'evidence', 'vendor-call', 'matching'"
NOW = f"{BEFORE}, 'live-check'"


def upgrade() -> None:
    op.create_table(
        "live_check",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("performer_id", sa.String(), nullable=False),
        sa.Column("replica_id", sa.String(), nullable=False),
        sa.Column("api_key_id", sa.String(), nullable=True),
        sa.Column("recovery_id", sa.String(), nullable=True),
        sa.Column("poses", JSON, nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("reasons", JSON, nullable=False),
        sa.CheckConstraint("outcome IN ('asked', 'passed', 'failed')", name="live_check_outcome"),
        sa.CheckConstraint("asked_at < expires_at", name="live_check_spans"),
        sa.CheckConstraint(
            "(api_key_id IS NULL) <> (recovery_id IS NULL)", name="live_check_asked_by_one"
        ),
        sa.ForeignKeyConstraint(["performer_id"], ["performer.id"]),
        sa.ForeignKeyConstraint(["replica_id"], ["replica.id"]),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_key.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_live_check_performer_id", "live_check", ["performer_id"])
    op.create_table(
        "live_still",
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("check_id", sa.String(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["check_id"], ["live_check.id"]),
        sa.PrimaryKeyConstraint("mark"),
    )
    op.create_index("ix_live_still_check_id", "live_still", ["check_id"])
    _allow_purposes(NOW)


def downgrade() -> None:
    op.execute("UPDATE vault_opening SET purpose = 'evidence' WHERE purpose = 'live-check'")
    _allow_purposes(BEFORE)
    op.drop_table("live_still")
    op.drop_table("live_check")


def _allow_purposes(purposes: str) -> None:
    """Change the list of purposes. SQLite cannot alter a check: the table is written anew."""
    check = f"purpose IN ({purposes})"
    if op.get_context().dialect.name == "postgresql":
        op.drop_constraint("vault_opening_purpose", "vault_opening", type_="check")
        op.create_check_constraint("vault_opening_purpose", "vault_opening", check)
        return
    op.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM vault_opening")
    op.drop_table("vault_opening")
    op.create_table(
        "vault_opening",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(check, name="vault_opening_purpose"),
        sa.ForeignKeyConstraint(["object_id"], ["vault_object.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_vault_opening_object_id", "vault_opening", ["object_id"])
    op.execute(
        "INSERT INTO vault_opening (id, object_id, purpose, subject_id, opened_at)"
        " SELECT id, object_id, purpose, subject_id, opened_at FROM kept"
    )
    op.execute("DROP TABLE kept")
