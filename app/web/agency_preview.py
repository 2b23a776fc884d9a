"""An agent whom the contract asks looks at a finished film, and lets it go or stops it."""

from fastapi import APIRouter, Response

from app import clock, db
from app.access import may
from app.gateway import previews
from app.gateway.api_files import Wanted
from app.identity.models import Organization
from app.licensing.document import contract as documents
from app.licensing.words.plain_words import WORDS
from app.registry.models import Performer
from app.web.pages import PageRoute, Posted, Visitor, page, see
from app.web.performer_preview import Reason, Seen, Word, agents_role, answered, play
from app.web.seats import seat_of

router = APIRouter(prefix="/agency/previews", include_in_schema=False, route_class=PageRoute)


@router.get("/{preview_id}")
@may("bureau")
def show_preview(visit: Visitor, preview_id: str) -> Response:
    """Show a film that waits for a look, and ask the agent, where they may answer."""
    with db.reading() as session:
        seat = seat_of(session, visit, "agency")
        look = previews.preview_of(session, seat.organization.id, preview_id)
        return page(
            visit,
            "agency_preview.html",
            here="/agency",
            seat=seat,
            look=look,
            waits=look.state(clock.now()) == "waiting",
            role=agents_role(look, seat.organization.id),
            performer=session.get_one(Performer, look.contract.performer_id).name,
            asked_by=session.get_one(Organization, look.contract.licensee_id).name,
            words=WORDS,
            tz=documents.recorded(look.contract.document.encode()).grant.term.tz,
        )


@router.get("/{preview_id}/film")
@may("bureau")
def play_to_agent(visit: Visitor, preview_id: str, wanted: Wanted = "") -> Response:
    """Play it to the agent who may answer; that it was opened whole is on record."""
    return play(visit, "agency", preview_id, wanted)


@router.post("/{preview_id}")
@may("bureau")
def answer_as_agent(
    visit: Posted,
    preview_id: str,
    answer: Word,
    reason: Reason = "",
    seen: Seen = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Answer in the performer's place, as the contract has it; through the service of the API."""
    answered(visit, "agency", preview_id, answer=answer, reason=reason, seen=seen)
    return see(f"/agency/previews/{preview_id}")
