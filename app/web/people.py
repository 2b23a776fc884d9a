"""Pages on which a person signs in, joins, and looks after devices, sessions and members."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form, Query, Response
from sqlmodel import Session

from app import db
from app.access import may
from app.errors import AppError
from app.identity import passkeys, people, sessions
from app.identity.api_edge import limited
from app.identity.errors import CeremonyRefused, PasskeyRefused
from app.identity.models import Organization
from app.identity.models_people import ROLES, Ceremony, Passkey, Person
from app.ids import new_id
from app.language import _
from app.recovery import service as recovery
from app.web import clocks
from app.web.pages import (
    HERE,
    PageRoute,
    Posted,
    Visitor,
    end_present,
    forget,
    page,
    see,
    site,
)

router = APIRouter(include_in_schema=False, route_class=PageRoute)
PER_PAGE = 20
Name = Annotated[str, Form(min_length=1, max_length=100)]
Place = Annotated[str, Query(max_length=40)]
List = Annotated[Literal["members", "invitations", "sessions"], Query()]
# Where the form stood.
Back = Annotated[Literal["/account", "/production/members", "/operator/members"], Form()]


@dataclass(frozen=True)
class Proof:
    """What an authenticator answered to which challenge."""

    ceremony: str
    answer: str


def _proof(
    ceremony: Annotated[str, Form(max_length=64)],
    answer: Annotated[str, Form(max_length=passkeys.MAX_ANSWER_CHARS)],
) -> Proof:
    return Proof(ceremony, answer)


Proven = Annotated[Proof, Depends(_proof)]


@router.get("/static/passkey.js")
@may("anyone", at_any_time=True)
def show_script() -> Response:
    """Give the script that asks the browser for a passkey, and sends the form."""
    text = (HERE / "static" / "passkey.js").read_text("utf-8")
    headers = {"Cache-Control": "public, max-age=3600"}
    return Response(text, media_type="text/javascript", headers=headers)


@router.get("/sign-in", dependencies=[limited("lookups")])  # each writes a challenge
@may("anyone")
def show_sign_in(visit: Visitor) -> Response:
    """Ask for a passkey; whose it is, it says itself."""
    with db.writing() as session:
        ceremony = passkeys.begin(session, "sign-in", visit.binder)
    options = passkeys.assertion_options(site(), ceremony)
    return page(visit, "sign_in.html", ceremony=ceremony.id, options=options, confirm=False)


@router.post("/sign-in", dependencies=[limited("lookups")])
@may("anyone")
def sign_in(visit: Posted, proof: Proven) -> Response:
    """Open a session under a new secret; whatever session this browser had before ends."""

    def act(session: Session) -> str | AppError:
        taken = passkeys.take(session, proof.ceremony, "sign-in", visit.binder)
        used = passkeys.use(session, site(), taken, answer=proof.answer)
        if not isinstance(used, Passkey):
            return used
        end_present(session, visit)
        return sessions.sign_in(session, used, browser=visit.browser)[1]

    return see("/account", secret=_kept(act))


@router.get("/confirm")
@may("person")
def show_confirm(visit: Visitor) -> Response:
    """Ask whoever is signed in to prove again that they are there."""
    with db.writing() as session:
        person = visit.person(session)
        ceremony = passkeys.begin(session, "confirm", visit.binder, person_id=person.id)
        known = passkeys.passkeys_of(session, person.id)
    options = passkeys.assertion_options(site(), ceremony, known=known)
    return page(visit, "sign_in.html", ceremony=ceremony.id, options=options, confirm=True)


@router.post("/confirm")
@may("person")
def confirm(visit: Posted, proof: Proven) -> Response:
    """Make the session fresh for a few minutes, under a new secret."""

    def act(session: Session) -> str | AppError:
        held, person = visit.session(session), visit.person(session)
        taken = passkeys.take(session, proof.ceremony, "confirm", visit.binder)
        if taken.person_id != person.id:
            return PasskeyRefused(_("this page was for somebody else; load it again"))
        used = passkeys.use(session, site(), taken, answer=proof.answer)
        return sessions.rotate(session, held, verified=True) if isinstance(used, Passkey) else used

    return see("/account", secret=_kept(act))


@router.post("/sign-out")
@may("person")
def sign_out(visit: Posted) -> Response:
    """End this session."""
    with db.writing() as session:
        end_present(session, visit)
    return forget(see("/sign-in"))


@router.get("/join/{secret}", dependencies=[limited("lookups")])
@may("link")
def show_invitation(visit: Visitor, secret: str) -> Response:
    """Show what the link invites to: with a new passkey, or as whoever is signed in here."""
    with db.writing() as session:
        invitation = people.invitation_of(session, secret)
        organization = session.get_one(Organization, invitation.organization_id)
        person = visit.known(session)
        ceremony = passkeys.begin(session, "enroll", visit.binder, person_id=new_id("psn"))
    options = passkeys.enrollment_options(site(), ceremony, name=organization.name)
    return page(
        visit,
        "join.html",
        secret=secret,
        invitation=invitation,
        organization=organization,
        person=person,
        ceremony=ceremony.id,
        options=options,
    )


@router.post("/join/{secret}", dependencies=[limited("lookups")])
@may("link")
def join(visit: Posted, secret: str, name: Name, device: Name, proof: Proven) -> Response:
    """Make a person with their first passkey, a member of what invited them, and sign them in."""

    def act(session: Session) -> str:
        invitation = people.invitation_of(session, secret, lock=True)
        taken = passkeys.take(session, proof.ceremony, "enroll", visit.binder)
        person = new_person(session, taken, name)
        passkey = passkeys.enroll(
            session, site(), taken, person, answer=proof.answer, name=plain(device)
        )
        people.join(session, invitation, person)
        end_present(session, visit)
        return sessions.sign_in(session, passkey, browser=visit.browser)[1]

    return see("/account", secret=_kept(act))


@router.post("/join/{secret}/accept", dependencies=[limited("lookups")])
@may("link")
def accept(visit: Posted, secret: str) -> Response:
    """Add what the link invites to, to whoever is signed in; the session's secret changes."""

    def act(session: Session) -> str:
        held, person = visit.session(session), visit.person(session)
        people.join(session, people.invitation_of(session, secret, lock=True), person)
        return sessions.rotate(session, held)

    return see("/account", secret=_kept(act))


