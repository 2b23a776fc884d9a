"""Who is told that a performer was declared dead, and that a union stands in for them no more."""

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


def tell_of_estate(session: Session, mandate: Mandate) -> None:
    """Tell a union that the estate it stood in for was found."""
    notices.tell(session, "estate-found", mandate.performer_id, organization_id=mandate.holder_id)
