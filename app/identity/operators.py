"""Who runs this installation: the members of one house of its own kind, who act for nobody else.

The first is let in from the machine, like every later one whom no operator can invite any more. An
operator belongs to no other house and no member of another becomes one: so no operator signs, or
vouches, for anybody (`people.join` sees to it). The house has no API keys.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlmodel import Session, col, func, select

from app import clock
from app.identity import people
from app.identity.models import OPERATORS, Organization
from app.identity.models_people import Invitation, Membership, Person

NAME = "The operators"


class Operator(NamedTuple):
    """Somebody who is an operator or was one, and who invited them; None for the machine itself."""

    membership: Membership
    person: Person
    invited_by: Person | None


def house_of(session: Session) -> Organization | None:
    """Return the operators' house; None while nobody was ever invited."""
    return session.exec(select(Organization).where(Organization.kind == OPERATORS)).first()


def is_operator(session: Session, person_id: str) -> bool:
    """Say whether a person is an operator at this moment."""
    found = people.memberships_of(session, person_id)
    return any(house.kind == OPERATORS for _, house in found)


def invite_from_the_machine(session: Session) -> tuple[Invitation, str]:
    """Invite an operator, who administers the others; return it with its secret.

    Opens their house where there is none. A link that was made here before is void from now on.
    """
    house = house_of(session)
    if house is None:
        house = Organization(name=NAME, kind=OPERATORS)
        session.add(house)
        session.flush()
    return people.invite_from_the_machine(session, house)


def founders(session: Session, organization_id: str) -> set[str]:
    """Return the memberships of the first two operators, if they came before any other house did.

    Let in from the machine, with nothing on it yet that could be taken: whoever did that owns it,
    and could have written the database. Nobody who comes later is one. Of other houses nobody.
    """
    house = house_of(session)
    if house is None or house.id != organization_id:
        return set()
    first = session.exec(
        select(func.min(Organization.created_at)).where(Organization.id != house.id)
    ).one()
    theirs = (
        select(Membership)
        .join(Invitation, col(Invitation.id) == Membership.invitation_id)
        .where(Membership.organization_id == house.id, col(Invitation.invited_by).is_(None))
        .order_by(col(Membership.created_at), col(Membership.id))
        .limit(2)
    )
    return {each.id for each in session.exec(theirs) if first is None or each.created_at < first}


def operators(session: Session) -> Sequence[Operator]:
    """List the operators in the order they came, then those who were, newest end first."""
    house = house_of(session)
    if house is None:
        return []
    rows = session.exec(
        select(Membership, Person, Invitation)
        .join(Person, col(Person.id) == Membership.person_id)
        .join(Invitation, col(Invitation.id) == Membership.invitation_id)
        .where(Membership.organization_id == house.id)
        .order_by(col(Membership.id))
    ).all()
    inviting = {invitation.invited_by for _, _, invitation in rows} - {None}
    named: Mapping[str | None, Person] = {
        each.id: each for each in session.exec(select(Person).where(col(Person.id).in_(inviting)))
    }
    found = [Operator(member, person, named.get(by.invited_by)) for member, person, by in rows]
    ended = sorted(
        (each for each in found if each.membership.ended_at is not None),
        key=lambda each: each.membership.ended_at or clock.now(),
        reverse=True,
    )
    return [each for each in found if each.membership.ended_at is None] + ended
