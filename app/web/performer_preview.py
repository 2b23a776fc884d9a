"""A finished film, looked at by the performer before anybody else: let it go, or stop it."""

from typing import Annotated

from fastapi import APIRouter, Form, Response

from app import db
from app.access import may
from app.gateway import previews
from app.gateway.api_files import Wanted, play_output
from app.language import _
from app.problems import InvalidRequest
from app.recovery import service as recovery
from app.web.pages import PageRoute, Posted, Visitor, see
from app.web.seats import acting_seat, principal_of

router = APIRouter(prefix="/performer/previews", include_in_schema=False, route_class=PageRoute)
Seen = Annotated[list[str], Form(max_length=100)]


@router.get("/{preview_id}/film")
@may("desk")
def play_preview(visit: Visitor, preview_id: str, wanted: Wanted = "") -> Response:
    """Play what is marked and signed and not released; that it was opened whole is on record."""
    with db.writing() as session:
        seat = acting_seat(session, visit, "performer")
        link = previews.issue_link(session, principal_of(session, seat), preview_id)
        generation = previews.preview_of(session, seat.organization.id, preview_id).generation
        link_id = link.id

    def note() -> None:
        with db.writing() as session:
            previews.note_opened(session, link_id)

    return play_output(generation, wanted, once_seen=note)


@router.post("/{preview_id}")
@may("desk")
def answer_preview(
    visit: Posted,
    preview_id: str,
    answer: Annotated[str, Form(pattern="^(approved|rejected)$")],
    reason: Annotated[str, Form(max_length=500)] = "",
    seen: Seen = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Let it go on to its release, or stop it; through the service of the API."""
    with db.writing() as session:
        seat = acting_seat(session, visit, "performer")
        shown = previews.preview_of(session, seat.organization.id, preview_id)
        if not set(seen) <= set(shown.prohibited):
            raise InvalidRequest(_("tick only what the page offers"))
        if answer == "approved":
            recovery.check_may_bind(session, seat.person.id)
        previews.answer_preview(
            session,
            principal_of(session, seat),
            preview_id,
            role="performer",
            let_go=answer == "approved",
            reason=" ".join(reason.replace("\x00", " ").split()),
            content_tags=seen,
        )
        generation_id = shown.generation.id
    return see(f"/performer/work/{generation_id}")
