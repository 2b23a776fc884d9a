"""What of a performer's is at a vendor's: recorded before it leaves, deleted when it must go.

Three things make a copy go: the job it was sent for is over; the contract it was sent under is
withdrawn and nothing under it is being made; the performer was erased. The vendor is asked through
its connector, again and again, until it confirms. What nobody confirmed is named in the
performer's deletion certificate.
"""

from collections.abc import Sequence
from datetime import timedelta

import structlog
from sqlmodel import Session, col, select

from app import clock, db
from app.errors import AppError
from app.gateway.generators import Connector, Deletes, catalogue
from app.gateway.generators.errors import NotSubmitted, VendorSilent
from app.gateway.models import FINAL, Generation, GenerationReplica
from app.gateway.models_vendor_copies import VendorCopy
from app.licensing.contracts.models import Contract
from app.vault import PerformerKey

logger = structlog.get_logger()
TRIES = 20  # with the pauses below: for some two weeks
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(days=1)
AT_THE_VENDOR = ("held", "submitting", "rendering")  # states in which a job may still need it


class VendorCopyNotFound(AppError):
    """No copy at a vendor's has this id."""

    status, code = 404, "vendor-copy-not-found"


def sent(
    session: Session,
    *,
    vendor: str,
    kind: str,
    what: str,
    performer_id: str,
    contract_id: str,
    generation_id: str | None = None,
    reference: str | None = None,
) -> VendorCopy:
    """Record what is about to leave for a vendor, in the transaction before the call.

    Recorded once for each object, performer and contract. `reference` may follow: `named`.
    """
    found = select(VendorCopy).where(
        VendorCopy.vendor == vendor,
        VendorCopy.kind == kind,
        VendorCopy.performer_id == performer_id,
        VendorCopy.contract_id == contract_id,
        VendorCopy.generation_id == generation_id,
        VendorCopy.reference == reference,
    )
    copy = session.exec(found).first()
    if copy is None:
        copy = VendorCopy(
            vendor=vendor,
            kind=kind,
            what=what,
            performer_id=performer_id,
            contract_id=contract_id,
            generation_id=generation_id,
            reference=reference,
        )
        session.add(copy)
        session.flush()
    return copy


def order_sent(
    session: Session, generation: Generation, *, vendor: str, kinds: Sequence[str] = ("portrait",)
) -> None:
    """Record that what shows everybody in a generation, of these kinds, leaves inside its order."""
    cast = select(GenerationReplica).where(GenerationReplica.generation_id == generation.id)
    for member in session.exec(cast):
        sent(
            session,
            vendor=vendor,
            kind="job",
            what=f"{'s and '.join(kinds)}s inside an order, and what was rendered of them",
            performer_id=member.performer_id,
            contract_id=member.contract_id,
            generation_id=generation.id,
        )


def clone_sent(session: Session, generation: Generation, *, vendor: str) -> bool:
    """Record that a recording leaves to be cloned for a job; True where that is new.

    Under the contract of each performer in the scene: withdrawn, erased or over, the clone goes.
    """
    if _clones(session, generation.id):
        return False
    cast = select(GenerationReplica).where(GenerationReplica.generation_id == generation.id)
    for member in session.exec(cast):
        sent(
            session,
            vendor=vendor,
            kind="voice",
            what="a recording of a voice, and the clone that was made of it",
            performer_id=member.performer_id,
            contract_id=member.contract_id,
            generation_id=generation.id,
        )
    return True


def clone_named(session: Session, generation_id: str, reference: str) -> None:
    """Put down what the vendor calls the clone that was made for a job."""
    for copy in _clones(session, generation_id):
        copy.reference = reference
        session.add(copy)


def clone_of(session: Session, generation_id: str) -> str:
    """Return what the vendor calls the clone that was made for a job, or nothing."""
    return next((copy.reference or "" for copy in _clones(session, generation_id)), "")


def named(session: Session, generation_id: str, reference: str) -> None:
    """Put down what the vendor calls the job that was ordered for a generation."""
    for copy in _of_job(session, generation_id):
        copy.reference = reference
        session.add(copy)


def absent(session: Session, generation_id: str, *, detail: str) -> None:
    """Put down that a person found the vendor to have no such job."""
    for copy in _of_job(session, generation_id):
        _confirm(session, copy, detail)


def job_forgotten(generation_id: str) -> None:
    """Put down that the vendor deleted a job, its inputs and its result."""
    with db.writing() as session:
        for copy in _of_job(session, generation_id):
            _confirm(session, copy, "the vendor confirmed it")


def unconfirmed_of(session: Session, performer_id: str) -> Sequence[VendorCopy]:
    """List the copies of a performer's likeness whose deletion nobody has confirmed."""
    found = select(VendorCopy).where(
        VendorCopy.performer_id == performer_id, VendorCopy.state != "deleted"
    )
    return session.exec(found.order_by(col(VendorCopy.id))).all()


def unconfirmed(
    session: Session, *, after: str = "", limit: int | None = None
) -> Sequence[VendorCopy]:
    """List the copies a person must ask about: no call deletes them, or none was confirmed."""
    found = select(VendorCopy).where(VendorCopy.state == "unconfirmed", col(VendorCopy.id) > after)
    return session.exec(found.order_by(col(VendorCopy.id)).limit(limit)).all()