@router.get("/account")
@may("person")
def show_account(
    visit: Visitor, house: Place = "", of: List = "members", after: Place = ""
) -> Response:
    """Show who is signed in, where else, with which devices, and what they are in which house.

    `of` names the one list that goes on behind `after`; of which `house`, where each has one.
    """
    with db.reading() as session:
        person, held = visit.person(session), visit.session(session)
        houses = [
            _house(
                session, person, membership, organization,
                behind={of: after} if organization.id == house else {},
            )
            for membership, organization in people.memberships_of(session, person.id)
        ]  # fmt: skip
        signed_in = sessions.sessions_of(
            session, person.id, before=after if of == "sessions" else "", limit=PER_PAGE
        )
        shown: dict[str, Any] = {
            "person": person,
            "here": held.id,
            "passkeys": passkeys.passkeys_of(session, person.id),  # MAX_PASSKEYS at most
            "sessions": signed_in,
            "more": signed_in[-1].id if len(signed_in) == PER_PAGE else None,
            "houses": houses,
            "zones": clocks.choices(),
        }
    return page(visit, "account.html", **shown)


def _house(
    session: Session,
    person: Person,
    membership: Any,
    organization: Any,
    *,
    behind: Mapping[str, str],
) -> dict[str, Any]:
    members: Sequence[Any] = []
    invitations: Sequence[Any] = []
    if membership.is_admin:
        members = people.members_in(
            session, organization.id, after=behind.get("members", ""), limit=PER_PAGE
        )
        invitations = people.open_invitations(
            session, person, organization.id, after=behind.get("invitations", ""), limit=PER_PAGE
        )
    return {
        "membership": membership,
        "organization": organization,
        "members": members,
        "more": members[-1][0].id if len(members) == PER_PAGE else None,
        "invitations": invitations,
        "more_invitations": invitations[-1].id if len(invitations) == PER_PAGE else None,
        "roles": ROLES[organization.kind][::-1],  # first what may least
    }


