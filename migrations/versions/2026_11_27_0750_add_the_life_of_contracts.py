"""Add the life of contracts: rounds, versions, suspension, and events that are never changed.

A contract of before stands as its own version 1. It has no events, so nothing vouches for its rows
and it permits nothing: offer it anew. Its author is not known; the licensee is named.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op

revision = "20261127_0750"
down_revision = "20261127_0745"
branch_labels = None
depends_on = None

INSTANTS = (
    *("offered_at", "expires_at", "first_signed_at", "declined_at", "retracted_at"),
    *("replaced_at", "effective_at", "superseded_at", "suspended_at"),
)
OLD_KINDS = (
    *("contract-executed", "consent-withdrawn", "strike-switched", "decision"),
    *("output-released", "journal-entry", "key-rotated", "policy-published"),
)
NEW_KINDS = (
    *("contract-executed", "contract-amended", "contract-suspended", "contract-resumed"),
    *OLD_KINDS[1:],
)
# SQLite's INSERT OR REPLACE would delete by either of these.
SAME_EVENT = "id = NEW.id OR (series_id = NEW.series_id AND number = NEW.number)"
REFUSAL = "contract_event is append-only: what was done stays on record"


def upgrade() -> None:
    _add_columns()
    _create_events()
    _make_append_only()
    _replace_kinds(NEW_KINDS)


def downgrade() -> None:
    _replace_kinds(OLD_KINDS)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER contract_event_append_only ON contract_event")
        op.execute("DROP TRIGGER contract_event_never_truncated ON contract_event")
        op.execute("DROP FUNCTION contract_event_refuse_change()")
    op.drop_table("contract_event")  # on SQLite its triggers go with it
    _drop_columns()


def _add_columns() -> None:
    for name in ("series_id", "author_id", "author_side", "counters_id"):
        op.add_column("contract", sa.Column(name, sa.String(), nullable=True))
    for name in INSTANTS:
        op.add_column("contract", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("contract", sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("contract", sa.Column("round", sa.Integer(), nullable=True))
    op.execute(
        "UPDATE contract SET series_id = id, round = 1, author_id = licensee_id,"
        " author_side = 'licensee', offered_at = created_at, effective_at = executed_at,"
        " ends_at = created_at"
    )
    with (
        _emptied("contract"),
        op.batch_alter_table("contract", naming_convention={"uq": "uq_%(table_name)s"}) as table,
    ):
        for name in ("series_id", "author_id", "author_side", "ends_at", "round"):
            table.alter_column(name, nullable=False)
        table.drop_constraint(_same_words_once(), type_="unique")
        table.create_unique_constraint("contract_document_once", ["series_id", "version", "round"])
        table.create_check_constraint("contract_counts_from_one", "version >= 1 AND round >= 1")
        table.create_check_constraint(
            "contract_author_side", "author_side IN ('performer', 'licensee')"
        )
        table.create_foreign_key("contract_author_id_fkey", "organization", ["author_id"], ["id"])
        table.create_foreign_key("contract_counters_id_fkey", "contract", ["counters_id"], ["id"])
    op.create_index("ix_contract_series_id", "contract", ["series_id"])
    op.create_index(
        "ix_contract_same_words", "contract", ["performer_id", "licensee_id", "document_sha256"]
    )


def _drop_columns() -> None:
    op.drop_index("ix_contract_series_id", "contract")
    op.drop_index("ix_contract_same_words", "contract")
    with _emptied("contract"), op.batch_alter_table("contract") as table:
        table.drop_constraint("contract_document_once", type_="unique")
        table.drop_constraint("contract_counts_from_one", type_="check")
        table.drop_constraint("contract_author_side", type_="check")
        table.drop_constraint("contract_author_id_fkey", type_="foreignkey")
        table.drop_constraint("contract_counters_id_fkey", type_="foreignkey")
        for name in ("series_id", "author_id", "author_side", "counters_id", "round", "ends_at"):
            table.drop_column(name)
        for name in INSTANTS:
            table.drop_column(name)
        table.create_unique_constraint(
            "contract_performer_id_licensee_id_document_sha256_key",
            ["performer_id", "licensee_id", "document_sha256"],
        )


@contextmanager
def _emptied(table: str) -> Iterator[None]:
    """Take a table's rows out while it is written anew, as SQLite must, and put them back.

    Other rows refer to them: foreign keys are looked at when all of it is committed.
    """
    if op.get_bind().dialect.name == "postgresql":
        yield
        return
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute(f"CREATE TEMPORARY TABLE kept AS SELECT * FROM {table}")  # noqa: S608 -- constant
    op.execute(f"DELETE FROM {table}")  # noqa: S608 -- constant
    yield
    names = ", ".join(
        f'"{column["name"]}"' for column in sa.inspect(op.get_bind()).get_columns(table)
    )
    op.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM kept")  # noqa: S608 -- constants
    op.execute("DROP TABLE kept")


def _same_words_once() -> str:
    """Return what the constraint of the first migration is called: SQLite has not named it."""
    columns = {"performer_id", "licensee_id", "document_sha256"}
    for found in sa.inspect(op.get_bind()).get_unique_constraints("contract"):
        if set(found["column_names"]) == columns:
            return found["name"] or "uq_contract"
    raise RuntimeError("the table contract has another shape than the migration before this left")


def _create_events() -> None:
    op.create_table(
        "contract_event",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("series_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("api_key_id", sa.String(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("previous_sha256", sa.String(), nullable=False),
        sa.Column("evidence_sha256", sa.String(), nullable=False),
        sa.Column("seal", sa.String(), nullable=False),
        sa.CheckConstraint("number >= 1", name="contract_event_counts"),
        sa.CheckConstraint(
            "act IN ('draft', 'revise', 'offer', 'counter', 'decline', 'retract', 'sign',"
            " 'amend', 'suspend', 'resume', 'withdraw')",
            name="contract_event_act",
        ),
        sa.CheckConstraint(
            "actor IN ('performer', 'agent', 'licensee')", name="contract_event_actor"
        ),
        sa.ForeignKeyConstraint(["series_id"], ["contract.id"]),
        sa.ForeignKeyConstraint(["contract_id"], ["contract.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_key.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("series_id", "number", name="contract_event_number"),
    )
    op.create_index("ix_contract_event_contract_id", "contract_event", ["contract_id"])


def _make_append_only() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION contract_event_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$"
            f" BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$"
        )
        op.execute(
            "CREATE TRIGGER contract_event_append_only BEFORE UPDATE OR DELETE ON contract_event"
            " FOR EACH ROW EXECUTE FUNCTION contract_event_refuse_change()"
        )
        op.execute(
            "CREATE TRIGGER contract_event_never_truncated BEFORE TRUNCATE ON contract_event"
            " FOR EACH STATEMENT EXECUTE FUNCTION contract_event_refuse_change()"
        )
        return
    exists = f"EXISTS (SELECT 1 FROM contract_event WHERE {SAME_EVENT})"  # noqa: S608 -- constants
    for name, when, condition in (
        ("updated", "UPDATE", "TRUE"),
        ("deleted", "DELETE", "TRUE"),
        ("replaced", "INSERT", exists),
    ):
        op.execute(
            f"CREATE TRIGGER contract_event_never_{name} BEFORE {when} ON contract_event"
            f" WHEN {condition} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        )


def _replace_kinds(kinds: tuple[str, ...]) -> None:
    allowed = ", ".join(f"'{kind}'" for kind in kinds)
    with _emptied("log_outbox"), op.batch_alter_table("log_outbox") as table:
        table.drop_constraint("log_outbox_kind", type_="check")
        table.create_check_constraint("log_outbox_kind", f"kind IN ({allowed})")
