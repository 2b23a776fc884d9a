"""One paid job for one generation, ever: the intent first, then the call, then its name.

A vendor's reply can be lost while the job runs and is billed. So the intent is committed before
the call and the vendor's name of the job after it; whoever finds an intent without an answer never
calls again. Such a job is `unknown`: the hold stays, and an operator is told and settles it.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import structlog
from prometheus_client import Counter
from sqlmodel import Session, col, select

from app import clock, db
from app.gateway import endings, progress, resting, service, vendor_copies
from app.gateway.errors import VendorJobNotFound, VendorJobSettled
from app.gateway.generators import Clones, Connector, Phase, RenderJob, catalogue
from app.gateway.generators.errors import (
    MaybeSubmitted,
    NotSubmitted,
    OrderRefused,
    VendorBusy,
    VendorSilent,
)
from app.gateway.models import FINAL, Generation
from app.gateway.models_vendor_jobs import VendorJob
from app.ledger import service as ledger

logger = structlog.get_logger()
UNKNOWN = Counter("understudy_vendor_jobs_unknown", "Jobs of which nobody can tell", ["vendor"])
BUSY = timedelta(minutes=15)  # how long a vendor may be busy before the generation is given up
SETTLING = timedelta(days=90)  # how long a hold waits for an operator at the most


def buy(connector: Connector, job: RenderJob) -> str | None:
    """Order `job` and return the vendor's name of it; None while nobody can tell if it runs.

    Safe to call again at any point, also after a crash. Raises VendorBusy: the stage waits and
    comes again; OrderRefused: the vendor will not do it.
    """
    # 1. The intent is committed: from here on nobody else places this order.
    with db.writing() as session:
        generation = session.get_one(Generation, job.generation_id, with_for_update=True)
        kept = session.get(VendorJob, job.generation_id, with_for_update=True)
        first = kept is None
        if kept is None:
            kept = VendorJob(
                generation_id=job.generation_id,
                vendor=connector.name,
                model=job.model,
                created_at=clock.now(),
            )
        before, created_at = kept.state, kept.created_at
        forbidden = service.what_forbids(session, generation) if kept.reference is None else ""
        if forbidden and (first or before == "not-ordered"):
            raise OrderRefused(forbidden)
        if first and not connector.rests:  # who renders outside opens the portraits, on record
            kinds = catalogue.find(job.model)[1].reference_kinds
            vendor_copies.order_sent(session, generation, vendor=connector.name, kinds=kinds)
        if before == "not-ordered":
            kept.state, kept.orders = "ordering", kept.orders + 1
        session.add(kept)
    if kept.reference is not None:
        return kept.reference
    under_way = not first and before != "not-ordered"
    if forbidden:
        # Nothing leaves again after a withdrawal: what may run already is looked for, no more.
        return _look(connector, job.generation_id, f"it may not be sent again: {forbidden}")
    if under_way and not connector.idempotent and not _only_cloning(connector, job.generation_id):
        # 2. An intent without an answer: look for the job, and never order it again.
        return _look(connector, job.generation_id, kept.detail)
    # 3. The paid call, once; again where the same key is the same job.
    try:
        if isinstance(connector, Clones):
            job = replace(job, cloned_voice=_cloned(connector, connector.name, job))
        reference = connector.submit(job)
    except (NotSubmitted, MaybeSubmitted) as trouble:
        in_time = clock.now() - created_at <= BUSY
        may_run = under_way and connector.idempotent
        return _in_doubt(connector, job, trouble, may_run=may_run, in_time=in_time)
    # 4. The vendor's name of it.
    _note(job.generation_id, "ordered", "", reference=reference)
    return reference


def _in_doubt(
    connector: Connector,
    job: RenderJob,
    trouble: NotSubmitted | MaybeSubmitted,
    *,
    may_run: bool,
    in_time: bool,
) -> str | None:
    """Say what becomes of an order that got no plain yes; return the job's name if it is found.

    `may_run`: an earlier call under the same key may have bought it. Raises VendorBusy where it is
    asked again, OrderRefused where nothing was bought.
    """
    is_lost = isinstance(trouble, MaybeSubmitted)
    if in_time and is_lost and connector.idempotent:
        raise VendorBusy(f"{trouble.detail}; it is asked again under the same key") from None
    if in_time and may_run and isinstance(trouble, VendorBusy):
        raise trouble
    if is_lost or may_run:
        return _look(connector, job.generation_id, trouble.detail)
    _note(job.generation_id, "not-ordered", trouble.detail)
    if isinstance(trouble, VendorBusy) and in_time:
        raise trouble
    later = "; ask again later" if isinstance(trouble, VendorBusy) else ""
    raise OrderRefused(f"{trouble.detail}. Nothing was bought{later}") from None


def collect(connector: Connector, generation_id: str, reference: str, result: Path) -> str | None:
    """Fetch the result of a job that has ended; return why there is none, or nothing.

    None: it goes on, or nobody can tell now; its story rests, and is taken up again once something
    is known (`resting`), or somebody handed in.

    A broken answer or download is asked for again, ever more rarely, as long as the vendor keeps
    the result: what was paid for is not given up for a bad connection.
    """
    lasts_s, trouble, silent = connector.limit_s, "it is not finished", False
    try:
        with resting.turn(connector, generation_id):
            status = connector.poll(reference)
        if status.phase is Phase.SUCCEEDED:
            with resting.turn(connector, generation_id):
                connector.fetch(reference, result)
            _note(generation_id, "delivered", "")
            return ""
        progress.keep(generation_id, status.progress)
        if status.phase in {Phase.FAILED, Phase.CANCELLED}:
            return _ended(generation_id, status.detail or "the vendor gave no reason")
    except (VendorSilent, NotSubmitted) as silence:
        # Nobody said that it still runs: it may be finished, and is kept for as long.
        lasts_s, trouble, silent = connector.keeps_s, silence.detail, True
    if connector.rests:
        return None
    with db.reading() as session:
        over = resting.is_over(session.get_one(VendorJob, generation_id), lasts_s)
    if not over:
        resting.rest(connector, generation_id, silent=silent)
        return None
    try:
        connector.cancel(reference)
    except (VendorSilent, NotSubmitted) as silence:
        logger.warning("not cancelled", generation=generation_id, because=silence.detail)
    hours = lasts_s / 3600
    return _ended(
        generation_id,
        f"{connector.name} delivered nothing within {hours:g} h: {trouble}. Nothing is charged "
        "here; the vendor may bill its job to the operator",
    )


def needs_likeness(session: Session, connector: Connector, generation_id: str) -> bool:
    """Say whether a job is yet to be sent: for one that was, or may not be, nothing is opened."""
    kept = session.get(VendorJob, generation_id)
    if kept is not None and kept.reference is None:
        generation = session.get_one(Generation, generation_id)
        if service.what_forbids(session, generation):
            return False
    if kept is None or kept.state == "not-ordered":
        return not connector.rests
    if kept.reference is not None or connector.rests:
        return False
    is_cloning = isinstance(connector, Clones) and not vendor_copies.clone_of(
        session, generation_id
    )
    return connector.idempotent or is_cloning


def _only_cloning(connector: Connector, generation_id: str) -> bool:
    """Say whether a job was not ordered for sure: the voice it needs has no name yet."""
    if not isinstance(connector, Clones):
        return False
    with db.reading() as session:
        return not vendor_copies.clone_of(session, generation_id)


def _cloned(connector: Clones, vendor: str, job: RenderJob) -> str:
    """Return the vendor's name of the clone that speaks for a job; made once, recorded before.

    Raises as `Connector.submit` where certainly nothing was bought, for a clone costs nothing.
    """
    with db.writing() as session:
        generation = session.get_one(Generation, job.generation_id, with_for_update=True)
        voice = vendor_copies.clone_of(session, job.generation_id)
        is_new = vendor_copies.clone_sent(session, generation, vendor=vendor)
    if voice:
        return voice
    try:
        found = None if is_new else connector.clone_of(job.generation_id)
        voice = found or connector.clone(job)
    except (MaybeSubmitted, VendorSilent) as lost:
        raise VendorBusy(f"{lost.detail}; its voices are looked through again") from None
    with db.writing() as session:
        vendor_copies.clone_named(session, job.generation_id, voice)
    return voice


def unsettled(
    session: Session, *, after: str = "", limit: int | None = None
) -> Sequence[VendorJob]:
    """List the jobs of which nobody can tell whether they run, oldest first."""
    place = col(VendorJob.generation_id)
    found = select(VendorJob).where(VendorJob.state == "unknown", place > after)
    return session.exec(found.order_by(place).limit(limit)).all()


def settle_found(generation_id: str, reference: str) -> None:
    """Put down that a person found the job at the vendor's; the story goes on with it.

    Raises VendorJobNotFound, VendorJobSettled, and VendorSilent where the vendor knows no such job.
    """
    with db.reading() as session:
        model = _insist_unknown(session.get(VendorJob, generation_id), generation_id).model
    connector = catalogue.find(model)[0]
    if not isinstance(connector, Connector):
        raise VendorJobSettled(f"{model} is no vendor's model; there is nothing to settle")
    connector.poll(reference)  # outside any transaction: a vendor may take minutes to answer
    with db.writing() as session:
        job = _unknown(session, generation_id)
        session.get_one(Generation, generation_id).reason = ""
        job.state, job.reference, job.detail = "ordered", reference, "found by a person"
        job.ordered_at = job.settled_at = job.asked_at = clock.now()
        session.add(job)
        vendor_copies.named(session, generation_id, reference)


def settle_absent(session: Session, generation_id: str) -> VendorJob:
    """Put down that a person looked and the vendor has no such job: the hold is let go.

    Raises VendorJobNotFound, VendorJobSettled.
    """
    job = _unknown(session, generation_id)
    job.state, job.detail, job.settled_at = "ended", "no such job at the vendor's", clock.now()
    session.add(job)
    vendor_copies.absent(session, generation_id, detail="a person found no such job there")
    generation = session.get_one(Generation, generation_id)
    if generation.state not in FINAL:
        reason = f"the order to {job.vendor} got lost and bought nothing; ask again"
        endings.end(session, generation, "failed", reason)
    return job


def _unknown(session: Session, generation_id: str) -> VendorJob:
    session.get(Generation, generation_id, with_for_update=True, populate_existing=True)
    job = session.get(VendorJob, generation_id, with_for_update=True, populate_existing=True)
    return _insist_unknown(job, generation_id)


def _insist_unknown(job: VendorJob | None, generation_id: str) -> VendorJob:
    if job is None:
        raise VendorJobNotFound(f"{generation_id[:64]} ordered nothing from a vendor")
    if job.state != "unknown":
        raise VendorJobSettled(f"the job of {generation_id} is {job.state}: nothing to settle")
    return job


def _look(connector: Connector, generation_id: str, why: str) -> str | None:
    """Look for a job whose reply is lost; where it cannot be found, say so and keep the hold."""
    reference = connector.find(generation_id)
    if reference is not None:
        _note(generation_id, "ordered", "found at the vendor's", reference=reference)
        return reference
    why = why or f"{connector.name} was called and this program stopped before the reply"
    with db.writing() as session:
        # The lock on the generation comes first, as everywhere.
        generation = session.get_one(Generation, generation_id, with_for_update=True)
        job = session.get_one(VendorJob, generation_id, with_for_update=True)
        if job.state not in {"ordering", "unknown"}:
            return job.reference
        newly = job.state != "unknown"
        job.state, job.detail = "unknown", why
        if generation.state == "submitting":
            generation.reason = (
                f"{why}. It is not sent again, so that nobody pays twice; the operator looks "
                "whether it ran. Your hold stays until then"
            )
        if ledger.holds_stand(session, generation_id):
            ledger.keep_holds(session, generation_id, until=clock.now() + SETTLING)
        session.add_all([job, generation])
    if newly:
        UNKNOWN.labels(connector.name).inc()
        logger.error("a job nobody can tell of", generation=generation_id, because=why)
    return None


def _ended(generation_id: str, why: str) -> str:
    _note(generation_id, "ended", why)
    return why


def _note(generation_id: str, state: str, detail: str, *, reference: str | None = None) -> None:
    with db.writing() as session:
        job = session.get_one(VendorJob, generation_id, with_for_update=True)
        job.state, job.detail = state, detail
        if reference is not None:
            job.reference, job.ordered_at = reference, clock.now()
            vendor_copies.named(session, generation_id, reference)
        session.add(job)
