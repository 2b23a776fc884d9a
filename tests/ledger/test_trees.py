"""On SQLite every tree that a posting's rows stand in is a page of its durable commit."""

import pytest
import sqlalchemy as sa

from app import db

ROWS = "usage_event contract_book journal_entry posting entry_seal log_outbox row_mark".split()
TREES = """SELECT name FROM sqlite_master WHERE type IN ('table', 'index')
AND tbl_name IN :tables AND name NOT LIKE 'sqlite_autoindex_contract_book%'"""  # it is not moved
QUESTIONS = {
    "SELECT * FROM journal_entry WHERE source = 'invoice:inv_1'": "journal_entry_source",
    "SELECT * FROM journal_entry WHERE source LIKE 'payout:%'": None,  # all of them, as before
    "SELECT * FROM journal_entry WHERE generation_id = 'gen_1'": "ix_journal_entry_generation_id",
    "SELECT * FROM journal_entry WHERE id = 'jre_1'": "PRIMARY KEY",
    "SELECT * FROM posting WHERE entry_id = 'jre_1'": "PRIMARY KEY",
    "SELECT sum(amount_minor) FROM posting WHERE account = 'a'": "COVERING INDEX posting_of_acc",
    "SELECT * FROM log_outbox WHERE leaf_index < 9": "log_outbox_leaf_index",
    "SELECT * FROM log_outbox WHERE leaf_index IS NULL ORDER BY created_at, id": "_waiting",
    "SELECT * FROM log_outbox WHERE id = 'obx_1'": "PRIMARY KEY",
}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestTreesOfAPosting:
    def test_are_as_few_as_its_questions_need(self, database):
        found = sa.text(TREES).bindparams(sa.bindparam("tables", ROWS, expanding=True))
        with db.engine().connect() as connection:
            trees = connection.execute(found).scalars().all()
        assert len(trees) <= 19, f"each more is a page a posting: {sorted(trees)}"

    def test_answer_what_is_asked_of_them_without_reading_all(self, database):
        with db.engine().connect() as connection:
            for question, by in QUESTIONS.items():
                plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {question}").all())
                assert (by or "SCAN") in plan, (question, plan)
