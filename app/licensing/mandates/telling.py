"""Who is told that a performer is held to be dead, or is not, and that a union's time is over."""

from sqlmodel import Session

from app import clock
from app.notices import service as notices
from app.registry import mandates
from app.registry.models import Performer
from app.registry.models_mandates import Mandate


def tell_of_death(session: Session, kind: str, performer: Performer, *, by: str) -> None:
    """Tell a performer's desk, their agent and whoever holds a mandate of theirs; not who says it.

    Whoever is alive learns of it so. `kind` says whether it was declared, or is on record now. Call
    it before what the performer had granted is ended.
    """
    at = clock.now()
    given = [
        each.holder_id
        for each in mandates.of_performers(session, [performer.id])
        if each.role not in mandates.AFTER_DEATH and mandates.stands(each, at=at)
    ]
    told = {performer.organization_id, performer.agent_organization_id, *given} - {None, by}
    for organization_id in sorted(str(each) for each in told):
        notices.tell(session, kind, performer.id, organization_id=organization_id)


def tell_their_side(session: Session, kind: str, performer: Performer) -> None:
    """Tell a performer's desk, their agent and whoever stands in for them since their death.

    Call it before what they hold is ended.
    """
    at = clock.now()
    in_place = [
        each.holder_id
        for each in mandates.of_performers(session, [performer.id])
        if each.role in mandates.AFTER_DEATH and mandates.stands(each, at=at)
    ]
    told = {performer.organization_id, performer.agent_organization_id, *in_place} - {None}
    for organization_id in sorted(str(each) for each in told):
        notices.tell(session, kind, performer.id, organization_id=organization_id)


def tell_of_estate(session: Session, mandate: Mandate) -> None:
    """Tell a union that the estate it stood in for was found."""
    notices.tell(session, "estate-found", mandate.performer_id, organization_id=mandate.holder_id)
