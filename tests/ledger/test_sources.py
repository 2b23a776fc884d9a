"""Entries that no use made: one per source, under the same rules, and reckoned again."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from app import config, db, migrate
from app.ledger import check as books
from app.ledger import service
from app.ledger.books import Line
from app.ledger.check import check
from app.ledger.errors import EntryNotReversible, EntryUnbalanced
from app.ledger.models import JournalEntry
from app.ledger.posting import lines_of
from app.ledger.sources import post_source
from tests.ledger.factories import a_captured_entry, a_use

LINES = (Line("bank:clearing", "USD", 500), Line("licensee:org_1:prepaid", "USD", -500))


@pytest.fixture
def of_tests(monkeypatch):
    """A kind of source whose every row comes to LINES, but for one that is gone."""
    monkeypatch.setitem(books.SOURCES, "test", lambda _session, id_: LINES if id_ == "1" else None)


class TestPostSource:
    def test_posts_once_and_is_reckoned_again(self, session, of_tests):
        entry = post_source(session, "test", "1", LINES)
        assert post_source(session, "test", "1", LINES).id == entry.id
        assert lines_of(session, entry.id) == LINES
        session.commit()
        assert check(session).first_difference is None
        assert check(session).entries == 1

    def test_posts_nothing_that_does_not_balance(self, session):
        with pytest.raises(EntryUnbalanced):
            post_source(session, "test", "1", LINES[:1])

    def test_is_not_reversed_as_a_use_is(self, session, of_tests):
        with pytest.raises(EntryNotReversible, match="test:1"):
            service.reverse_entry(session, post_source(session, "test", "1", LINES), reason="no")

    @pytest.mark.parametrize(
        ("kind", "id_", "lines", "said"),
        [
            ("test", "2", LINES, "there is no test:2"),
            ("unheard-of", "1", LINES, "there is no unheard-of:1"),
            ("test", "1", (LINES[1], LINES[0]), "should be bank:clearing 500 USD"),
        ],
    )
    def test_an_entry_its_source_does_not_bear_out_is_named(
        self, session, of_tests, kind, id_, lines, said
    ):
        post_source(session, kind, id_, lines)
        assert said in (check(session).first_difference or "")

    @pytest.mark.parametrize(("of_a_use", "source"), [(False, None), (True, "test:9")])
    def test_an_entry_has_exactly_one_origin(self, session, of_a_use, source):
        a_captured_entry(session)
        use = a_use(session, number=9) if of_a_use else None
        session.add(
            JournalEntry(usage_event_id=use, source=source, contract_id="con_1", digest="none")
        )
        with pytest.raises(DBAPIError, match="journal_entry_origin"):
            session.flush()


class TestMigration:
    def test_entries_stay_and_stay_append_only(self, session, database):
        entry = a_captured_entry(session)
        before = lines_of(session, entry.id)
        session.commit()
        db.engine().dispose()
        migrate.downgrade(config.settings().database, "20261127_0825")
        migrate.upgrade(config.settings().database)
        session.expire_all()
        assert session.get_one(JournalEntry, entry.id).digest == entry.digest
        assert lines_of(session, entry.id) == before
        assert check(session).first_difference is None
        for statement in ("UPDATE journal_entry SET digest = ''", "DELETE FROM journal_entry"):
            with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
                session.execute(sa.text(statement))

    def test_does_not_unwrite_what_no_use_made(self, session, database):
        post_source(session, "test", "1", LINES)
        session.commit()
        db.engine().dispose()
        with pytest.raises(DBAPIError):
            migrate.downgrade(config.settings().database, "20261127_0825")
        assert session.execute(sa.text("SELECT COUNT(*) FROM journal_entry")).scalar() == 1
