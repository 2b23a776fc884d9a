"""The page an agency's invitation opens: is this you, and do you agree? Yes or no, once."""

from collections.abc import Callable

from fastapi import APIRouter, Response
from sqlmodel import Session

from app import db, sandbox
from app.access import may
from app.identity import passkeys, sessions
from app.identity.api_edge import limited
from app.identity.models import Organization
from app.identity.models_people import Person
from app.ids import new_id
from app.recovery import service as recovery
from app.registry import resemblance
from app.registry import service as registry
from app.registry.imports import confirming, service
from app.web.pages import (
    HEADERS,
    PageRoute,
    Posted,
    Visit,
    Visitor,
    end_present,
    page,
    see,
    site,
)
from app.web.people import Name, Proven, new_person, plain

router = APIRouter(
    prefix="/enrollments/{secret}", include_in_schema=False, route_class=PageRoute,
    dependencies=[limited("lookups")],
)  # fmt: skip


@router.get("")
@may("link")
def show_enrollment(visit: Visitor, secret: str) -> Response:
    """Show who asks, for which name, by which photo, and what a yes and a no mean."""
    with db.writing() as session:
        entry = service.entry_behind(session, secret)
        agency = session.get_one(Organization, entry.organization_id)
        person = visit.known(session)
        ceremony = passkeys.begin(session, "enroll", visit.binder, person_id=new_id("psn"))
    options = passkeys.enrollment_options(site(), ceremony, name=entry.name)
    return page(
        visit,
        "enrollment.html",
        secret=secret,
        entry=entry,
        agency=agency,
        person=person,
        ceremony=ceremony.id,
        options=options,
    )


@router.get("/photo")
@may("link")
def show_photo(secret: str) -> Response:
    """Give the photo that a yes would register, to whoever holds the link."""
    with sandbox.private_directory() as directory, db.writing() as session:
        entry = service.entry_behind(session, secret)
        confirming.open_photo(session, entry, directory / "portrait")
        content, media_type = (directory / "portrait").read_bytes(), entry.media_type
    return Response(content, headers=HEADERS | {"Cache-Control": "no-store"}, media_type=media_type)


@router.post("", dependencies=[limited("files")])
@may("link")
def confirm(visit: Posted, secret: str, name: Name, device: Name, proof: Proven) -> Response:
    """Say yes with a new passkey: make the person, a desk of their own, and their replica."""

    def join(session: Session) -> tuple[Person, str]:
        taken = passkeys.take(session, proof.ceremony, "enroll", visit.binder)
        person = new_person(session, taken, name)
        passkey = passkeys.enroll(
            session, site(), taken, person, answer=proof.answer, name=plain(device)
        )
        end_present(session, visit)
        return person, sessions.sign_in(session, passkey, browser=visit.browser)[1]

    return see("/performer", secret=_confirmed(visit, secret, join))


@router.post("/accept", dependencies=[limited("files")])
@may("link")
def accept(visit: Posted, secret: str) -> Response:
    """Say yes as whoever is signed in, with a passkey used minutes ago; the secret changes."""

    def join(session: Session) -> tuple[Person, str]:
        held, person = visit.session(session), visit.fresh(session)
        recovery.check_may_bind(session, person.id)
        return person, sessions.rotate(session, held)

    return see("/performer", secret=_confirmed(visit, secret, join))


@router.post("/refusal")
@may("link")
def refuse(visit: Posted, secret: str) -> Response:
    """Say no: the photo opens no more from this commit on, and nobody is registered."""
    with db.writing() as session:
        confirming.refuse(session, service.entry_behind(session, secret, lock=True))
    return page(visit, "enrollment_refused.html")


def _confirmed(visit: Visit, secret: str, join: Callable[[Session], tuple[Person, str]]) -> str:
    """Register whoever said yes; return the secret of their session.

    A member of the agency who is signed in makes no new person to say yes as.
    """
    with sandbox.private_directory() as directory:
        path = directory / "portrait"
        # 1. The photo is taken out, looked at anew, and searched for, before anything is decided.
        with db.writing() as session:
            entry = service.entry_behind(session, secret)
            confirming.open_photo(session, entry, path)
            entry_id = entry.id
        inspected = registry.inspect_portrait(path)
        searched = resemblance.look_for(inspected.template, entry_id)
        # 2. Person, desk, replica and the end of the row stand or fall together.
        with db.writing() as session:
            entry = service.entry_behind(session, secret, lock=True)
            if visit.secret:
                confirming.check_not_of_agency(session, entry, visit.guest(session)[0])
            person, opened = join(session)
            confirming.confirm(
                session, entry, person, portrait=path, inspected=inspected, searched=searched
            )
    return opened
