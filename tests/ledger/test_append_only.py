"""The database itself keeps the books: whatever program talks to it."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from app import config, db, migrate
from app.ledger.check import check
from app.ledger.models import EntrySeal, JournalEntry, Posting
from tests.ledger.factories import a_captured_entry, a_use

BOOKS = ["royalty_terms", "usage_event", "journal_entry", "posting", "entry_seal"]


@pytest.fixture
def entry(session: Session) -> Iterator[JournalEntry]:
    entry = a_captured_entry(session)
    session.commit()
    yield entry
    session.rollback()


def column_of(session: Session, table: str) -> str:
    return next(c["name"] for c in sa.inspect(session.connection()).get_columns(table))


def refusal_of(session: Session, statement: str) -> str:
    """What the database answers; the transaction goes on as if it had not been asked."""
    try:
        with session.begin_nested() as savepoint:
            session.execute(sa.text(statement))
            savepoint.rollback()
    except DBAPIError as error:
        return str(error)
    return "accepted"


class TestBooksOnlyGrow:
    def test_an_update_is_refused(self, session, entry):
        for table in BOOKS:
            column = column_of(session, table)
            answer = refusal_of(session, f"UPDATE {table} SET {column} = {column}")
            assert f"{table} is append-only" in answer

    def test_a_delete_is_refused(self, session, entry):
        for table in BOOKS:
            assert f"{table} is append-only" in refusal_of(session, f"DELETE FROM {table}")

    def test_a_truncate_is_refused(self, session, entry, database):
        if database == "sqlite":
            pytest.skip("SQLite has no TRUNCATE")
        for table in BOOKS:
            assert "is append-only" in refusal_of(session, f"TRUNCATE {table} CASCADE")

    def test_a_replace_is_refused_even_without_recursive_triggers(self, session, entry, database):
        if database != "sqlite":
            pytest.skip("PostgreSQL has no REPLACE")
        session.commit()
        with db.engine().connect() as connection:
            connection.exec_driver_sql("PRAGMA recursive_triggers = OFF")
            for table in BOOKS:
                with pytest.raises(DBAPIError, match=r"append-only|sealed"):
                    connection.execute(
                        sa.text(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")
                    )
            connection.rollback()
            connection.exec_driver_sql("PRAGMA recursive_triggers = ON")

    def test_the_same_statements_pass_where_the_triggers_are_gone(self, session, entry):
        """The tests above can fail: without this migration every edit goes through."""
        migrate.downgrade(config.settings().database, "20261122_2200")
        assert refusal_of(session, "UPDATE posting SET amount_minor = 0") == "accepted"
        assert refusal_of(session, "DELETE FROM posting") == "accepted"


class TestEntriesBalance:
    def postings(self, entry_id: str, *amounts: tuple[str, int]) -> list[Posting]:
        return [
            Posting(
                entry_id=entry_id,
                line=line,
                account="licensee:receivable",
                currency=currency,
                amount_minor=amount,
            )
            for line, (currency, amount) in enumerate(amounts)
        ]

    def unsealed(self, session: Session, entry: JournalEntry, *amounts: tuple[str, int]) -> str:
        another = JournalEntry(
            usage_event_id=a_use(session, number=99), contract_id="con_1", digest="none"
        )
        session.add(another)
        session.flush()
        session.add_all(self.postings(another.id, *amounts))
        session.flush()
        return another.id

    @pytest.mark.parametrize(
        "amounts",
        [
            pytest.param([("USD", 100), ("USD", -99)], id="off by one"),
            pytest.param([("USD", 100), ("EUR", -100)], id="zero only across currencies"),
        ],
    )
    def test_a_seal_on_an_unbalanced_entry_is_refused(self, session, entry, amounts):
        entry_id = self.unsealed(session, entry, *amounts)
        session.add(EntrySeal(entry_id=entry_id, lines=len(amounts)))
        with pytest.raises(DBAPIError, match="does not sum to zero"):
            session.flush()

    def test_a_seal_that_miscounts_is_refused(self, session, entry):
        entry_id = self.unsealed(session, entry, ("USD", 5), ("USD", -5))
        session.add(EntrySeal(entry_id=entry_id, lines=3))
        with pytest.raises(DBAPIError, match="does not sum to zero"):
            session.flush()

    def test_unsealed_postings_cannot_be_committed(self, session, entry):
        self.unsealed(session, entry, ("USD", 5), ("USD", -5))
        with pytest.raises(DBAPIError):
            session.commit()

    def test_a_balanced_entry_is_sealed_and_committed(self, session, entry):
        entry_id = self.unsealed(session, entry, ("USD", 5), ("USD", -5))
        session.add(EntrySeal(entry_id=entry_id, lines=2))
        session.commit()

    def test_nothing_is_added_to_a_sealed_entry(self, session, entry):
        extra = Posting(
            entry_id=entry.id, line=9, account="platform:fee", currency="USD", amount_minor=0
        )
        session.add(extra)
        with pytest.raises(DBAPIError):
            session.flush()

    def test_the_function_that_writes_them_writes_nothing_else(self, session, entry, database):
        if database == "sqlite":
            pytest.skip("SQLite has no functions: each row has its statement")
        other = """SELECT ledger_write('{"organization": [{"id": "org_9"}]}')"""
        assert "and no others" in refusal_of(session, other)

    def test_postgresql_checks_again_at_commit(self, session, entry, database):
        """Planted fault: somebody drops the two triggers that guard the seal."""
        if database == "sqlite":
            pytest.skip("SQLite has no deferred triggers; the check below finds it there")
        session.execute(sa.text("DROP TRIGGER posting_before_seal ON posting"))
        session.add(self.postings(entry.id, *[("USD", 0)] * 6, ("USD", 7))[6])
        session.flush()
        with pytest.raises(DBAPIError, match="does not sum to zero"):
            session.commit()


def drop_guard(session: Session, table: str) -> None:
    name = f"{table}_never_updated"
    if session.get_bind().dialect.name == "postgresql":
        name = f"{table}_append_only ON {table}"
    session.execute(sa.text(f"DROP TRIGGER {name}"))


EDITS = [
    ("posting", "amount_minor = amount_minor + 1 WHERE line = 1", "instead of zero"),
    ("posting", "amount_minor = amount_minor * 2", "stored is"),
    ("posting", "currency = 'EUR'", "stored is"),
    ("posting", "account = 'agent:AG1:payable' WHERE line = 1", "stored is"),
    ("journal_entry", "generation_id = 'gen_other'", "digest or owner"),
    ("journal_entry", "digest = 'another'", "digest or owner"),
    ("usage_event", "number = 5", "is missing before"),
    ("usage_event", "contract_id = 'con_2'", "digest or owner"),
    ("usage_event", 'event = \'{"seconds": "11"}\'', "effects"),
    ("usage_event", "event = '{\"seconds\": 1.5}'", "cannot be posted again"),
    ("royalty_terms", 'document = \'{"model": "buyout"}\'', "digest"),
    ("entry_seal", "lines = 7", "not sealed"),
]


class TestCheckFindsWhatTriggersDidNotStop:
    """Planted fault: the owner of the database drops a trigger and edits a row."""

    def test_the_books_are_right_before_anybody_edits_them(self, session, entry):
        result = check(session)
        assert result.ok, result.first_difference
        assert (result.events, result.entries) == (1, 1)

    def test_every_kind_of_edit_is_found(self, session, entry):
        for table, edit, named in EDITS:
            with session.begin_nested() as savepoint:
                drop_guard(session, table)
                session.execute(sa.text(f"UPDATE {table} SET {edit}"))
                assert named in (check(session).first_difference or f"not found: {edit}")
                savepoint.rollback()
            assert check(session).ok

    def test_an_edit_of_the_cached_totals_is_found(self, session, entry):
        session.execute(sa.text("UPDATE contract_book SET totals = '{}'"))
        assert "running totals" in (check(session).first_difference or "nothing found")

    def test_an_entry_deleted_with_its_postings_is_found(self, session, entry, database):
        for table in ("posting", "entry_seal", "journal_entry"):
            if database == "sqlite":
                session.execute(sa.text(f"DROP TRIGGER {table}_never_deleted"))
            else:
                drop_guard(session, table)
        session.execute(sa.text("UPDATE hold SET state = 'voided', entry_id = NULL"))
        for table in ("posting", "entry_seal", "journal_entry"):
            session.execute(sa.text(f"DELETE FROM {table}"))
        assert "no entry was posted" in (check(session).first_difference or "nothing found")


class TestMigration:
    def test_the_triggers_go_and_come_back(self, session, database):
        url = config.settings().database
        session.rollback()
        migrate.downgrade(url, "20261122_2200")
        migrate.upgrade(url)
        entry = a_captured_entry(session)
        session.commit()
        with pytest.raises(DBAPIError, match="append-only"):
            session.execute(sa.text("DELETE FROM posting"))
        session.rollback()
        assert entry.id
