"""Begin a posting, and write it, in one call each on PostgreSQL.

Each statement of these functions sees what was committed before it began, as if it had been sent by
itself; rows come as JSON, by table and column. Triggers, keys and rights are those of the caller.
"""

from alembic import op

revision = "20261128_0345"
down_revision = "20261128_0402"
branch_labels = None
depends_on = None

FUNCTIONS = """
CREATE FUNCTION ledger_begin(
    of_contract text, of_key text, of_terms text,
    OUT next_number integer, OUT totals jsonb,
    OUT use_id text, OUT use_contract_id text, OUT use_event jsonb, OUT has_terms boolean
) LANGUAGE plpgsql AS $$
BEGIN
    SELECT b.next_number, b.totals INTO next_number, totals
        FROM contract_book b WHERE b.contract_id = of_contract FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO contract_book (contract_id, next_number, totals)
            VALUES (of_contract, 0, '{}') ON CONFLICT DO NOTHING;
        SELECT b.next_number, b.totals INTO next_number, totals
            FROM contract_book b WHERE b.contract_id = of_contract FOR UPDATE;
    END IF;
    SELECT u.id, u.contract_id, u.event INTO use_id, use_contract_id, use_event
        FROM usage_event u WHERE u.idempotency_key = of_key;
    has_terms := EXISTS (SELECT 1 FROM royalty_terms t WHERE t.sha256 = of_terms);
END $$;

CREATE FUNCTION ledger_write(written jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF written - ARRAY['usage_event', 'contract_book', 'account', 'journal_entry', 'posting',
                       'entry_seal', 'log_outbox'] <> '{}' THEN
        RAISE EXCEPTION 'ledger_write writes the rows of the books and their leaf, and no others';
    END IF;
    IF written ? 'usage_event' THEN
        INSERT INTO usage_event
            SELECT * FROM jsonb_populate_recordset(NULL::usage_event, written->'usage_event');
    END IF;
    IF written ? 'contract_book' THEN
        UPDATE contract_book b SET next_number = n.next_number, totals = n.totals
            FROM jsonb_to_recordset(written->'contract_book')
                AS n(of_contract_id text, next_number integer, totals jsonb)
            WHERE b.contract_id = n.of_contract_id;
    END IF;
    IF written ? 'journal_entry' THEN
        INSERT INTO account
            SELECT * FROM jsonb_populate_recordset(NULL::account, written->'account')
            ON CONFLICT DO NOTHING;
        INSERT INTO journal_entry
            SELECT * FROM jsonb_populate_recordset(NULL::journal_entry, written->'journal_entry');
        INSERT INTO posting
            SELECT * FROM jsonb_populate_recordset(NULL::posting, written->'posting');
        INSERT INTO entry_seal
            SELECT * FROM jsonb_populate_recordset(NULL::entry_seal, written->'entry_seal');
        INSERT INTO log_outbox
            SELECT * FROM jsonb_populate_recordset(NULL::log_outbox, written->'log_outbox');
    END IF;
END $$;
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(FUNCTIONS)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION ledger_write(jsonb)")
        op.execute("DROP FUNCTION ledger_begin(text, text, text)")
