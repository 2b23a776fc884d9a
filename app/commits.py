"""Group commit: many units of work share one durable commit; each is answered only after it.

A disk flush costs milliseconds, whatever it flushes. Where a database has one writer (SQLite), one
thread takes all units that wait, runs each in a savepoint of its own, and commits them together.
It commits as soon as nothing waits: there are no timers, and a lone unit waits for nobody. Where a
database groups the commits of many connections itself (PostgreSQL), a few threads each take one
unit at a time, in a transaction of its own.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from threading import Lock
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlmodel import Session

from app import db
from app.errors import AppError

T = TypeVar("T")
Q = TypeVar("Q")
Unit = Callable[[Session], T]
Together = Callable[[Session, Sequence[Q]], Sequence[T | Exception]]
WAITING_MOST = 1024  # units; more are refused rather than answered too late
SHARING_MOST = 32  # units in one commit: bounds how long the first of them waits for the last
POSTGRESQL_WRITERS = 8


class TooBusy(AppError):
    """More requests wait than can be answered soon; nothing was done, try again in a moment."""

    status, code = 503, "too-busy"


class _Job:
    """A unit that waits, and whom to tell; `outcome` is its result, or the error it ended with.

    Whoever waits on an event loop is told there, with all others of that loop at once; a thread
    has no loop. `questions` is the one that `unit` answers, together with those of its neighbours.
    """

    __slots__ = ("answer", "loop", "outcome", "questions", "unit")

    def __init__(
        self,
        unit: Any,
        answer: "asyncio.Future[Any] | Future[Any]",
        loop: asyncio.AbstractEventLoop | None,
        *questions: Any,
    ) -> None:
        self.unit, self.answer, self.loop, self.questions = unit, answer, loop, questions
        self.outcome: Any = None


class CommitQueue:
    """Takes units of work from any event loop, and makes them durable in the order they came."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        one_writer = engine.dialect.name == "sqlite"
        self._sharing = SHARING_MOST if one_writer else 1
        self._writers = 1 if one_writer else POSTGRESQL_WRITERS
        self._threads = ThreadPoolExecutor(self._writers, thread_name_prefix="commits")
        self._waiting: deque[_Job] = deque()
        self._writing = 0
        self._lock = Lock()

    async def commit(self, unit: Unit[T]) -> T:
        """Run the unit and return what it returns, once that is on disk.

        What it raises is raised here, and undoes this unit alone. When the commit itself fails,
        every unit that shared it ends with that error, and none of them has happened. Raises
        TooBusy, having done nothing, where too many wait already.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._add(_Job(unit, answer, loop), at_most=WAITING_MOST)
        return await answer

    async def commit_together(self, together: Together[Q, T], question: Q) -> T:
        """Like `commit`, for a question that is answered with whatever like it waits beside it.

        `together` says of each question, in their order, what it is answered; or, having written
        nothing for it, which error it ends with. What it raises undoes all of them: then each is
        asked by itself.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._add(_Job(together, answer, loop, question), at_most=WAITING_MOST)
        return await answer

    def run(self, unit: Unit[T]) -> T:
        """Like `commit`, for a thread that may wait. No unit may call it: it would wait for itself.

        Where many may write at once, the thread does it itself and keeps nobody waiting. It is not
        refused: threads are few, and a paid render must not be lost to a busy hour.
        """
        if self._sharing == 1:
            return self._alone(unit)
        answer: Future[T] = Future()
        self._add(_Job(unit, answer, None))
        return answer.result()

    def _add(self, job: _Job, *, at_most: int | None = None) -> None:
        with self._lock:
            if at_most is not None and len(self._waiting) >= at_most:
                raise TooBusy((TooBusy.__doc__ or "").strip())
            self._waiting.append(job)
            starting = self._writing < self._writers
            self._writing += starting
        if starting:
            self._threads.submit(self._write)

    def _write(self) -> None:
        while batch := self._take():
            try:
                self._commit(batch)
            except Exception as error:  # noqa: BLE001 - told to every caller: nothing happened
                for job in batch:
                    job.outcome = error
            _answer(batch)

    def _take(self) -> list[_Job]:
        with self._lock:
            several = min(self._sharing, len(self._waiting))
            if not several:
                self._writing -= 1
            return [self._waiting.popleft() for _ in range(several)]

    def _commit(self, batch: list[_Job]) -> None:
        if len(batch) == 1:
            _note(batch, self._alone(lambda session: _outcomes(session, batch)))
        else:
            self._commit_all(batch)

    def _alone(self, unit: Unit[T]) -> T:
        with self._engine.begin() as connection, Session(connection) as session:
            found = unit(session)
            session.flush()
        return found

    def _commit_all(self, batch: list[_Job]) -> None:
        """One transaction: each unit undone alone where it fails, all of them durable at the end.

        Where the database has given up the whole transaction (a full disk), the savepoint around
        all units is gone and letting go of it fails too: nobody is told that an earlier unit
        stands.
        """
        with self._engine.begin() as connection:
            connection.exec_driver_sql("SAVEPOINT all_units")
            for jobs in _alike(batch):
                _in_savepoint(connection, jobs)