@router.get("/account/passkeys/new")
@may("person")
def show_new_passkey(visit: Visitor) -> Response:
    """Offer to register another device."""
    with db.writing() as session:
        person = visit.fresh(session)
        ceremony = passkeys.begin(session, "enroll", visit.binder, person_id=person.id)
        known = passkeys.passkeys_of(session, person.id)
    options = passkeys.enrollment_options(site(), ceremony, name=person.name, known=known)
    return page(visit, "new_passkey.html", ceremony=ceremony.id, options=options)


@router.post("/account/passkeys")
@may("person")
def add_passkey(visit: Posted, device: Name, proof: Proven) -> Response:
    """Register another device of whoever is signed in."""
    with db.writing() as session:
        person = visit.fresh(session)
        taken = passkeys.take(session, proof.ceremony, "enroll", visit.binder)
        passkeys.enroll(session, site(), taken, person, answer=proof.answer, name=plain(device))
    return see("/account")


@router.post("/account/passkeys/{passkey_id}/revocation")
@may("person")
def revoke_passkey(visit: Posted, passkey_id: str) -> Response:
    """End a device that is lost or given away, and the sessions it opened."""
    with db.writing() as session:
        person = visit.fresh(session)
        for each in passkeys.passkeys_of(session, person.id):
            if each.id == passkey_id:
                recovery.check_may_end(session, person.id, each.created_at, each.id)
        passkeys.revoke(session, person, passkey_id)
    return see("/account")


@router.post("/account/sessions/{session_id}/end")
@may("person")
def end_session(visit: Posted, session_id: str) -> Response:
    """Sign out somewhere else."""
    with db.writing() as session:
        sessions.end(session, visit.person(session).id, session_id)
    return see("/account")


@router.post("/organizations/{organization_id}/invitations")
@may("administrator")
def invite(
    visit: Posted,
    organization_id: str,
    role: Annotated[str, Form(max_length=40)],
    is_admin: Annotated[bool, Form()] = False,
) -> Response:
    """Make a link for somebody, shown this once."""
    with db.writing() as session:
        person = visit.fresh(session)
        recovery.check_may_bind(session, person.id)
        invitation, secret = people.invite(
            session, organization_id, person, role=role, is_admin=is_admin
        )
        organization = session.get_one(Organization, organization_id)
    return page(
        visit,
        "invited.html",
        status=201,
        link=link_of(secret),
        invitation=invitation,
        organization=organization,
    )


@router.post("/invitations/{invitation_id}/retraction")
@may("administrator")
def retract_invitation(visit: Posted, invitation_id: str, back: Back = "/account") -> Response:
    """Take an open invitation back."""
    with db.writing() as session:
        people.retract_invitation(session, visit.person(session), invitation_id)
    return see(back)


@router.post("/memberships/{membership_id}/end")
@may("administrator", "person")
def end_membership(visit: Posted, membership_id: str, back: Back = "/account") -> Response:
    """End what somebody is in an organization."""
    with db.writing() as session:
        person = visit.fresh(session)
        recovery.check_may_bind(session, person.id)
        people.end_membership(session, person, membership_id)
    return see(back)


def new_person(session: Session, taken: Ceremony, name: str) -> Person:
    """Make the person a challenge was shown for. Raises CeremonyRefused where they are here."""
    if session.get(Person, taken.person_id) is not None:
        raise CeremonyRefused(_("this page was for somebody else; load it again"))
    person = Person(id=str(taken.person_id), name=plain(name))
    session.add(person)
    session.flush()
    return person


def link_of(secret: str) -> str:
    """Return the address an invitation is opened at."""
    return f"{site().origin}/join/{secret}"


def _kept(act: Any) -> str:
    """Run an act in one transaction; a refusal that is a fact is raised only once it is kept."""
    with db.writing() as session:
        found = act(session)
    if isinstance(found, AppError):
        raise found
    return str(found)


def plain(text: str) -> str:
    """Return a name on one line; `unnamed` where nothing is left of it."""
    return " ".join(text.replace("\x00", " ").split()) or "unnamed"
