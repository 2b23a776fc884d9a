"""Make the ledger append-only and balanced in the database itself.

Rows of the books are never updated, deleted or truncated. A seal closes an entry: it is refused
unless the postings are as many as it says and sum to zero per currency, and nothing is added
after it. PostgreSQL checks again when the transaction commits. A posting refers to its seal by a
deferred foreign key, so no unsealed posting is ever committed.
"""

from alembic import op

revision = "20261122_2230"
down_revision = "20261122_2200"
branch_labels = None
depends_on = None

# What makes a row the same row: SQLite's INSERT OR REPLACE would delete by any of these.
BOOKS = {
    "royalty_terms": "sha256 = NEW.sha256",
    "usage_event": (
        "id = NEW.id OR idempotency_key = NEW.idempotency_key"
        " OR (contract_id = NEW.contract_id AND number = NEW.number)"
    ),
    "journal_entry": "id = NEW.id OR usage_event_id = NEW.usage_event_id",
    "posting": "entry_id = NEW.entry_id AND line = NEW.line",
    "entry_seal": "entry_id = NEW.entry_id",
}
UNBALANCED = """
    EXISTS (SELECT 1 FROM posting WHERE entry_id = NEW.entry_id
            GROUP BY currency HAVING SUM(amount_minor) <> 0)
    OR (SELECT COUNT(*) FROM posting WHERE entry_id = NEW.entry_id) <> NEW.lines
"""
SEALED = "EXISTS (SELECT 1 FROM entry_seal WHERE entry_id = NEW.entry_id)"

POSTGRESQL = f"""
CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: correct it with a new entry', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION ledger_refuse_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {SEALED} THEN
        RAISE EXCEPTION 'entry % is sealed: nothing is added to it', NEW.entry_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER posting_before_seal BEFORE INSERT ON posting
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_sealed();

CREATE FUNCTION ledger_refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {UNBALANCED} THEN
        RAISE EXCEPTION 'entry % does not sum to zero per currency', NEW.entry_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER entry_seal_balanced BEFORE INSERT ON entry_seal
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_unbalanced();

CREATE FUNCTION ledger_check_posting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM posting WHERE entry_id = NEW.entry_id
               GROUP BY currency HAVING SUM(amount_minor) <> 0) THEN
        RAISE EXCEPTION 'entry % does not sum to zero per currency', NEW.entry_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER posting_balanced AFTER INSERT ON posting
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_check_posting();

CREATE FUNCTION ledger_check_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM entry_seal WHERE entry_id = NEW.id) THEN
        RAISE EXCEPTION 'entry % was never sealed', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER journal_entry_sealed AFTER INSERT ON journal_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_check_sealed();
"""  # noqa: S608 -- made of the constants above
POSTGRESQL_TRIGGERS = {
    "posting": ("posting_before_seal", "posting_balanced"),
    "entry_seal": ("entry_seal_balanced",),
    "journal_entry": ("journal_entry_sealed",),
}
POSTGRESQL_FUNCTIONS = (
    "ledger_refuse_change",
    "ledger_refuse_sealed",
    "ledger_refuse_unbalanced",
    "ledger_check_posting",
    "ledger_check_sealed",
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(POSTGRESQL)
        for table in BOOKS:
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change()"
            )
            op.execute(
                f"CREATE TRIGGER {table}_never_truncated BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()"
            )
        return
    for name, (when, table, condition, message) in _sqlite_triggers().items():
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {when} ON {table} WHEN {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in BOOKS:
            op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
            op.execute(f"DROP TRIGGER {table}_never_truncated ON {table}")
        for table, names in POSTGRESQL_TRIGGERS.items():
            for name in names:
                op.execute(f"DROP TRIGGER {name} ON {table}")
        for name in POSTGRESQL_FUNCTIONS:
            op.execute(f"DROP FUNCTION {name}()")
        return
    for name in _sqlite_triggers():
        op.execute(f"DROP TRIGGER {name}")


def _sqlite_triggers() -> dict[str, tuple[str, str, str, str]]:
    """Name each trigger: (when, table, condition, message)."""
    triggers = {}
    for table, same in BOOKS.items():
        refusal = f"{table} is append-only: correct it with a new entry"
        exists = f"EXISTS (SELECT 1 FROM {table} WHERE {same})"  # noqa: S608 -- constants
        triggers[f"{table}_never_updated"] = ("UPDATE", table, "TRUE", refusal)
        triggers[f"{table}_never_deleted"] = ("DELETE", table, "TRUE", refusal)
        triggers[f"{table}_never_replaced"] = ("INSERT", table, exists, refusal)
    sealed = "the entry is sealed: nothing is added to it"
    unbalanced = "the entry does not sum to zero per currency"
    triggers["posting_before_seal"] = ("INSERT", "posting", SEALED, sealed)
    triggers["entry_seal_balanced"] = ("INSERT", "entry_seal", UNBALANCED, unbalanced)
    return triggers