def confirm(session: Session, copy_id: str, *, note: str) -> VendorCopy:
    """Put down that a person has the vendor's word that a copy is gone. Raises VendorCopyNotFound.

    Confirming again changes nothing.
    """
    copy = session.get(VendorCopy, copy_id, with_for_update=True)
    if copy is None:
        raise VendorCopyNotFound(f"no copy at a vendor's has the id {copy_id[:64]}")
    _confirm(session, copy, note)
    return copy


def due(session: Session) -> list[VendorCopy]:
    """List the copies that must go and whose turn it is, the longest waiting first."""
    waiting = select(VendorCopy).where(
        col(VendorCopy.state).in_(("kept", "asked")), VendorCopy.next_at <= clock.now()
    )
    copies = session.exec(waiting.order_by(col(VendorCopy.next_at))).all()
    return [copy for copy in copies if _must_go(session, copy)]


def delete_due() -> int:
    """Ask the vendors to delete what must go; return how many confirmed. Outside transactions."""
    with db.reading() as session:
        copies = due(session)
    confirmed = 0
    for copy in copies:
        gone, detail, is_final = _ask(copy)
        with db.writing() as session:
            kept = session.get_one(VendorCopy, copy.id, with_for_update=True)
            if kept.state == "deleted":
                continue
            if gone:
                _confirm(session, kept, detail)
                confirmed += 1
                continue
            kept.tries += 1
            kept.detail = detail
            kept.state = "unconfirmed" if is_final or kept.tries >= TRIES else "asked"
            kept.next_at = clock.now() + min(FIRST_PAUSE * 2 ** (kept.tries - 1), LONGEST_PAUSE)
            session.add(kept)
            if kept.state == "unconfirmed":
                logger.error("a vendor did not confirm a deletion", copy=copy.id, because=detail)
    return confirmed


def _ask(copy: VendorCopy) -> tuple[bool, str, bool]:
    """Ask for one deletion: whether it is gone, why or why not, and whether to ask no more."""
    generator = next((each for each in catalogue.offered() if each.name == copy.vendor), None)
    if generator is None:
        return False, f"{copy.vendor} is asked by people, not by a program", True
    if copy.reference is None:
        return False, "the vendor never named what it was sent, so nothing can be named to it", True
    try:
        if isinstance(generator, Deletes):
            gone = generator.delete(copy.kind, copy.reference)
        elif copy.kind == "job" and isinstance(generator, Connector):
            gone = generator.forget(copy.reference)
        else:
            gone = False
    except (VendorSilent, NotSubmitted) as silent:
        if silent.extra.get("answered") in {404, 410}:
            return True, "the vendor knows it no more", True
        return False, silent.detail, False
    if gone:
        return True, "the vendor confirmed it", True
    return False, f"{copy.vendor} has no call that deletes it", not _can_delete(generator)


def _can_delete(generator: object) -> bool:
    if isinstance(generator, Deletes):
        return True
    capabilities = generator.capabilities() if isinstance(generator, Connector) else ()
    return any(each.deletion for each in capabilities)


def _must_go(session: Session, copy: VendorCopy) -> bool:
    """Say whether nobody may keep this copy any longer, and nothing under way needs it."""
    if copy.generation_id is not None:
        job = session.get_one(Generation, copy.generation_id)
        return job.state not in AT_THE_VENDOR
    key = session.get(PerformerKey, copy.performer_id)
    is_erased = key is not None and key.destroyed_at is not None
    contract = session.get_one(Contract, copy.contract_id)
    versions = select(Contract).where(Contract.series_id == contract.series_id)
    stands = not is_erased and any(
        each.withdrawn_at is None for each in session.exec(versions) if each.executed_at is not None
    )
    if stands:
        return False
    in_flight = (
        select(Generation.id)
        .join(GenerationReplica, col(GenerationReplica.generation_id) == col(Generation.id))
        .join(Contract, col(Contract.id) == col(GenerationReplica.contract_id))
        .where(
            GenerationReplica.performer_id == copy.performer_id,
            Contract.series_id == contract.series_id,
            col(Generation.state).not_in(FINAL),
        )
    )
    return session.exec(in_flight.limit(1)).first() is None


def _of_job(session: Session, generation_id: str) -> Sequence[VendorCopy]:
    mine = select(VendorCopy).where(
        VendorCopy.generation_id == generation_id, VendorCopy.kind == "job"
    )
    return session.exec(mine.order_by(col(VendorCopy.id)).with_for_update()).all()


def _clones(session: Session, generation_id: str) -> Sequence[VendorCopy]:
    mine = select(VendorCopy).where(
        VendorCopy.generation_id == generation_id, VendorCopy.kind == "voice"
    )
    return session.exec(mine.order_by(col(VendorCopy.id))).all()


def _confirm(session: Session, copy: VendorCopy, detail: str) -> None:
    if copy.state != "deleted":
        copy.state, copy.detail, copy.confirmed_at = "deleted", detail, clock.now()
        session.add(copy)
        session.flush()
