"""Links that sign one in as somebody of the demo: on this machine, and only there."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

import uvicorn
from fastapi import APIRouter, Request, Response
from rich.console import Console
from sqlmodel import Session, col, select

from app import db
from app.config import settings
from app.demo import sandbox
from app.errors import AppError
from app.identity import operators, people, sessions
from app.identity.models import ORGANIZATION_KINDS, Organization
from app.identity.models_people import Membership, Passkey, Person
from app.main import create_app
from app.web.pages import see

HOMES = {
    "performer": "/performer",
    "production": "/production",
    "agency": "/agency",
    "union": "/union",
    "operator": "/operator",
}
AUDITOR, OPERATOR = "An auditor: looks, and does not act", "Who runs this installation"
ALOUD = (
    "Whoever opens one of these links is that person, without a passkey. They work on this machine "
    "alone, and end with this command. Never do this where anything is real."
)


class NotLocal(AppError):
    """Doors that let anybody in are not opened to others."""

    status, code = 500, "not-local"


@dataclass(frozen=True)
class Door:
    """Who one becomes, by which secret, and the page it leads to."""

    name: str
    kind: str
    token: str
    passkey_id: str


def make_doors(session: Session, cast: Sequence[tuple[str, Organization]]) -> list[Door]:
    """Make a person, a member of each of these houses, with a passkey that no device has."""
    made = []
    for name, organization in cast:
        person = _a_person(session, name)
        _, secret = people.invite_first(session, organization)
        people.join(session, people.invitation_of(session, secret, lock=True), person)
        made.append(_door(session, person, organization.kind))
    return made


def make_auditor(session: Session, looked_at: Door) -> Door:
    """Make a person who looks at a house and does not act, invited by whom a door leads to."""
    by = session.get_one(Person, session.get_one(Passkey, looked_at.passkey_id).person_id)
    house = people.memberships_of(session, by.id)[0][1]
    _, secret = people.invite(session, house.id, by, role="auditor")
    person = _a_person(session, AUDITOR)
    people.join(session, people.invitation_of(session, secret, lock=True), person)
    return _door(session, person, house.kind)


def make_operator(session: Session) -> Door:
    """Make the first operator, let in from the machine."""
    person = _a_person(session, OPERATOR)
    _, secret = operators.invite_from_the_machine(session)
    people.join(session, people.invitation_of(session, secret, lock=True), person)
    return _door(session, person, "operator")


def _a_person(session: Session, name: str) -> Person:
    person = Person(name=name)
    session.add(person)
    session.flush()
    return person


def _door(session: Session, person: Person, kind: str) -> Door:
    passkey = Passkey(
        person_id=person.id,
        name="A door of the demo, no device",
        credential_id=secrets.token_urlsafe(32),
        public_key=b"",
        aaguid="",
        backup_eligible=False,
        backed_up=False,
        sign_count=0,
    )
    session.add(passkey)
    session.flush()
    return Door(person.name, kind, secrets.token_urlsafe(24), passkey.id)


def everybody(session: Session) -> list[tuple[str, Organization]]:
    """Name whom one may be: one person for each house that has no member yet."""
    joined = select(Membership.organization_id)
    found = select(Organization).where(
        col(Organization.kind).in_(ORGANIZATION_KINDS), col(Organization.id).not_in(joined)
    )
    return [(house.name, house) for house in session.exec(found.order_by(col(Organization.id)))]


def serve(out: Console) -> None:
    """Serve the installation on this machine, with a door to everybody in it, until interrupted.

    Raises NotLocal where the settings would let others reach it, or name a database elsewhere.
    """
    if settings().database_url:
        raise NotLocal("open doors are for the demo's own database, not for one of a server")
    if not _is_here(settings().host):
        raise NotLocal(f"a demo with open doors is served on 127.0.0.1, not on {settings().host}")
    made, begun = open_all()
    app = create_app()
    app.include_router(router(made))
    out.print(f"\n[bold red]{ALOUD}[/]\n")
    for door in made:
        out.print(f"  {door.name} ({door.kind})\n    {settings().origin}/demo/{door.token}")
    out.print("\nA film of your own, in two houses where nothing is billed (each link once):\n")
    for name, secret in begun:
        out.print(f"  {name}\n    {settings().origin}/join/{secret}")
    out.print(
        f"\nWithout an account, as anybody who checks: {settings().origin}/\nStop with Ctrl-C."
    )
    try:
        uvicorn.run(app, host=settings().host, port=settings().port, log_config=None)
    finally:
        close(made)


def open_all() -> tuple[list[Door], list[tuple[str, str]]]:
    """Make a door for everybody in the demo, an auditor and the operator among them.

    Returns the doors, and for each house of the sandbox its name with the secret of its first link.
    """
    with db.writing() as session:
        made = make_doors(session, everybody(session))
        made += [make_auditor(session, each) for each in made if each.kind == "production"]
        made.append(make_operator(session))
        empty = sandbox.make_houses(session)
        return made, [(house.name, people.invite_first(session, house)[1]) for house in empty]


def close(doors: Sequence[Door]) -> None:
    """End every session that these doors began."""
    with db.writing() as session:
        for door in doors:
            sessions.end_all_by(session, session.get_one(Passkey, door.passkey_id))


def router(doors: Sequence[Door]) -> APIRouter:
    """Return the one route that opens these doors, to callers on this machine."""
    known: Mapping[str, Door] = {door.token: door for door in doors}
    opened = APIRouter(include_in_schema=False)

    @opened.get("/demo/{token}")
    def open_door(request: Request, token: str) -> Response:
        """Sign the browser in as whom the link names."""
        door = known.get(token)
        if door is None or request.client is None or not _is_here(request.client.host):
            return Response(status_code=404)
        with db.writing() as session:
            passkey = session.get_one(Passkey, door.passkey_id)
            browser = request.headers.get("user-agent", "")
            secret = sessions.sign_in(session, passkey, browser=browser)[1]
        return see(HOMES.get(door.kind, "/account"), secret=secret)

    return opened


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
