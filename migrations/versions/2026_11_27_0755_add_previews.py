"""Add previews before release, the two states they need, and content tags found on the way.

On SQLite a CHECK is changed in the schema table, as https://www.sqlite.org/lang_altertable.html
describes: making the table anew would break what refers to it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20261127_0755"
down_revision = "20261127_0750"
branch_labels = None
depends_on = None

BEFORE = ("held", "submitting", "rendering", "rendered", "inspected", "marked", "signed")
ADDED = ("awaiting-preview", "previewed")
ENDINGS = ("released", "refused", "quarantined", "failed")


def _json() -> sa.types.TypeEngine[object]:
    return sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    _replace_states((*BEFORE, *ENDINGS), (*BEFORE, *ADDED, *ENDINGS))
    op.add_column(
        "generation", sa.Column("found_tags", _json(), nullable=False, server_default="[]")
    )
    op.create_table(
        "preview",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("generation_id", sa.String(), nullable=False),
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("roles", _json(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column("organization_id", sa.String(), nullable=True),
        sa.Column("api_key_id", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("content_tags", _json(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("outcome IN ('open', 'released', 'refused')", name="preview_outcome"),
        sa.CheckConstraint("(outcome = 'open') = (answered_at IS NULL)", name="preview_answered"),
        sa.ForeignKeyConstraint(["generation_id"], ["generation.id"]),
        sa.ForeignKeyConstraint(["contract_id"], ["contract.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_key.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("generation_id", "contract_id", name="preview_once"),
    )
    for column in ("generation_id", "contract_id"):
        op.create_index(op.f(f"ix_preview_{column}"), "preview", [column], unique=False)
    op.create_table(
        "preview_link",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("preview_id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("api_key_id", sa.String(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["preview_id"], ["preview.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_key.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_preview_link_preview_id"), "preview_link", ["preview_id"])


def downgrade() -> None:
    op.drop_table("preview_link")
    op.drop_table("preview")
    op.drop_column("generation", "found_tags")
    op.execute(
        "UPDATE generation SET state = 'signed' WHERE state IN ('awaiting-preview', 'previewed')"
    )
    _replace_states((*BEFORE, *ADDED, *ENDINGS), (*BEFORE, *ENDINGS))


def _replace_states(old: tuple[str, ...], new: tuple[str, ...]) -> None:
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.drop_constraint("generation_state", "generation")
        op.create_check_constraint("generation_state", "generation", f"state IN {new}")
        return
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema=ON")
    changed = connection.execute(
        sa.text(
            "UPDATE sqlite_schema SET sql = replace(sql, :old, :new)"
            " WHERE type = 'table' AND name = 'generation' AND instr(sql, :old) > 0"
        ),
        {"old": f"state IN {old}", "new": f"state IN {new}"},
    )
    if changed.rowcount != 1:
        raise RuntimeError("the table generation has no CHECK of its states that could be replaced")
    connection.exec_driver_sql(f"PRAGMA schema_version={version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema=OFF")
