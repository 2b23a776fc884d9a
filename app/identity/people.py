"""How people come into organizations, what they are there, and how that ends."""

import secrets
from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app import clock, trail
from app.identity.api_keys import AT_A_PAGE
from app.identity.errors import (
    InvitationNotFound,
    InvitationRefused,
    LastOne,
    NotAllowed,
    ZoneUnknown,
)
from app.identity.models import OPERATORS, Organization
from app.identity.models_people import ROLES, Invitation, Membership, Person
from app.identity.sessions import digest
from app.language import NOBODYS, _, zone_of

INVITED_FOR = timedelta(days=7)
MAX_OPEN = 200  # invitations of one organization
FEWEST_OPERATORS = 2  # what takes two people takes two of them


def invite_first(session: Session, organization: Organization) -> tuple[Invitation, str]:
    """Invite the first administrator of an organization: all that the operator may do here.

    Returns the invitation with its secret, and voids the operator's earlier ones. Raises
    InvitationRefused once anybody has ever been a member, and for the operators' own house.
    """
    if organization.kind == OPERATORS:
        raise InvitationRefused("operators come in by `understudy operators invite`")
    _lock(session, organization)
    if session.exec(_memberships(organization.id)).first() is not None:
        raise InvitationRefused(
            f"{organization.name} has had members: ask one of its administrators for a link. "
            "The operator opens an organization once, and cannot let anybody into it afterwards"
        )
    return invite_from_the_machine(session, organization)


def invite_from_the_machine(session: Session, organization: Organization) -> tuple[Invitation, str]:
    """Invite an administrator whom no member invited, and void what was so invited before.

    Into a house that has had members this lets nobody but an operator: for callers to keep.
    """
    _lock(session, organization)
    of_the_machine = _open_invitations(organization.id).where(col(Invitation.invited_by).is_(None))
    for earlier in session.exec(of_the_machine):
        earlier.retracted_at = clock.now()
        session.add(earlier)
    return _invite(session, organization, ROLES[organization.kind][0], is_admin=True, by=None)


def invite(
    session: Session, organization_id: str, by: Person, *, role: str, is_admin: bool = False
) -> tuple[Invitation, str]:
    """Invite somebody into an organization, as one of its administrators.

    Returns the invitation with its secret, which is shown this once. Raises NotAllowed,
    InvitationRefused.
    """
    organization = administered(session, by, organization_id)
    _check_role(organization, role)
    waiting = session.exec(_open_invitations(organization_id)).all()
    if len(waiting) >= MAX_OPEN:
        raise InvitationRefused(
            _("%(number)s invitations are open; take some back first", number=MAX_OPEN)
        )
    invitation, secret = _invite(session, organization, role, is_admin=is_admin, by=by.id)
    _note(session, organization, by, "invite", invitation.id)
    return invitation, secret


def _invite(
    session: Session, organization: Organization, role: str, *, is_admin: bool, by: str | None
) -> tuple[Invitation, str]:
    secret, at = secrets.token_urlsafe(32), clock.now()
    invitation = Invitation(
        organization_id=organization.id,
        role=role,
        is_admin=is_admin,
        invited_by=by,
        secret_sha256=digest(secret),
        created_at=at,
        expires_at=at + INVITED_FOR,
    )
    session.add(invitation)
    session.flush()
    return invitation, secret


def invitation_of(session: Session, secret: str, *, lock: bool = False) -> Invitation:
    """Return the invitation a link opens, while it stands. Raises InvitationNotFound."""
    opened = select(Invitation).where(Invitation.secret_sha256 == digest(secret))
    found = session.exec(opened.with_for_update() if lock else opened).first()
    if found is None or not _stands(found):
        raise InvitationNotFound(
            _("this link is used up, too old or unknown; ask whoever sent it for a new one")
        )
    return found


def retract_invitation(session: Session, by: Person, invitation_id: str) -> None:
    """Take an invitation back, as an administrator of its organization. Raises NotAllowed."""
    invitation = session.get(Invitation, invitation_id, with_for_update=True)
    if invitation is None:
        raise _not_allowed()
    organization = administered(session, by, invitation.organization_id)
    invitation.retracted_at = invitation.retracted_at or clock.now()
    session.add(invitation)
    session.flush()
    _note(session, organization, by, "retract", invitation.id)


