"""Make the manifest repository append-only in the database itself.

A manifest that was signed, and what leads back to it, is never updated, deleted or truncated,
whatever program talks to the database. What makes a row the same row is what SQLite's INSERT OR
REPLACE would delete by.
"""

from alembic import op

revision = "20261127_1759"
down_revision = "20261127_1753"
branch_labels = None
depends_on = None

REPOSITORY = {
    "signed_manifest": (
        "id = NEW.id OR generation_id = NEW.generation_id OR label = NEW.label"
        " OR manifest_sha256 = NEW.manifest_sha256 OR file_sha256 = NEW.file_sha256"
    ),
    "soft_binding": (
        "id = NEW.id OR (manifest_id = NEW.manifest_id AND kind = NEW.kind)"
        " OR (kind = 'watermark' AND NEW.kind = 'watermark'"
        " AND algorithm = NEW.algorithm AND value = NEW.value)"
    ),
}


def upgrade() -> None:
    for table, same in REPOSITORY.items():
        for name, clause in _triggers(table, same).items():
            op.execute(f"CREATE TRIGGER {name} {clause}")


def downgrade() -> None:
    for table, same in REPOSITORY.items():
        on = f" ON {table}" if op.get_bind().dialect.name == "postgresql" else ""
        for name in _triggers(table, same):
            op.execute(f"DROP TRIGGER {name}{on}")


def _triggers(table: str, same: str) -> dict[str, str]:
    """Name each trigger, and say when it fires and what it does."""
    if op.get_bind().dialect.name == "postgresql":
        refuse = "EXECUTE FUNCTION ledger_refuse_change()"
        return {
            f"{table}_append_only": f"BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {refuse}",
            f"{table}_never_truncated": f"BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {refuse}",
        }
    refusal = f"SELECT RAISE(ABORT, '{table} is append-only: correct it with a new entry')"
    exists = f"EXISTS (SELECT 1 FROM {table} WHERE {same})"  # noqa: S608 -- constants
    return {
        f"{table}_never_updated": f"BEFORE UPDATE ON {table} BEGIN {refusal}; END",
        f"{table}_never_deleted": f"BEFORE DELETE ON {table} BEGIN {refusal}; END",
        f"{table}_never_replaced": f"BEFORE INSERT ON {table} WHEN {exists} BEGIN {refusal}; END",
    }
