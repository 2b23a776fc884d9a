"""The application's role works, and can change nothing that only grows."""

import time
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import ProgrammingError
from sqlmodel import Session

from app import config, db, jobs, roles
from app.ids import new_id
from app.ledger.check import check
from app.ledger.models import JournalEntry
from app.roles import RoleNotPossible
from tests.ledger.factories import a_captured_entry
from tests.scenes import a_scene

QUICK_ON_POSTGRESQL = True

ON_POSTGRESQL = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
BOOKS = {"royalty_terms", "usage_event", "journal_entry", "posting", "entry_seal"}


@pytest.fixture
def role(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A limited role, as which this process then speaks to the database."""
    name, owner = new_id("role").lower(), config.settings().database_url
    roles.limit(name)
    speak_as(name, monkeypatch)
    yield name
    db.engine().dispose()
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"DROP OWNED BY {name}")
        connection.execute(f"DROP ROLE {name}")


def speak_as(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    db.engine().dispose()
    url = sa.make_url(config.settings().database).set(username=name, password=None)
    monkeypatch.setenv("UNDERSTUDY_DATABASE_URL", url.render_as_string(hide_password=False))
    config.settings.cache_clear()
    db.engine.cache_clear()


def refusal_of(session: Session, statement: str) -> str:
    try:
        with session.begin_nested() as savepoint:
            session.execute(sa.text(statement))
            savepoint.rollback()
    except ProgrammingError as error:
        return str(error.orig)
    return "accepted"


def may_edit(name: str, tables: set[str]) -> list[str]:
    """The rights that the role has and should not have, by the database's own account."""
    with db.engine().connect() as connection:
        return [
            f"{right} on {table}"
            for table in sorted(tables)
            for right in ("UPDATE", "DELETE", "TRUNCATE", "TRIGGER")
            if connection.execute(
                sa.select(sa.func.has_table_privilege(name, table, right))
            ).scalar_one()
        ]


@ON_POSTGRESQL
class TestLimit:
    def test_names_every_table_that_only_grows(self, database: str) -> None:
        name = new_id("role").lower()
        listed = set(roles.limit(name))
        assert listed >= BOOKS | {"contract_event"}
        assert roles.limit(name) == sorted(listed)  # safe to repeat
        assert may_edit(name, listed) == []
        with db.engine().begin() as connection:
            connection.execute(sa.text(f"DROP OWNED BY {name}"))
            connection.execute(sa.text(f"DROP ROLE {name}"))

    def test_leaves_the_role_its_work(self, role: str) -> None:
        with db.writing() as session:
            scene = a_scene(session)
            recorded, _ = scene.ask(session)
            entry = a_captured_entry(session)
            assert recorded.outcome == "permit"
        with db.writing() as session:
            assert check(session).ok
            assert session.get_one(JournalEntry, entry.id).digest == entry.digest

    def test_leaves_the_role_its_jobs(self, role: str) -> None:
        done: list[str] = []
        jobs.launch("tale", [lambda name: bool(done.append(name))], lambda *_words: True)
        try:
            jobs.start("tale", "gen_1")
            deadline = time.monotonic() + 60
            while not done and time.monotonic() < deadline:
                time.sleep(0.05)
        finally:
            jobs.stop()
        assert done == ["gen_1"]

    def test_the_role_cannot_edit_what_only_grows(self, role: str) -> None:
        with db.writing() as session:
            a_captured_entry(session)
            for table in sorted(BOOKS):
                column = next(
                    each["name"] for each in sa.inspect(session.connection()).get_columns(table)
                )
                for statement in (
                    f"UPDATE {table} SET {column} = {column}",
                    f"DELETE FROM {table}",
                    f"TRUNCATE {table} CASCADE",
                ):
                    assert "permission denied" in refusal_of(session, statement)
                for statement in (
                    f"ALTER TABLE {table} DISABLE TRIGGER ALL",
                    f"DROP TRIGGER {table}_append_only ON {table}",
                ):
                    assert "must be owner" in refusal_of(session, statement)
            assert "permission denied" in refusal_of(session, "DELETE FROM alembic_version")

    def test_a_right_left_to_the_role_is_found(self, role: str, database: str) -> None:
        """Planted fault: somebody grants one right back."""
        assert may_edit(role, BOOKS) == []
        with db.engine().connect() as connection:
            owner = connection.execute(
                sa.text("SELECT tableowner FROM pg_tables WHERE tablename = 'posting'")
            ).scalar_one()
        url = sa.make_url(config.settings().database).set(username=owner)
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.execute(sa.text(f"GRANT UPDATE ON posting TO {role}"))
        engine.dispose()
        assert may_edit(role, BOOKS) == ["UPDATE on posting"]

    @pytest.mark.parametrize("name", ["postgres", "Robert'); DROP TABLE posting;--", ""])
    def test_refuses_who_is_too_mighty_or_no_name(self, database: str, name: str) -> None:
        with pytest.raises(RoleNotPossible):
            roles.limit(name)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_sqlite_says_that_it_has_no_roles(database: str) -> None:
    with pytest.raises(RoleNotPossible, match="SQLite has no roles"):
        roles.limit("understudy_app")