def join(session: Session, invitation: Invitation, person: Person) -> Membership:
    """Make the person what the invitation says; it is used up. Expects its row to be locked.

    Raises InvitationNotFound, and InvitationRefused where they would be an operator and something
    else besides, and where they are a member there already: nobody is two members of one house.
    """
    if not _stands(invitation):
        raise InvitationNotFound(_("this link is used up; ask whoever sent it for a new one"))
    organization = session.get_one(Organization, invitation.organization_id)
    _insist_apart(session, organization, person)
    _note(session, organization, person, "join", invitation.id)
    return _become(session, invitation, person)


def _become(session: Session, invitation: Invitation, person: Person) -> Membership:
    invitation.used_at = clock.now()
    membership = Membership(
        person_id=person.id,
        organization_id=invitation.organization_id,
        role=invitation.role,
        is_admin=invitation.is_admin,
        invitation_id=invitation.id,
    )
    session.add_all((invitation, membership))
    session.flush()
    return membership


def _insist_apart(session: Session, organization: Organization, person: Person) -> None:
    """Do nothing unless somebody would run the installation and act for somebody on it.

    Or would be two members of one house, by which they would pass for two people there.
    """
    them = sa.select(col(Person.id)).where(col(Person.id) == person.id)
    session.execute(them.with_for_update())  # who joins two houses at once waits here
    houses = [house for __, house in memberships_of(session, person.id)]
    if organization.id in {house.id for house in houses}:
        raise InvitationRefused(
            _(
                "%(name)s is a member of %(house)s already: an administrator there changes what "
                "they are, without a link. This one was not used up; give it to whom it is for",
                name=person.name,
                house=organization.name,
            )
        )
    both = [house for house in houses if OPERATORS in {house.kind, organization.kind}]
    if both:
        raise InvitationRefused(
            _(
                "who runs this installation acts for nobody on it, so that no operator signs or "
                "vouches for anybody: %(name)s is a member of %(house)s. Leave it first, or sign "
                "out and join as somebody with a passkey for this alone",
                name=person.name,
                house=both[0].name,
            )
        )


def end_membership(session: Session, by: Person, membership_id: str) -> Membership:
    """End what somebody is in an organization, as its administrator, or one's own membership.

    Raises NotAllowed, and LastOne for the last administrator, and for one of the last two
    operators.
    """
    membership = session.get(Membership, membership_id)
    if membership is None:
        raise _not_allowed()
    if membership.person_id != by.id:
        administered(session, by, membership.organization_id)
    organization = session.get_one(Organization, membership.organization_id)
    _lock(session, organization)
    if organization.kind == OPERATORS:
        seats = [each for each, __ in members_in(session, organization.id) if each != membership]
        if len({each.person_id for each in seats}) < FEWEST_OPERATORS:  # people, not their seats
            raise LastOne(
                _(
                    "at least %(number)s operators remain, for what takes two people; invite "
                    "another one first",
                    number=FEWEST_OPERATORS,
                )
            )
    _end(session, membership)
    _note(session, organization, by, "end", membership.id)
    return membership


def _end(session: Session, membership: Membership, *, stays_admin: bool = False) -> Membership:
    _lock(session, session.get_one(Organization, membership.organization_id))
    session.refresh(membership)
    others = _memberships(membership.organization_id).where(
        col(Membership.ended_at).is_(None),
        col(Membership.is_admin),
        Membership.id != membership.id,
    )
    if membership.is_admin and not stays_admin and session.exec(others).first() is None:
        raise LastOne(_("this is the last administrator; invite another one first"))
    membership.ended_at = membership.ended_at or clock.now()
    session.add(membership)
    session.flush()
    return membership


def change_role(
    session: Session, by: Person, membership_id: str, *, role: str, is_admin: bool
) -> Membership:
    """Make a member something else from this moment on, as an administrator of their house.

    What they were ends and what they are begins, under an invitation of whoever changed it that is
    used at once: so it stays on record who was what, and when. What is the same changes nothing.
    Raises NotAllowed, InvitationRefused for no role of that house, and LastOne.
    """
    membership = session.get(Membership, membership_id)
    if membership is None:
        raise _not_allowed()
    organization = administered(session, by, membership.organization_id)
    _check_role(organization, role)
    _lock(session, organization)
    session.refresh(membership)
    if membership.ended_at is not None:
        raise _not_allowed()
    if (membership.role, membership.is_admin) == (role, is_admin):
        return membership
    _end(session, membership, stays_admin=is_admin)
    invitation, _ = _invite(session, organization, role, is_admin=is_admin, by=by.id)
    _note(session, organization, by, "change", membership.id)
    return _become(session, invitation, session.get_one(Person, membership.person_id))


