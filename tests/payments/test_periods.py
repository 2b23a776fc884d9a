"""A closed period holds what it held, for ever."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select

from app import clock
from app.ledger import periods
from app.ledger.check import check
from app.ledger.errors import PeriodNotFound, PeriodNotOver, PeriodOutOfOrder
from app.ledger.models import JournalEntry
from app.ledger.models_periods import PeriodEntry
from app.ledger.periods import close_period, period_of
from app.ledger.service import reverse_entry
from app.transparency.models import LogOutbox
from tests.ledger.factories import a_captured_entry
from tests.ledger.test_append_only import drop_guard, refusal_of

TABLES = ["ledger_period", "ledger_period_entry"]


def entries(session: Session, period_id: str) -> list[str]:
    return list(
        session.exec(select(PeriodEntry.entry_id).where(PeriodEntry.period_id == period_id))
    )


class TestClosePeriod:
    def test_takes_what_was_posted_before_and_nothing_twice(self, session):
        first = a_captured_entry(session)
        one = close_period(session, until=clock.now())
        second = a_captured_entry(session, generation_id="gen_2")
        two = close_period(session, until=clock.now())
        assert (one.number, two.number) == (1, 2)
        assert (one.starts_at, two.starts_at) == (None, one.ends_at)
        assert entries(session, one.id) == [first.id]
        assert entries(session, two.id) == [second.id]

    def test_again_is_the_first(self, session):
        a_captured_entry(session)
        until = clock.now()
        assert close_period(session, until=until).id == close_period(session, until=until).id

    def test_an_empty_period_can_be_closed(self, session):
        assert close_period(session, until=clock.now()).entries == 0

    def test_an_entry_that_commits_late_falls_into_the_next(self, session):
        """Its instant is before the close, its commit after: the closed period does not change."""
        early = clock.now()
        one = close_period(session, until=clock.now())
        late = a_captured_entry(session)
        assert check(session).ok
        drop_guard(session, "journal_entry")
        session.execute(sa.update(JournalEntry).values(posted_at=early))
        two = close_period(session, until=clock.now())
        assert entries(session, one.id) == []
        assert entries(session, two.id) == [late.id]

    def test_a_correction_falls_into_the_open_period(self, session):
        entry = a_captured_entry(session)
        one = close_period(session, until=clock.now())
        reversal = reverse_entry(session, entry, reason="the wrong take")
        two = close_period(session, until=clock.now())
        assert entries(session, one.id) == [entry.id]
        assert entries(session, two.id) == [reversal.id]

    def test_what_is_not_over_or_lies_within_a_closed_one_is_refused(self, session):
        with pytest.raises(PeriodNotOver):
            close_period(session, until=clock.now() + timedelta(minutes=1))
        period = close_period(session, until=clock.now())
        with pytest.raises(PeriodOutOfOrder):
            close_period(session, until=period.ends_at - timedelta(microseconds=1))
        with pytest.raises(PeriodNotFound):
            period_of(session, 2)


class TestNeverChanges:
    @pytest.fixture
    def period(self, session):
        a_captured_entry(session)
        return close_period(session, until=clock.now())

    def test_the_database_refuses_every_edit(self, session, period, database):
        for table in TABLES:
            column = sa.inspect(session.connection()).get_columns(table)[0]["name"]
            refused = [
                refusal_of(session, f"UPDATE {table} SET {column} = {column}"),
                refusal_of(session, f"DELETE FROM {table}"),
            ]
            if database == "postgresql":
                refused.append(refusal_of(session, f"TRUNCATE {table} CASCADE"))
            else:
                again = f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}"
                refused.append(refusal_of(session, again))
            assert all("append-only" in answer for answer in refused), refused

    @pytest.mark.parametrize(
        ("table", "edit"),
        [
            ("ledger_period", "ends_at = '2020-01-01 00:00:00+00:00', starts_at = NULL"),
            ("ledger_period", "entries = 5"),
            ("ledger_period", "number = 2"),
            ("ledger_period", "sha256 = 'another'"),
        ],
    )
    def test_an_edit_behind_its_back_is_found(self, session, period, table, edit):
        assert check(session).ok
        drop_guard(session, table)
        session.execute(sa.text(f"UPDATE {table} SET {edit}"))
        assert period.id in (check(session).first_difference or "nothing found")

    def test_an_entry_slipped_into_a_closed_period_is_found(self, session, period):
        """Nothing in the database forbids the row: the digest of the period finds it."""
        late = a_captured_entry(session, generation_id="gen_2")
        session.add(PeriodEntry(entry_id=late.id, period_id=period.id))
        session.flush()
        assert period.id in (check(session).first_difference or "nothing found")

    def test_an_entry_slipped_out_is_found(self, session, period, database):
        if database == "sqlite":
            session.execute(sa.text("DROP TRIGGER ledger_period_entry_never_deleted"))
        else:
            drop_guard(session, "ledger_period_entry")
        session.execute(sa.text("DELETE FROM ledger_period_entry"))
        assert period.id in (check(session).first_difference or "nothing found")

    def test_a_check_that_does_not_look_is_found_out(self, session, period, monkeypatch):
        monkeypatch.setattr(periods, "first_difference", lambda _session: None)
        drop_guard(session, "ledger_period")
        session.execute(sa.text("UPDATE ledger_period SET entries = 5"))
        assert check(session).ok

    def test_a_row_cannot_be_edited_at_all_with_the_guard_in_place(self, session, period):
        with pytest.raises(DBAPIError, match="append-only"):
            session.execute(sa.text("UPDATE ledger_period SET entries = 5"))

    @pytest.mark.parametrize("fault", ["another digest", "no leaf"])
    def test_a_period_closed_anew_with_all_that_follows_is_not_the_one_in_its_leaf(
        self, session, period, fault
    ):
        """Whoever slips an entry in and reckons the digest again has the leaf against them."""
        before = close_period(session, until=clock.now())
        last = close_period(session, until=clock.now())
        assert check(session).ok
        if fault == "no leaf":
            session.execute(sa.delete(LogOutbox).where(LogOutbox.subject_id == last.id))
        else:
            late = a_captured_entry(session, generation_id="gen_2")
            session.add(PeriodEntry(entry_id=late.id, period_id=last.id))
            drop_guard(session, "ledger_period")
            every, last.entries = [(late.id, late.digest)], 1
            last.sha256 = periods.period_digest(last, every, previous=before.sha256)
            session.flush()
        assert "leaf" in (check(session).first_difference or "nothing found")

    def test_periods_closed_before_closes_had_leaves_are_right(self, session, period):
        session.execute(sa.delete(LogOutbox).where(LogOutbox.subject_id == period.id))
        assert check(session).ok
        close_period(session, until=clock.now())
        assert check(session).ok
