"""A performer's own data: taken out whole, or erased for ever, consequences first."""

from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Form, Response
from fastapi.responses import StreamingResponse
from sqlmodel import Session

from app import db, vault
from app.access import may
from app.errors import Outage
from app.privacy import erasure, export
from app.privacy.errors import ErasureNotFound, ErasureNotYours
from app.recovery import service as recovery
from app.registry import lives, mandates, matching
from app.registry import service as registry
from app.registry.errors import PerformerUnknown
from app.registry.models import Performer
from app.sandbox import private_directory
from app.web.pages import PageRoute, Posted, Visit, Visitor, page, see
from app.web.seats import Seat, acting_seat, principal_of, seat_of, seats_of

router = APIRouter(prefix="/performer/data", include_in_schema=False, route_class=PageRoute)
CHUNK_BYTES = 1 << 20
PerformerId = Annotated[str, Form(max_length=40)]


@router.get("")
@may("desk")
def show_data(visit: Visitor) -> Response:
    """Say what is held, how to take it out, and what an erasure would end."""
    with db.reading() as session:
        seat = seat_of(session, visit, "performer")
        everybody = registry.performers_in_place(session, seat.organization.id)
        shown = [_held(session, each, seat) for each in everybody if _shows(session, each, seat)]
    return page(
        visit,
        "performer_data.html",
        here="/performer/data",
        seat=seat,
        held=shown,
        many=erasure.MANY,
        stays=erasure.STAYS,
    )


def _shows(session: Session, performer: Performer, seat: Seat) -> bool:
    """Say whether this house is told of a performer here: its own, or one of the dead."""
    own = performer.organization_id == seat.organization.id
    return own or mandates.is_dead(session, performer.id)


def _held(session: Session, performer: Performer, seat: Seat) -> dict[str, Any]:
    """Say what is held of a performer, and whether whoever sits there takes out and erases it."""
    dead = mandates.is_dead(session, performer.id)
    try:
        erasure.held_by(session, seat.organization.id, performer.id)
        acts = seat.membership.role == ("estate" if dead else "performer")
    except (ErasureNotYours, PerformerUnknown):
        return {"performer": performer, "erased": None, "found": None, "theirs": True}
    shown = {"performer": performer, "theirs": False, "acts": acts, "dead": dead}
    try:
        return {**shown, "erased": erasure.erasure_of(session, performer), "found": None}
    except ErasureNotFound:
        found = erasure.foreseen(session, performer)
        searched = bool(matching.allow(session, [performer.id]))
        return {**shown, "erased": None, "found": found, "searched": searched}


@router.post("/export")
@may("desk")
def take_out(visit: Posted, performer_id: PerformerId) -> StreamingResponse:
    """Take out everything held about a performer. Wants a passkey used minutes ago."""
    with private_directory() as directory:
        path = directory / "export.zip"
        with db.writing() as session:
            recovery.check_may_bind(session, visit.fresh(session).id)
            performer = _performer(session, visit, performer_id)[0]
            lives.check_not_disputed(session, performer.id)
            export.export(session, performer, path)
        file = path.open("rb")  # outlives its name: nothing is left when it was sent, or was not
    return StreamingResponse(
        iter(lambda: file.read(CHUNK_BYTES), b""),
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{performer_id}.zip"'},
    )


@router.post("/matching")
@may("desk")
def choose_matching(
    visit: Posted, performer_id: PerformerId, allowed: Annotated[bool, Form()] = False
) -> Response:
    """Allow a search for the face, or end it. Wants a passkey used minutes ago."""
    with db.writing() as session:
        seat = acting_seat(session, visit, "performer")
        visit.fresh(session)
        performer = registry.performer_opened_to(session, seat.organization.id, performer_id)
        by = principal_of(session, seat)
        matching.choose(session, performer, allowed=allowed, by=by)
    return see("/performer/data")


@router.post("/erasure")
@may("desk")
def erase(
    visit: Posted, performer_id: PerformerId, confirm: Annotated[str, Form(max_length=40)] = ""
) -> Response:
    """Erase a likeness for ever, with every consent. Wants a passkey used minutes ago."""
    with db.writing() as session:
        performer, seat = _performer(session, visit, performer_id)
        recovery.check_may_bind(session, seat.person.id)
        by = principal_of(session, seat)
        erasure.erase(session, performer, by=by, confirmed=confirm.strip())
    with suppress(Outage), db.writing() as session:  # else the worker does it, moments later
        if performer_id in vault.unfinished_erasures(session):
            erasure.finish(session, performer_id)
    return see("/performer/data")


def _performer(session: Session, visit: Visit, performer_id: str) -> tuple[Performer, Seat]:
    """Return whose data it is to who acts there: after a death a member with the role `estate`."""
    visit.fresh(session)
    seats = [each for each in seats_of(session, visit) if each.organization.kind == "performer"]
    if mandates.is_dead(session, performer_id):
        for seat in seats:
            if seat.membership.role == "estate":
                return erasure.held_by(session, seat.organization.id, performer_id), seat
    seat = acting_seat(session, visit, "performer")
    return erasure.held_by(session, seat.organization.id, performer_id), seat
