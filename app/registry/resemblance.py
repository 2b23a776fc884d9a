"""A new face that resembles somebody enrolled is held: paused until a person has looked.

Searched are those who allow it (matching.py), of other houses. A resemblance proves nothing
(docs/faces.md), so it refuses nobody by itself, and whoever enrolls is never told whom it is to.
"""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from app import clock, db
from app.notices import service as notices
from app.registry import matching, service
from app.registry.errors import AnswerMissing, HoldAnswered, HoldNotFound
from app.registry.matching import Searched
from app.registry.models import Performer
from app.registry.models_resemblance import EnrollmentHold, EnrollmentMatch


def look_for(template: Sequence[float], organization_id: str) -> Searched:
    """Search for a face that a house enrolls, among those who allow it. Outside transactions.

    Its own performers are left out, but for those who are held themselves. Where nobody allows a
    search no matcher is started. Raises MatcherUnavailable.
    """
    with db.reading() as session:
        if next(matching.searchable(session), None) is None:
            return Searched([[]], 0)
        theirs = service.performers_at(session, organization_id)
        own = [each.id for each in theirs if not service.is_held(session, each)]
    return matching.search([template], but=own)


def hold(session: Session, performer: Performer, searched: Searched) -> EnrollmentHold | None:
    """Pause a performer in the transaction that enrolls them, where their face was found."""
    (hits,) = searched.found
    allowed = matching.allow(session, {hit.performer_id for hit in hits})
    theirs = {
        hit.performer_id: hit.distance
        for hit in reversed(hits)  # the nearest of somebody's templates comes last, and stays
        if hit.performer_id in allowed
    }
    if not theirs:
        return None
    held = EnrollmentHold(performer_id=performer.id, templates=searched.templates)
    session.add(held)
    session.flush()
    session.add_all(
        EnrollmentMatch(hold_id=held.id, performer_id=who, distance_milli=round(distance * 1000))
        for who, distance in theirs.items()
    )
    service.pause(session, performer)
    return held


def waiting(
    session: Session, *, after: str = "", limit: int | None = None
) -> Sequence[EnrollmentHold]:
    """List the enrollments that nobody has looked at, oldest first."""
    found = select(EnrollmentHold).where(
        EnrollmentHold.outcome == "open", col(EnrollmentHold.id) > after
    )
    return session.exec(found.order_by(col(EnrollmentHold.id)).limit(limit)).all()


def show(session: Session, hold_id: str) -> tuple[EnrollmentHold, Sequence[EnrollmentMatch]]:
    """Return a hold and whom the face resembles, nearest first. Raises HoldNotFound."""
    held = session.get(EnrollmentHold, hold_id)
    if held is None:
        raise HoldNotFound(f"no enrollment is held under {hold_id[:64]}")
    theirs = select(EnrollmentMatch).where(EnrollmentMatch.hold_id == held.id)
    nearest = theirs.order_by(
        col(EnrollmentMatch.distance_milli), col(EnrollmentMatch.performer_id)
    )
    return held, session.exec(nearest).all()


def answer(session: Session, hold_id: str, *, let_go: bool, reason: str) -> EnrollmentHold:
    """Answer as the operator, once: whose replica it is may resume it, or it stays paused for good.

    It stays paused until then: they may have stopped everything meanwhile.

    Raises HoldNotFound, HoldAnswered, AnswerMissing.
    """
    held, _ = show(session, hold_id)
    if not reason.strip():
        raise AnswerMissing("say why: the answer stays on record with its reason")
    performer = session.get_one(Performer, held.performer_id, with_for_update=True)
    session.refresh(held, with_for_update=True)
    if held.outcome != "open":
        raise HoldAnswered(f"{held.id} was {held.outcome} at {held.answered_at:%Y-%m-%dT%H:%MZ}")
    held.outcome = "released" if let_go else "refused"
    held.reason, held.answered_at = reason.strip(), clock.now()
    session.add(held)
    session.flush()
    notices.tell(
        session, "enrollment-answered", performer.id, organization_id=performer.organization_id
    )
    return held


def portrait_of(session: Session, hold_id: str) -> tuple[Performer, str]:
    """Return who is held, and the vault object of their portrait. Raises HoldNotFound."""
    held, _ = show(session, hold_id)
    newest = service.replicas_of(session, held.performer_id)[0]
    medium = service.references_of(session, newest.id)[0]
    return session.get_one(Performer, held.performer_id), medium.vault_object_id
