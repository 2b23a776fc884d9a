"""A finished film, looked at by the performer before anybody else: let it go, or stop it.

An agent whom the contract asks does the same at the agency's desk (agency_preview.py).
"""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Form, Response

from app import db
from app.access import may
from app.gateway import previews
from app.gateway.api_files import Wanted, play_output
from app.gateway.errors import PreviewRefused
from app.language import _
from app.problems import InvalidRequest
from app.recovery import service as recovery
from app.web.pages import PageRoute, Posted, Visit, Visitor, see
from app.web.seats import Seat, acting_seat, principal_of

router = APIRouter(prefix="/performer/previews", include_in_schema=False, route_class=PageRoute)
Seen = Annotated[list[str], Form(max_length=100)]
Word = Annotated[str, Form(pattern="^(approved|rejected)$")]
Reason = Annotated[str, Form(max_length=500)]


@router.get("/{preview_id}/film")
@may("desk")
def play_preview(visit: Visitor, preview_id: str, wanted: Wanted = "") -> Response:
    """Play what is marked and signed and not released; that it was opened whole is on record."""
    return play(visit, "performer", preview_id, wanted)


@router.post("/{preview_id}")
@may("desk")
def answer_preview(
    visit: Posted,
    preview_id: str,
    answer: Word,
    reason: Reason = "",
    seen: Seen = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Let it go on to its release, or stop it; through the service of the API."""
    generation_id = answered(
        visit, "performer", preview_id, answer=answer, reason=reason, seen=seen
    )
    return see(f"/performer/work/{generation_id}")


def agents_role(look: previews.Shown, agency_id: str) -> str:
    """Return the role in which an agency may answer, the contract's first; "" for none."""
    return next(iter(look.roles_of(agency_id)), "")


def _answerable(look: previews.Shown, seat: Seat) -> str:
    """Return the role in which somebody answers: at the desk as the performer, as nobody else.

    Raises PreviewRefused at an agency that the contract does not ask: it is shown nothing either.
    """
    if seat.organization.kind == "performer":
        return "performer"
    role = agents_role(look, seat.organization.id)
    if not role:
        raise PreviewRefused(
            _("this contract does not ask your house to look; whoever it names is asked")
        )
    return role


def play(visit: Visit, kind: str, preview_id: str, wanted: str) -> Response:
    """Play a preview to who may answer it, in a house of a kind; opened whole, it is on record."""
    with db.writing() as session:
        seat = acting_seat(session, visit, kind)
        look = previews.preview_of(session, seat.organization.id, preview_id)
        _answerable(look, seat)
        link_id = previews.issue_link(session, principal_of(session, seat), preview_id).id

    def note() -> None:
        with db.writing() as session:
            previews.note_opened(session, link_id)

    return play_output(look.generation, wanted, once_seen=note)


def answered(
    visit: Visit, kind: str, preview_id: str, *, answer: str, reason: str, seen: Sequence[str]
) -> str:
    """Keep an answer; return the generation it is about."""
    with db.writing() as session:
        seat = acting_seat(session, visit, kind)
        look = previews.preview_of(session, seat.organization.id, preview_id)
        role = _answerable(look, seat)
        if not set(seen) <= set(look.prohibited):
            raise InvalidRequest(_("tick only what the page offers"))
        if answer == "approved":
            recovery.check_may_bind(session, seat.person.id)
        previews.answer_preview(
            session,
            principal_of(session, seat),
            preview_id,
            role=role,
            let_go=answer == "approved",
            reason=" ".join(reason.replace("\x00", " ").split()),
            content_tags=seen,
        )
        return look.generation.id
