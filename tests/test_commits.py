"""Many share one commit, each is answered after it, and what fails fails alone or for all."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from app import commits, db
from app.commits import CommitQueue, TooBusy
from app.identity.models import SigningKey

QUICK_ON_POSTGRESQL = True

KEY = {"organization_id": "nobody", "algorithm": "ES256", "public_jwk": {}}
KEPT = sa.table("kept", sa.column("name"))


@pytest.fixture
def queue(database: str) -> Iterator[CommitQueue]:
    with db.engine().begin() as connection:
        connection.exec_driver_sql("CREATE TABLE kept (name VARCHAR PRIMARY KEY)")
    yield CommitQueue(db.engine())
    with db.engine().begin() as connection:
        connection.exec_driver_sql("DROP TABLE kept")


def kept() -> set[str]:
    with db.engine().begin() as connection:
        return set(connection.execute(sa.select(KEPT.c.name)).scalars())


def keep(name: str) -> Callable[[Session], str]:
    def unit(session: Session) -> str:
        session.execute(sa.insert(KEPT), {"name": name})
        return name

    return unit


def fail(session: Session) -> str:
    keep("of the failing one")(session)
    raise LookupError("this one alone")


def together(queue: CommitQueue, *units: Callable[[Session], Any]) -> list[Any]:
    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*map(queue.commit, units), return_exceptions=True)

    return asyncio.run(all_of_them())


def assert_told_after_the_commit(queue: CommitQueue) -> None:
    """Ask, and look from outside at the very moment of each answer."""

    async def ask(name: str) -> bool:
        await queue.commit(keep(name))
        return name in await asyncio.to_thread(kept)

    async def many() -> list[bool]:
        return await asyncio.gather(*(ask(f"name {number}") for number in range(20)))

    assert all(asyncio.run(many())), "a caller was told before the commit"


class TestCommit:
    def test_returns_what_each_unit_returned(self, queue: CommitQueue) -> None:
        names = [f"name {number}" for number in range(100)]
        assert together(queue, *map(keep, names)) == names
        assert kept() == set(names)

    def test_tells_each_caller_after_the_commit(self, queue: CommitQueue) -> None:
        assert_told_after_the_commit(queue)

    def test_telling_before_the_commit_is_found(
        self, queue: CommitQueue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        honest = CommitQueue._commit

        def hasty(self: CommitQueue, batch: list[Any]) -> None:
            for job in batch:
                job.outcome = commits._Done("done")
            commits._answer(batch)
            threading.Event().wait(0.3)
            honest(self, batch)

        monkeypatch.setattr(CommitQueue, "_commit", hasty)
        with pytest.raises(AssertionError, match="before the commit"):
            assert_told_after_the_commit(queue)

    def test_undoes_a_failing_unit_alone(self, queue: CommitQueue) -> None:
        first, failed, last = together(queue, keep("first"), fail, keep("last"))
        assert (first, last) == ("first", "last")
        assert isinstance(failed, LookupError)
        assert kept() == {"first", "last"}

    def test_undoes_a_unit_whose_flush_fails_alone(self, queue: CommitQueue) -> None:
        def hold_up(session: Session) -> str:
            threading.Event().wait(0.3)  # so that those behind it share the next commit
            return keep("first")(session)

        def twice(session: Session) -> None:
            session.add_all(SigningKey(id="one", **KEY) for _ in range(2))
            session.flush()

        _, *told = together(queue, hold_up, keep("second"), twice, keep("last"))
        assert isinstance(told[1], sa.exc.IntegrityError)
        assert kept() == {"first", "second", "last"}

    def test_threads_share_commits_with_requests(self, queue: CommitQueue) -> None:
        with ThreadPoolExecutor(8) as threads:
            names = list(threads.map(lambda n: queue.run(keep(f"thread {n}")), range(32)))
            failed = threads.submit(queue.run, fail)
            assert together(queue, keep("request")) == ["request"]
        assert isinstance(failed.exception(), LookupError)
        assert kept() == {"request", *names}

    @pytest.mark.parametrize("database", ["sqlite"], indirect=True)
    def test_shares_commits_on_sqlite(
        self, queue: CommitQueue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        committed: list[sa.Connection] = []

        def count(connection: sa.Connection) -> None:
            committed.append(connection)

        sa.event.listen(db.engine(), "commit", count)
        together(queue, *(keep(f"name {number}") for number in range(64)))
        sa.event.remove(db.engine(), "commit", count)
        assert 2 <= len(committed) < 20

    def test_waits_for_nobody_when_alone(self, queue: CommitQueue) -> None:
        assert together(queue, keep("alone")) == ["alone"]
        assert together(queue, keep("again")) == ["again"]


def answer_all(session: Session, names: Sequence[str]) -> list[str | Exception]:
    """Keep each name but those that are refused; `broken` undoes all that are asked with it."""
    for name in names:
        if name not in ("refused", "broken"):
            keep(name)(session)
    if "broken" in names:
        raise LookupError("all of these")
    refused = PermissionError("this one, and nothing was written for it")
    return [refused if name == "refused" else f"{name} of {len(names)}" for name in names]


def asked_together(queue: CommitQueue, *names: str) -> list[Any]:
    """Ask while another unit holds the queue up, so that all of them share the next commit."""

    def hold_up(_session: Session) -> None:
        threading.Event().wait(0.3)

    async def all_of_them() -> list[Any]:
        asked = (queue.commit_together(answer_all, name) for name in names)
        return await asyncio.gather(queue.commit(hold_up), *asked, return_exceptions=True)

    return asyncio.run(all_of_them())[1:]


class TestCommitTogether:
    def test_answers_each_as_it_was_answered(self, queue: CommitQueue) -> None:
        first, refused, last = asked_together(queue, "first", "refused", "last")
        many = 3 if db.engine().dialect.name == "sqlite" else 1
        assert (first, last) == (f"first of {many}", f"last of {many}")
        assert isinstance(refused, PermissionError)
        assert kept() == {"first", "last"}

    def test_asks_each_by_itself_where_one_undoes_all(self, queue: CommitQueue) -> None:
        first, broken, last = asked_together(queue, "first", "broken", "last")
        assert (first, last) == ("first of 1", "last of 1")
        assert isinstance(broken, LookupError)
        assert kept() == {"first", "last"}

    @pytest.mark.parametrize("database", ["sqlite"], indirect=True)
    def test_takes_no_answers_that_are_not_one_for_each(self, queue: CommitQueue) -> None:
        def too_few(session: Session, names: Sequence[str]) -> list[str]:
            return answer_all(session, names)[1:]  # type: ignore[return-value]

        async def ask() -> str:
            return await queue.commit_together(too_few, "alone")

        with pytest.raises(ValueError, match="1 questions were given 0 answers"):
            asyncio.run(ask())
        assert kept() == set()


class TestFailedCommit:
    def _broken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(db.engine().dialect, "do_commit", full)

    def test_is_everybodys_and_nothing_was_done(
        self, queue: CommitQueue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as broken:
            self._broken(broken)
            told = together(queue, *(keep(f"name {number}") for number in range(8)))
        assert all(isinstance(each, Exception) for each in told)
        assert kept() == set()
        assert together(queue, keep("afterwards")) == ["afterwards"]

    @pytest.mark.parametrize("database", ["sqlite"], indirect=True)
    def test_of_a_transaction_the_database_gave_up_is_everybodys_too(
        self, queue: CommitQueue
    ) -> None:
        def give_up(session: Session) -> None:
            session.connection().exec_driver_sql("ROLLBACK")  # as a full disk does

        def hold_up(_session: Session) -> None:
            threading.Event().wait(0.5)  # so that those behind it share the next commit

        _, *told = together(queue, hold_up, keep("first"), give_up, keep("last"))
        assert all(isinstance(each, Exception) for each in told)
        assert kept() == set()


class TestBackPressure:
    def test_refuses_what_could_not_be_answered_soon(
        self, queue: CommitQueue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(commits, "WAITING_MOST", 4)
        go_on = threading.Event()

        def hold_up(_session: Session) -> None:
            go_on.wait(30)

        async def too_many() -> list[Any]:
            asked = [asyncio.ensure_future(queue.commit(hold_up)) for _ in range(40)]
            await asyncio.sleep(0.3)
            go_on.set()
            return await asyncio.gather(*asked, return_exceptions=True)

        told = asyncio.run(too_many())
        assert {type(each) for each in told} == {type(None), TooBusy}

    def test_never_refuses_a_thread_that_may_wait(
        self, queue: CommitQueue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(commits, "WAITING_MOST", 0)
        assert isinstance(together(queue, keep("refused"))[0], TooBusy)
        assert queue.run(keep("waited")) == "waited"
        assert kept() == {"waited"}

    def test_answers_nobody_who_left(self, queue: CommitQueue) -> None:
        async def leave() -> None:
            waiting = asyncio.ensure_future(queue.commit(keep("left behind")))
            await asyncio.sleep(0)
            waiting.cancel()
            assert await queue.commit(keep("stayed")) == "stayed"

        asyncio.run(leave())
        assert "stayed" in kept()
