"""Let a production's members sign in by the provider it named."""

import sqlalchemy as sa
from alembic import op

revision = "20261128_0745"
down_revision = "20261128_0716"
branch_labels = None
depends_on = None

STANDS = sa.text("ended_at IS NULL")
BEFORE = ("enroll", "sign-in", "confirm", "sign")
SINCE = (*BEFORE, "provider", "bind")


def upgrade() -> None:  # sessions there are go on: a passkey opened them
    op.create_table(
        "sign_in_provider",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("client_auth", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("email_domain", sa.String(), nullable=False),
        sa.Column("authorization_endpoint", sa.String(), nullable=False),
        sa.Column("token_endpoint", sa.String(), nullable=False),
        sa.Column("jwks_uri", sa.String(), nullable=False),
        sa.Column("names_itself", sa.Boolean(), nullable=False),
        sa.Column("named_by", sa.String(), nullable=False),
        sa.Column("named_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "client_auth IN ('client_secret_basic', 'client_secret_post')",
            name="sign_in_provider_client_auth",
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["named_by"], ["person.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_sign_in_provider_organization_id", "sign_in_provider", ["organization_id"])
    _one_standing("ix_sign_in_provider_standing", "sign_in_provider", "organization_id")
    op.create_table(
        "provider_member",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("provider_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("bound_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["provider_id"], ["sign_in_provider.id"]),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_provider_member_provider_id", "provider_member", ["provider_id"])
    op.create_index("ix_provider_member_person_id", "provider_member", ["person_id"])
    _one_standing("ix_provider_member_subject", "provider_member", "provider_id", "subject")
    _one_standing("ix_provider_member_person", "provider_member", "provider_id", "person_id")
    with op.batch_alter_table("person_session") as table:
        table.alter_column("passkey_id", existing_type=sa.String(), nullable=True)
        table.add_column(sa.Column("provider_member_id", sa.String(), nullable=True))
        table.create_foreign_key(
            "person_session_provider_member_id_fkey",
            "provider_member",
            ["provider_member_id"],
            ["id"],
        )
        table.create_check_constraint(
            "person_session_opened_by_one", "(passkey_id IS NULL) <> (provider_member_id IS NULL)"
        )
    _purposes(SINCE)


def downgrade() -> None:
    op.execute("DELETE FROM ceremony WHERE purpose IN ('provider', 'bind')")
    op.execute("DELETE FROM person_session WHERE passkey_id IS NULL")
    _purposes(BEFORE)
    with op.batch_alter_table("person_session") as table:
        table.drop_constraint("person_session_opened_by_one", type_="check")
        table.drop_constraint("person_session_provider_member_id_fkey", type_="foreignkey")
        table.drop_column("provider_member_id")
        table.alter_column("passkey_id", existing_type=sa.String(), nullable=False)
    op.drop_table("provider_member")
    op.drop_table("sign_in_provider")


def _one_standing(name: str, table: str, *columns: str) -> None:
    op.create_index(
        name, table, [*columns], unique=True, sqlite_where=STANDS, postgresql_where=STANDS
    )


def _purposes(known: tuple[str, ...]) -> None:
    with op.batch_alter_table("ceremony") as table:
        table.drop_constraint("ceremony_purpose", type_="check")
        table.create_check_constraint("ceremony_purpose", f"purpose IN {known}")
