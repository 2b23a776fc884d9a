"""The worker: takes permitted generations through the pipeline, and goes on after a crash."""

import fcntl
import shutil
import signal
import threading
import time
from collections.abc import Callable
from typing import IO

import structlog
from sqlmodel import Session

import app.models  # noqa: F401  every table: what it publishes is held against all of them
from app import db, heartbeat, jobs, publication, sandbox, vault
from app.audit import events as audit
from app.config import settings
from app.errors import AppError
from app.gateway import (
    pipeline,
    previews,
    resting,
    takes,
    telling,
    unreturned,
    vendor_copies,
    webhooks_sending,
    workbench,
)
from app.gateway import service as gateway
from app.gateway.materials import checking
from app.ledger import service as ledger
from app.licensing.approvals import reminders
from app.licensing.mandates import coming_of_age
from app.notices import delivery
from app.privacy import erasure
from app.provenance import rotations
from app.registry import matching
from app.registry.imports import checking as imports

STORY = "generation"
SWEEP_S = 0.5
POST_S = 1.0
REMIND_S = 30.0
ANEW_S = 60.0
logger = structlog.get_logger()


class WorkerNameTaken(AppError):
    """Another process already works under this worker's name; two would do everything twice."""

    status, code = 409, "worker-name-taken"


class Worker:
    """One worker in this process: `start`, and at the end `stop`."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._queued: set[tuple[str, str]] = set()
        self._certificates_of = 0  # when those changed whose rotations are on the log
        self._name: IO[str] | None = None
        self._rounds = resting.Rounds()
        self._threads = [
            threading.Thread(target=target, name=name, daemon=True)
            for name, target in (
                ("heart", self._beat),
                ("sweeper", self._sweep),
                ("postman", self._post),
                ("caller", self._call),
                ("reader", self._read),
            )
        ]

    def start(self) -> None:
        """Take up what an earlier life of this worker left, then whatever is permitted.

        Raises WorkerNameTaken while another process on this machine works under the same name.
        """
        self._name = _claim_name()
        # 1. Plaintext that a crash left behind is gone before anything else happens.
        shutil.rmtree(workbench.work_dir(), ignore_errors=True)
        sandbox.sweep_private_directories()
        # 2. What must be known of this installation is said aloud.
        for notice in (*pipeline.notices(), sandbox.notice()):
            logger.warning(notice)
        # 3. Known as living before it works; whoever is taking over from it is waited for.
        with db.writing() as session:
            heartbeat.beat(session, settings().worker_id)
        # 4. Work.
        jobs.launch(STORY, pipeline.STAGES, pipeline.give_up)
        for thread in self._threads:
            thread.start()
        logger.info("worker started", worker=settings().worker_id)

    def stop(self) -> None:
        """Take no more work; what is in progress goes on at the next start, or elsewhere.

        It leaves like one that died: where it does not come back soon, another takes over.
        """
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=5)
        self._rounds.stop()
        jobs.stop()
        matching.stop()
        if self._name is not None:
            self._name.close()

    def _beat(self) -> None:
        """Say again and again that this worker lives, and take over from those that do not.

        A thread of its own: however long a chore takes, it is no sign of death.
        """
        watch = heartbeat.Watch(settings().worker_id)
        while not self._stopping.wait(heartbeat.BEAT_S):
            try:
                with db.writing() as session:
                    beats = heartbeat.beat(session, settings().worker_id)
                for dead_id in watch.dead(beats, time.monotonic()):
                    _take_over(dead_id, beats[dead_id])
            except Exception:
                logger.exception("a heartbeat failed and is tried again")

    def _sweep(self) -> None:
        """Look again and again for work no stage is told of; the database says what there is.

        A crash between permit and queue loses nothing, and decisions without a generation reach
        the log as well.
        """
        while not self._stopping.wait(SWEEP_S):
            for chore in (
                self._queue_waiting,
                self._rounds.go,
                self._record_rotations,
                publication.publish_waiting,
                checking.check_waiting,
                imports.end_late,
                _expire_holds,
                _end_silent_previews,
                _finish_erasures,
                vendor_copies.delete_due,
                takes.delete_overdue,
            ):
                try:
                    chore()
                except Exception:
                    logger.exception("a chore failed and is tried again", chore=chore.__name__)

    def _post(self) -> None:
        """Send what people are told, and remind them; a thread of its own, since servers are slow.

        What a kill interrupts is sent again under the same message id.
        """
        reminded = -REMIND_S
        while not self._stopping.wait(POST_S):
            try:
                delivery.send_waiting()
                imports.send_waiting()
                if time.monotonic() - reminded >= REMIND_S:
                    reminded = time.monotonic()
                    for is_due, act in (
                        (reminders.is_due, reminders.remind),
                        (coming_of_age.is_due, coming_of_age.remind),
                        (telling.is_due, telling.remind),
                        (unreturned.is_due, unreturned.remind),
                        (audit.is_due, audit.close_segment),
                    ):
                        _remind(is_due, act)
            except Exception:
                logger.exception("notices wait and are tried again")

    def _call(self) -> None:
        """Send webhooks; a thread of its own: productions' servers may keep it waiting."""
        while not self._stopping.wait(POST_S):
            try:
                webhooks_sending.send_waiting()
            except Exception:
                logger.exception("webhooks wait and are tried again")

    def _read(self) -> None:
        """Look at the photos that agencies sent, one after the other; a thread of its own: there
        may be thousands, and each keeps a child of the sandbox busy for a second. One that cannot
        be opened is passed over for a minute.
        """
        passed: set[str] = set()
        cleared = time.monotonic()
        while not self._stopping.wait(POST_S):
            if time.monotonic() - cleared >= ANEW_S:
                passed.clear()
                cleared = time.monotonic()
            try:
                while imports.check_next(passed) and not self._stopping.is_set():
                    continue
            except Exception:
                logger.exception("photos wait and are looked at again")

    def _queue_waiting(self) -> None:
        """Queue every unfinished generation that this worker has not queued in this life."""
        with db.reading() as session:
            waiting = set(gateway.waiting(session))
        for generation_id, chapter in sorted(waiting - self._queued):
            jobs.start(STORY, generation_id, chapter=chapter)
        self._queued = waiting

    def _record_rotations(self) -> None:
        """Put the keys that took another's place on the log; looks where certificates changed."""
        directory = settings().keys_dir
        changed_at = directory.stat().st_mtime_ns
        if changed_at == self._certificates_of:
            return
        with db.reading() as session:
            new = rotations.unrecorded(session, directory)
        if new:
            with db.writing() as session:
                rotations.record(session, directory)
        self._certificates_of = changed_at


