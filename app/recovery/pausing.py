"""Stopping everything at any hour: signed in, by a link in any mail, with a printed code."""

from collections.abc import Sequence

from sqlmodel import Session

from app import vault
from app.identity import people, recorded, sessions
from app.notices import links
from app.notices import service as notices
from app.notices.models import Contact
from app.recovery import codes
from app.recovery.errors import StopLinkNotFound
from app.registry import service as registry
from app.registry.models import Performer


def person_behind(session: Session, link: str) -> str:
    """Return whose address a link was mailed to, while it stands. Raises StopLinkNotFound."""
    id_ = links.opened("pause", link)
    contact = None if id_ is None else session.get(Contact, id_)
    if contact is None or not contact.stands:
        raise StopLinkNotFound("this link is unknown, or its address was taken away; sign in")
    return contact.person_id


def stoppable(session: Session, person_id: str) -> Sequence[Performer]:
    """List whose replicas somebody may stop: at their own desk, or as their agent; by id."""
    found: dict[str, Performer] = {}
    for membership, house in people.memberships_of(session, person_id):
        if house.kind == "performer" and membership.role != "auditor":
            mine = registry.performers_at(session, house.id)
        elif house.kind == "agency" and membership.role == "agent":
            mine = registry.performers_of(session, house.id, limit=1000)
        else:
            continue
        found |= {each.id: each for each in mine}
    return [each for _, each in sorted(found.items()) if not vault.is_erased(session, each.id)]


def stop_by_link(session: Session, link: str) -> Sequence[Performer]:
    """Stop every use of every replica of who holds this link. Raises StopLinkNotFound."""
    return _stop(session, person_behind(session, link))


def stop_by_code(session: Session, text: str) -> Sequence[Performer]:
    """Stop everything with a printed code, which is not used up. Raises CodeRefused."""
    return _stop(session, codes.code_of(session, text).person_id)


def stop_signed_in(session: Session, secret: str) -> Sequence[Performer]:
    """Stop everything of who is signed in, whatever the hour is. Raises NotSignedIn.

    Also while the clock is in doubt: a session that is good by what the clock says, or by what it
    said before it was set, or by what is newest on record, may stop, and nothing else.
    """
    return _stop(session, person_signed_in(session, secret))


def person_signed_in(session: Session, secret: str) -> str:
    """Return who may stop everything in a browser with this secret. Raises NotSignedIn."""
    return sessions.to_stop_with(session, secret, instants=recorded.instants()).person_id


def _stop(session: Session, person_id: str) -> Sequence[Performer]:
    performers = stoppable(session, person_id)
    for performer in performers:  # by id: the order of locks
        stood = performer.paused_at
        registry.pause(session, performer)
        sides = {performer.organization_id, performer.agent_organization_id}
        for organization_id in sorted(filter(None, sides)) if stood is None else ():
            notices.tell(session, "paused", performer.id, organization_id=organization_id)
    return performers
