"""Vendors' jobs while they render: no worker waits with them, their stories rest.

Each worker makes rounds: it asks the vendors about the jobs that rest, each when it is due, and
takes a story up again once its job has ended or its time is up. What is due, and when a vendor was
last asked, stands in the job's row: no two workers ask about one job at once, nor more often than
its vendor allows. A worker that dies while it asks leaves a job that is due again a little later.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import structlog
from sqlmodel import Session, col, select

from app import clock, db
from app.errors import AppError
from app.gateway import progress
from app.gateway.generators import Connector, Phase, catalogue, wire
from app.gateway.generators.errors import NotSubmitted, VendorSilent
from app.gateway.models_vendor_jobs import VendorJob

ASKING = timedelta(minutes=10)  # how long a question may take before another worker asks
LONGEST_PAUSE_S = 900.0
AT_ONCE = 2  # questions to one vendor
logger = structlog.get_logger()


def rest(connector: Connector, generation_id: str, *, silent: bool) -> None:
    """Let a story rest: its job is asked about again in a while, ever later after silences."""
    with db.writing() as session:
        job = session.get_one(VendorJob, generation_id, with_for_update=True)
        job.silences = job.silences + 1 if silent else 0
        job.poll_at = clock.now() + _pause(connector, job.silences)
        session.add(job)


def due(session: Session) -> list[tuple[str, str]]:
    """List the jobs to ask about now, longest waiting first, each with its vendor."""
    found = (
        select(VendorJob.generation_id, VendorJob.vendor)
        .where(col(VendorJob.poll_at) <= clock.now())
        .order_by(col(VendorJob.poll_at))
    )
    return list(session.exec(found.limit(1000)))


def look_in(generation_id: str) -> None:
    """Ask once about a job that is due; have its story taken up where it does not go on."""
    with db.writing() as session:
        job = session.get_one(VendorJob, generation_id, with_for_update=True)
        if job.poll_at is None or job.poll_at > clock.now() or job.reference is None:
            return  # another worker was quicker
        job.poll_at = clock.now() + ASKING
        session.add(job)
        model, reference = job.model, job.reference
    connector = catalogue.find(model)[0]
    if not isinstance(connector, Connector):
        raise AppError(f"{model} is no vendor's model and has a job at one; this is a defect")
    silent = False
    try:
        with turn(connector, generation_id):
            status = connector.poll(reference)
        goes_on = status.phase in {Phase.QUEUED, Phase.RUNNING}
        progress.keep(generation_id, status.progress)
        lasts_s = connector.limit_s
    except (VendorSilent, NotSubmitted):
        # Nobody said that it has ended: it may have, and is kept for as long.
        goes_on, silent, lasts_s = True, True, connector.keeps_s
    with db.writing() as session:
        job = session.get_one(VendorJob, generation_id, with_for_update=True)
        if job.poll_at is None:
            return
        if goes_on and not is_over(job, lasts_s):
            job.silences = job.silences + 1 if silent else 0
            job.poll_at = clock.now() + _pause(connector, job.silences)
        else:
            job.poll_at, job.wakes = None, job.wakes + 1
        session.add(job)


def is_over(job: VendorJob, lasts_s: float) -> bool:
    """Say whether a job's time is up, counted from its order."""
    return clock.now() >= (job.ordered_at or job.created_at) + timedelta(seconds=lasts_s)


@contextmanager
def turn(connector: Connector, generation_id: str) -> Iterator[None]:
    """Wait until the vendor may be asked about a job, and note when it was, for every worker."""
    if not connector.least_s:
        yield
        return
    with db.writing() as session:
        job = session.get_one(VendorJob, generation_id, with_for_update=True)
        now = clock.now()
        since = now if job.asked_at is None else job.asked_at + timedelta(seconds=connector.least_s)
        job.asked_at = max(now, since)
        session.add(job)
    wait_s = (job.asked_at - now).total_seconds()
    if wait_s > 0:
        wire.pause(wait_s)
    try:
        yield
    finally:
        with db.writing() as session:
            job = session.get_one(VendorJob, generation_id, with_for_update=True)
            job.asked_at = clock.now()
            session.add(job)


class Rounds:
    """One worker's rounds: a few threads for each vendor, so that a silent one holds up no other.

    A hundred running jobs take no more of them than one.
    """

    def __init__(self) -> None:
        self._askers: dict[str, ThreadPoolExecutor] = {}
        self._asked: dict[str, Future[None]] = {}

    def go(self) -> None:
        """Begin to ask about whatever is due and not being asked about already."""
        with db.reading() as session:
            found = due(session)
        self._asked = {id_: asked for id_, asked in self._asked.items() if not asked.done()}
        for generation_id, vendor in found:
            if generation_id not in self._asked:
                askers = self._askers.setdefault(vendor, ThreadPoolExecutor(AT_ONCE, vendor))
                self._asked[generation_id] = askers.submit(_look_in, generation_id)

    def stop(self) -> None:
        """Ask no more; what is being asked ends by itself, or is asked again elsewhere."""
        for askers in self._askers.values():
            askers.shutdown(wait=False, cancel_futures=True)


def _look_in(generation_id: str) -> None:
    try:
        look_in(generation_id)
    except Exception:
        logger.exception("a vendor's job is asked about later", generation=generation_id)


def _pause(connector: Connector, silences: int) -> timedelta:
    longest_s = max(connector.poll_s, LONGEST_PAUSE_S)
    return timedelta(seconds=min(connector.poll_s * float(1 << min(silences, 20)), longest_s))