def _claim_name() -> IO[str]:
    """Lock this worker's name for as long as the returned file is open; a kill lets it go."""
    file = _lock_name(settings().worker_id)
    if file is None:
        raise WorkerNameTaken(
            f"another process works as {settings().worker_id!r} here (`understudy serve` runs a "
            "worker too): stop it, or give this one another UNDERSTUDY_WORKER_ID"
        )
    return file


def _lock_name(worker_id: str) -> IO[str] | None:
    """Lock a worker's name on this machine; None while a process works under it."""
    work = workbench.work_dir(worker_id)
    path = work.with_name(f"{work.name}.lock")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _take_over(dead_id: str, beats: int) -> None:
    """Have what a dead worker was doing done by the living, and wipe the plaintext it left here.

    One that only stood still finds its generations moved on, and changes nothing; its directory
    is its own while it lives. A taker that dies in between is followed by another.
    """
    with db.writing() as session:
        row = heartbeat.claim_dead(session, dead_id, beats)
        if row is None:
            return
        stories = jobs.take_over(dead_id)
        session.delete(row)
    logger.warning("took over from a dead worker", dead=dead_id, stories=stories)
    if (name := _lock_name(dead_id)) is not None:
        with name:
            shutil.rmtree(workbench.work_dir(dead_id), ignore_errors=True)


def _expire_holds() -> None:
    """Let go of money and seconds whose generation never came to an end."""
    with db.reading() as session:
        late = ledger.has_late_holds(session)
    if late:
        with db.writing() as session:
            ledger.expire_holds(session)


def _end_silent_previews() -> None:
    """Refuse what somebody should have looked at and nobody did, in time."""
    with db.reading() as session:
        late = previews.silent(session)
    for generation_id in late:
        with db.writing() as session:
            previews.end_silent(session, generation_id)


def _remind(is_due: Callable[[Session], bool], remind: Callable[[Session], object]) -> None:
    with db.reading() as session:
        due = is_due(session)
    if due:
        with db.writing() as session:
            remind(session)


def _finish_erasures() -> None:
    """Destroy the keys whose erasure was decided by a process that then died."""
    with db.reading() as session:
        unfinished = vault.unfinished_erasures(session)
    for owner_id in unfinished:
        with db.writing() as session:
            erasure.finish(session, owner_id)


def run() -> None:
    """Run a worker until the process is told to end."""
    worker = Worker()
    worker.start()
    told_to_end = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told_to_end.set())
    told_to_end.wait()
    worker.stop()
