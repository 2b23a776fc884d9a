"""The database plumbing: instants are aware, reading locks nobody out, errors keep secrets."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from app import db
from app.config import settings
from app.identity.models import Organization

QUICK_ON_POSTGRESQL = True

POSTGRESQL = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
WRITES = ("INSERT INTO organization DEFAULT VALUES", "SELECT id FROM organization FOR UPDATE")


class TestErrors:
    def test_never_carry_what_was_to_be_stored(self, session: Session) -> None:
        session.add(Organization(name="Greta's private line", kind="nobody knows"))
        with pytest.raises(sa.exc.IntegrityError) as raised:
            session.flush()
        statement = str(raised.value)
        assert "INSERT INTO organization" in statement
        assert "Greta" not in statement.split("[SQL:")[1]
        session.rollback()


class TestInstant:
    def test_comes_back_aware_and_in_utc(self, session: Session) -> None:
        noon = datetime(2026, 11, 22, 12, tzinfo=timezone(timedelta(hours=2)))
        session.add(Organization(id="org_1", name="A", kind="agency", created_at=noon))
        session.flush()
        session.expire_all()
        kept = session.get_one(Organization, "org_1").created_at
        assert kept == noon
        assert kept.tzinfo is UTC

    def test_refuses_a_naive_one(self, session: Session) -> None:
        naive = datetime(2026, 11, 22, 12)  # noqa: DTZ001
        session.add(Organization(name="A", kind="agency", created_at=naive))
        with pytest.raises(sa.exc.StatementError, match="naive"):
            session.flush()
        session.rollback()


class TestReading:
    def test_neither_waits_for_a_writer_nor_sees_its_half(self, database: str) -> None:
        with db.writing() as writer:
            writer.add(Organization(name="A", kind="agency"))
            writer.flush()
            with db.reading() as reader:
                assert reader.scalar(sa.select(sa.func.count()).select_from(Organization)) == 0
        with db.reading() as reader:
            assert reader.scalar(sa.select(sa.func.count()).select_from(Organization)) == 1

    def test_sees_one_moment_although_another_commits_between_two_looks(
        self, database: str
    ) -> None:
        assert_sees_one_moment()

    @POSTGRESQL
    def test_a_reader_that_is_told_nothing_is_found(
        self, database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(db, "_for_looking", lambda engine: engine)
        with pytest.raises(AssertionError, match="meanwhile"):
            assert_sees_one_moment()

    @POSTGRESQL
    @pytest.mark.parametrize("act", WRITES)
    def test_neither_writes_nor_locks(self, database: str, act: str) -> None:
        with db.reading() as reader, pytest.raises(sa.exc.InternalError, match="read-only"):
            reader.execute(sa.text(act))

    @POSTGRESQL
    def test_leaves_nothing_behind_on_the_connection(self, database: str) -> None:
        with db.reading() as reader:
            used = reader.connection().connection.dbapi_connection
        with db.writing() as writer:
            assert writer.connection().connection.dbapi_connection is used
            assert writer.scalar(sa.text("SHOW transaction_isolation")) == "read committed"
            assert writer.scalar(sa.text("SHOW transaction_read_only")) == "off"


def organizations(session: Session) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(Organization)) or 0


def assert_sees_one_moment() -> None:
    with db.reading() as reader:
        before = organizations(reader)
        with db.writing() as writer:
            writer.add(Organization(name="A", kind="agency"))
        assert organizations(reader) == before, "it sees what was committed meanwhile"
    with db.reading() as reader:
        assert organizations(reader) == before + 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_lock_that_nobody_lets_go_of_is_sqlalchemys_error(database: str) -> None:
    with db.reading() as session:
        session.execute(sa.text("PRAGMA busy_timeout=1"))  # stays with the one connection
    with closing(sqlite3.connect(str(db.file_of(settings().database)))) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sa.exc.OperationalError, match="locked"), db.engine().begin():
            pass
    with db.engine().begin() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1


@POSTGRESQL
class TestAConnectionThatDiedMeanwhile:
    def test_is_replaced_after_a_pause(
        self, database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(db, "PING_AFTER_S", 0)
        end_the_pooled_connection()
        with db.reading() as session:
            assert organizations(session) == 0

    def test_says_itself_that_it_died_where_nobody_asked(
        self, database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(db, "PING_AFTER_S", 60)
        end_the_pooled_connection()
        with pytest.raises(sa.exc.DBAPIError), db.engine().connect() as connection:
            connection.exec_driver_sql("SELECT 1")
        with db.reading() as session:
            assert organizations(session) == 0


def end_the_pooled_connection() -> None:
    with db.reading() as session:
        number = session.scalar(sa.text("SELECT pg_backend_pid()"))
    other = sa.create_engine(db.engine().url, poolclass=sa.NullPool)
    with other.connect() as connection:
        connection.execute(
            sa.text("SELECT pg_terminate_backend(:number, 5000)"), {"number": number}
        )


class TestHasWord:
    def test_takes_a_word_as_it_is_written(self, session: Session) -> None:
        words = sa.table("words", sa.column("held", db.Json()))
        kind = "JSONB" if session.get_bind().dialect.name == "postgresql" else "TEXT"
        session.execute(sa.text(f"CREATE TEMPORARY TABLE words (held {kind})"))
        for held in (["a_word"], ["axword"], ["a_word_more"], []):
            session.execute(sa.insert(words).values(held=held))
        asked = sa.select(words.c.held).where(db.has_word(session, words.c.held, "a_word"))
        assert session.scalars(asked).all() == [["a_word"]]
        session.rollback()

    @POSTGRESQL
    def test_lets_the_server_know_how_many_there_are(self, database: str, session: Session) -> None:
        session.execute(
            sa.text(
                "CREATE TEMPORARY TABLE words AS SELECT CASE WHEN n % 10 = 0 THEN '[]'::jsonb"
                """ ELSE '["other", "label"]'::jsonb END AS held FROM generate_series(1, 1000) n"""
            )
        )
        session.execute(sa.text("ANALYZE words"))
        held = sa.column("held", db.Json())
        assert _expected(session, held, db.has_word(session, held, "label")) > 800
        in_text = sa.cast(held, sa.Text).contains('"label"')
        assert _expected(session, held, in_text) < 100  # what made it read everything
        session.rollback()


def _expected(session: Session, held: sa.ColumnElement[object], asked: object) -> int:
    """Return how many rows PostgreSQL expects to find."""
    query = sa.select(held).select_from(sa.table("words")).where(asked)
    text = query.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
    plan = session.connection().exec_driver_sql(f"EXPLAIN (FORMAT JSON) {text}")
    return int(plan.scalar_one()[0]["Plan"]["Plan Rows"])