def choose_zone(session: Session, person: Person, zone: str) -> None:
    """Keep by whose clock somebody reads: an IANA zone, or empty: as a browser says.

    Raises ZoneUnknown.
    """
    if zone and zone_of(zone) == NOBODYS != zone:
        raise ZoneUnknown(_("there is no such time zone in the list; choose one of those it has"))
    person.zone = zone and zone_of(zone)
    session.add(person)
    session.flush()


def memberships_of(session: Session, person_id: str) -> Sequence[tuple[Membership, Organization]]:
    """List what a person is now, and where."""
    return session.exec(
        select(Membership, Organization)
        .join(Organization, col(Organization.id) == Membership.organization_id)
        .where(Membership.person_id == person_id, col(Membership.ended_at).is_(None))
        .order_by(col(Membership.id))
    ).all()


def invitations_of(session: Session, person_id: str) -> Sequence[Invitation]:
    """List what a person ever came in by, wherever; what they were there may have ended."""
    return session.exec(
        select(Invitation)
        .join(Membership, col(Membership.invitation_id) == Invitation.id)
        .where(Membership.person_id == person_id)
        .order_by(col(Invitation.id))
    ).all()


def members_in(
    session: Session, organization_id: str, *, after: str = "", limit: int | None = None
) -> Sequence[tuple[Membership, Person]]:
    """List who is what in an organization, in the order they came, after one of them."""
    return session.exec(
        select(Membership, Person)
        .join(Person, col(Person.id) == Membership.person_id)
        .where(
            Membership.organization_id == organization_id,
            col(Membership.ended_at).is_(None),
            col(Membership.id) > after,
        )
        .order_by(col(Membership.id))
        .limit(limit)
    ).all()


def open_invitations(
    session: Session,
    by: Person,
    organization_id: str,
    *,
    after: str = "",
    limit: int | None = None,
) -> Sequence[Invitation]:
    """List the invitations that stand, after one of them, to administrators. Raises NotAllowed."""
    administered(session, by, organization_id)
    behind = _open_invitations(organization_id).where(col(Invitation.id) > after)
    return session.exec(behind.order_by(col(Invitation.id)).limit(limit)).all()


def administered(session: Session, person: Person, organization_id: str) -> Organization:
    """Return an organization this person administers. Raises NotAllowed for all others alike."""
    for membership, organization in memberships_of(session, person.id):
        if organization.id == organization_id and membership.is_admin:
            return organization
    raise _not_allowed()


def _check_role(organization: Organization, role: str) -> None:
    if role not in ROLES[organization.kind]:
        raise InvitationRefused(
            f"in an organization of kind {organization.kind} one is "
            f"{', '.join(ROLES[organization.kind])}"
        )


def _note(session: Session, organization: Organization, by: Person, what: str, id_: str) -> None:
    """Put down what somebody did about operators: each of their acts is an audit event."""
    if organization.kind == OPERATORS:
        trail.note_act(session, f"operators {what}", [id_], name=by.id + AT_A_PAGE)


def _not_allowed() -> NotAllowed:
    return NotAllowed("only an administrator of that organization may; you are none, or it is gone")


def _stands(invitation: Invitation) -> bool:
    untouched = invitation.used_at is None and invitation.retracted_at is None
    return (
        untouched and clock.has_been(invitation.created_at) and clock.now() < invitation.expires_at
    )


def _lock(session: Session, organization: Organization) -> None:
    one = sa.select(col(Organization.id)).where(col(Organization.id) == organization.id)
    session.execute(one.with_for_update())


def _memberships(organization_id: str) -> SelectOfScalar[Membership]:
    return select(Membership).where(Membership.organization_id == organization_id)


def _open_invitations(organization_id: str) -> SelectOfScalar[Invitation]:
    return select(Invitation).where(
        Invitation.organization_id == organization_id,
        col(Invitation.used_at).is_(None),
        col(Invitation.retracted_at).is_(None),
        Invitation.expires_at > clock.now(),
    )
