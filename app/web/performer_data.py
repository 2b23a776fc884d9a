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
from app.privacy.errors import ErasureNotFound
from app.recovery import service as recovery
from app.registry import matching
from app.registry.models import Performer
from app.sandbox import private_directory
from app.web.pages import PageRoute, Posted, Visit, Visitor, page, see
from app.web.performer import desk_of
from app.web.seats import acting_seat, principal_of

router = APIRouter(prefix="/performer/data", include_in_schema=False, route_class=PageRoute)
CHUNK_BYTES = 1 << 20
PerformerId = Annotated[str, Form(max_length=40)]


@router.get("")
@may("desk")
def show_data(visit: Visitor) -> Response:
    """Say what is held, how to take it out, and what an erasure would end."""
    with db.reading() as session:
        seat, performers = desk_of(session, visit)
        shown = [_held(session, each) for each in performers]
    return page(
        visit,
        "performer_data.html",
        here="/performer/data",
        seat=seat,
        held=shown,
        many=erasure.MANY,
        stays=erasure.STAYS,
    )


def _held(session: Session, performer: Performer) -> dict[str, Any]:
    try:
        made = erasure.erasure_of(session, performer)
        return {"performer": performer, "erased": made, "found": None}
    except ErasureNotFound:
        found = erasure.foreseen(session, performer)
        searched = bool(matching.allow(session, [performer.id]))
        return {"performer": performer, "erased": None, "found": found, "searched": searched}


@router.post("/export")
@may("desk")
def take_out(visit: Posted, performer_id: PerformerId) -> StreamingResponse:
    """Take out everything held about a performer. Wants a passkey used minutes ago."""
    with private_directory() as directory:
        path = directory / "export.zip"
        with db.writing() as session:
            recovery.check_may_bind(session, visit.fresh(session).id)
            export.export(session, _performer(session, visit, performer_id), path)
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
        performer = _performer(session, visit, performer_id)
        by = principal_of(session, acting_seat(session, visit, "performer"))
        matching.choose(session, performer, allowed=allowed, by=by)
    return see("/performer/data")


@router.post("/erasure")
@may("desk")
def erase(
    visit: Posted, performer_id: PerformerId, confirm: Annotated[str, Form(max_length=40)] = ""
) -> Response:
    """Erase a likeness for ever, with every consent. Wants a passkey used minutes ago."""
    with db.writing() as session:
        performer = _performer(session, visit, performer_id)
        seat = acting_seat(session, visit, "performer")
        recovery.check_may_bind(session, seat.person.id)
        by = principal_of(session, seat)
        erasure.erase(session, performer, by=by, confirmed=confirm.strip())
    with suppress(Outage), db.writing() as session:  # else the worker does it, moments later
        if performer_id in vault.unfinished_erasures(session):
            erasure.finish(session, performer_id)
    return see("/performer/data")


def _performer(session: Session, visit: Visit, performer_id: str) -> Performer:
    visit.fresh(session)
    seat = acting_seat(session, visit, "performer")
    return erasure.desk_of(session, seat.organization.id, performer_id)