def _alike(batch: list[_Job]) -> Iterator[list[_Job]]:
    """Part a batch where one function does not answer the neighbours too."""
    alike: list[_Job] = []
    for job in batch:
        if alike and not (job.questions and job.unit is alike[0].unit):
            yield alike
            alike = []
        alike.append(job)
    yield alike


def _in_savepoint(connection: sa.Connection, jobs: list[_Job]) -> None:
    """Run units in a session of their own, so that a failing flush undoes their savepoint alone."""
    try:
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            outcomes = _outcomes(session, jobs)
            session.commit()  # flushes, and releases the savepoint
    except Exception as error:  # noqa: BLE001 - handed to the caller whose unit it is
        connection.exec_driver_sql("RELEASE SAVEPOINT all_units")
        connection.exec_driver_sql("SAVEPOINT all_units")
        if len(jobs) == 1:
            jobs[0].outcome = error
        else:
            for job in jobs:
                _in_savepoint(connection, [job])
    else:
        _note(jobs, outcomes)


def _outcomes(session: Session, jobs: list[_Job]) -> Sequence[Any]:
    """Return what each is answered, in their order: a result, or for questions an error."""
    (first, *_) = jobs
    if not first.questions:
        return [first.unit(session)]
    answers: Sequence[Any] = first.unit(session, [job.questions[0] for job in jobs])
    if len(answers) != len(jobs):
        raise ValueError(f"{len(jobs)} questions were given {len(answers)} answers")
    return answers


def _note(jobs: list[_Job], outcomes: Sequence[Any]) -> None:
    for job, outcome in zip(jobs, outcomes, strict=True):
        refused = job.questions and isinstance(outcome, Exception)
        job.outcome = outcome if refused else _Done(outcome)


class _Done:
    """What a unit returned, kept until its commit."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def _answer(batch: list[_Job]) -> None:
    """Tell every caller, each event loop once."""
    for loop in {job.loop for job in batch}:
        theirs = [job for job in batch if job.loop is loop]
        if loop is None:
            _settle(theirs)
            continue
        try:
            loop.call_soon_threadsafe(_settle, theirs)
        except RuntimeError:  # that loop has ended, and with it whoever waited
            continue


def _settle(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.answer.done():  # its request was given up meanwhile
            continue
        if isinstance(job.outcome, _Done):
            job.answer.set_result(job.outcome.value)
        else:
            job.answer.set_exception(job.outcome)


@lru_cache(maxsize=1)
def _queue_of(engine: sa.Engine) -> CommitQueue:
    return CommitQueue(engine)


def queue() -> CommitQueue:
    """Return the queue of this process's database."""
    return _queue_of(db.engine())
