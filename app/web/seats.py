"""As what somebody signed in acts at a page: which house, which role, what is put down of it."""

from dataclasses import dataclass

from sqlmodel import Session

from app.identity import api_keys, people
from app.identity.errors import NotAllowed, PasskeyNeeded
from app.identity.models import Organization
from app.identity.models_people import Membership, Person
from app.identity.principal import Principal
from app.language import _, listed
from app.web.pages import Visit
from app.web.spoken import spoken

# Who may act for a house of each kind at its pages; its other members look.
ACTS = {
    "performer": ("performer",),
    "production": ("production_approver", "production_member"),
    "agency": ("agent",),
    "union": ("union_officer",),
}


FRAMES = {
    "performer": "_performer.html",
    "production": "_production.html",
    "agency": "_agency.html",
    "union": "_union.html",
}


@dataclass(frozen=True)
class Seat:
    """One person in one house."""

    person: Person
    membership: Membership
    organization: Organization

    @property
    def frame(self) -> str:
        """The template with the menu of this kind of house."""
        return FRAMES.get(self.organization.kind, "_page.html")

    @property
    def may_act(self) -> bool:
        """Whether this person may do more than look."""
        return self.membership.role in ACTS[self.organization.kind]

    @property
    def principal(self) -> Principal:
        """Who looks, for services that ask what may be seen; nothing is put down of it."""
        return Principal(self.organization.id, self.organization.kind, "")


def seat_of(session: Session, visit: Visit, kind: str) -> Seat:
    """Return where whoever is signed in sits in a house of this kind: where they act, if anywhere.

    Who came in by a studio's own sign-in sits in that house and in no other. Raises NotSignedIn;
    NotAllowed for who belongs to no such house; PasskeyNeeded for who was let into another.
    """
    person, only = visit.guest(session)
    seats = [
        Seat(person, membership, organization)
        for membership, organization in people.memberships_of(session, person.id)
        if organization.kind == kind and only in (None, organization.id)
    ]
    if not seats and only is not None:
        raise PasskeyNeeded(_("your studio's sign-in opens its own pages; use your passkey here"))
    if not seats:
        raise NotAllowed(
            _(
                "these pages are for members of another kind of house (%(kind)s), and you belong "
                "to none; open the link that one of them sends you",
                kind=spoken(kind),
            )
        )
    return next((seat for seat in seats if seat.may_act), seats[0])


def seats_of(session: Session, visit: Visit) -> list[Seat]:
    """Return every seat of whoever is signed in, those that act first. Raises NotSignedIn."""
    person = visit.person(session)
    seats = [
        Seat(person, membership, organization)
        for membership, organization in people.memberships_of(session, person.id)
        if organization.kind in ACTS
    ]
    return sorted(seats, key=lambda seat: not seat.may_act)


def acting_seat(session: Session, visit: Visit, kind: str) -> Seat:
    """As `seat_of`, for who is about to do something. Raises NotAllowed for who only looks."""
    seat = seat_of(session, visit, kind)
    if not seat.may_act:
        raise NotAllowed(
            _(
                "as %(role)s of %(house)s you look and do not act; ask somebody there who is "
                "%(roles)s",
                role=spoken(seat.membership.role),
                house=seat.organization.name,
                roles=listed([spoken(each) for each in ACTS[kind]], last=_("or")),
            )
        )
    return seat


def principal_of(session: Session, seat: Seat) -> Principal:
    """Return who acts, as the services put it down: this person, at a page of this house."""
    row = api_keys.row_at_pages(session, seat.organization.id, seat.person.id)
    return Principal(seat.organization.id, seat.organization.kind, row.id)
