"""Saying yes or no to an agency's invitation: from here on, and not before, somebody is registered.

A yes makes a desk of the person's own with them in it, enrolls them there from the photo they were
shown, names the agency as their agent, and ends the row, all in one transaction.
"""

from pathlib import Path

from sqlmodel import Session

from app import vault
from app.identity import people
from app.identity import service as identity
from app.identity.errors import NotAllowed
from app.identity.models_people import Person
from app.registry import resemblance
from app.registry import service as registry
from app.registry.imports import service
from app.registry.imports.models import RosterEntry
from app.registry.matching import Searched
from app.registry.models import Performer
from app.registry.service import Portrait


def open_photo(session: Session, entry: RosterEntry, to: Path) -> None:
    """Put the photo of somebody who is invited into a new file, on record."""
    object_id = entry.portrait_object_id or ""
    vault.open_to(session, object_id, to, purpose="enrollment", subject_id=entry.id)


def check_not_of_agency(session: Session, entry: RosterEntry, person: Person) -> None:
    """Raise NotAllowed for a member of the agency that asks: nobody says yes to themselves."""
    houses = [house.id for _, house in people.memberships_of(session, person.id)]
    if entry.organization_id in houses:
        raise NotAllowed(
            "you belong to the agency that asks; only the person in the photo says yes"
        )


def confirm(
    session: Session,
    entry: RosterEntry,
    person: Person,
    *,
    portrait: Path,
    inspected: Portrait,
    searched: Searched,
) -> Performer:
    """Register whoever opened the link, as they agreed; expects the row to be locked.

    `inspected` and `searched` were made of `portrait` before the transaction began. Raises
    NotAllowed for a member of the agency that asks: nobody says yes to themselves.
    """
    check_not_of_agency(session, entry, person)
    name = entry.name
    desk = identity.create_organization(session, name, "performer")
    invitation, _ = people.invite_first(session, desk)
    people.join(session, invitation, person)
    performer = registry.enroll(
        session,
        organization_id=desk.id,
        name=name,
        portrait=portrait,
        inspected=inspected,
        agent_organization_id=entry.organization_id,
    )
    resemblance.hold(session, performer, searched)
    entry.performer_id = performer.id
    service.end(session, entry, "confirmed")
    return performer


def refuse(session: Session, entry: RosterEntry) -> None:
    """End a locked row because the person said no: the photo opens no more from this commit on."""
    service.end(session, entry, "refused")
