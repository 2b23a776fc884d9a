"""One film of a production: how far it is, as it comes; to look at, to download, and to clear."""

from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from sqlmodel import Session

from app import db, language
from app.access import may
from app.audit import records
from app.audit.bundle.api import sent_pack
from app.audit.clearance import packing
from app.gateway import events, handing_out, progress, takes
from app.gateway import service as gateway
from app.gateway.api_events import streamed
from app.gateway.api_files import Wanted, play_output
from app.gateway.errors import OutputNotReleased
from app.gateway.models import FINAL, Generation
from app.identity.errors import NotAllowed, NotSignedIn
from app.language import _, marked
from app.ledger import earnings
from app.licensing.decisions import service as decisions
from app.licensing.decisions.models import Decision
from app.licensing.words.plain_words import WORDS
from app.web import clauses
from app.web.pages import HERE, LISTENING, PageRoute, Visit, Visitor, page, templates
from app.web.seats import acting_seat, seat_of

router = APIRouter(include_in_schema=False, route_class=PageRoute)
STEPS = (
    (marked("Permitted, and the money set aside"), ("held",)),
    (marked("Made by the generator"), ("submitting", "rendering")),
    (marked("Looked at: faces, sound, length"), ("rendered",)),
    (marked("Marked, so that it is found again"), ("inspected",)),
    (marked("Signed, so that a change shows"), ("marked",)),
    (
        marked("Asked once more: does the consent still stand?"),
        ("signed", "awaiting-preview", "previewed"),
    ),
    (marked("Released"), ()),
)
STATES = tuple(events.WAITS_FOR)
PAID = "licensee:receivable"  # the account of the journal that says what a licensee owes


class Seen(BaseModel):
    """How far a film is, as the script puts it on the page: one text for page and stream."""

    state: str
    progress_percent: int | None
    html: str
    over: bool


@router.get("/static/progress.js")
@may("anyone", at_any_time=True)
def show_script() -> Response:
    """Give the script that follows a film: without it the page loads itself again."""
    text = (HERE / "static" / "progress.js").read_text("utf-8")
    return Response(text, media_type="text/javascript", headers={"Cache-Control": "max-age=3600"})


@router.get("/production/films/{generation_id}")
@may("office")
def show_film(visit: Visitor, generation_id: str) -> Response:
    """Show one film: how far it is, what it waits for and who can move it on; then the file."""
    with db.reading() as session:
        seat = seat_of(session, visit, "production")
        found = gateway.generation_of(session, seat.organization.id, generation_id)
        permit = session.get_one(Decision, found.decision_id)
        answer = page(
            visit,
            "production_film.html",
            here="/production/films",
            seat=seat,
            generation=found,
            use=decisions.use_of(permit),
            words=WORDS,
            now=_seen(found),
            states=STATES,
            not_shown=_not_shown(session, found),
            paid=earnings.by_output(session, PAID, [found.id]).get(found.id, []),
            contracts=[
                (each, clauses.allowed(clauses.said_by(session, each)))
                for each in gateway.contracts_of(session, found.id)
            ],
            logged=records.log_inclusion(session, found.id)["state"] == "logged",
        )
    answer.headers.update(LISTENING)
    return answer


@router.get("/production/films/{generation_id}/events")
@may("office")
def follow_film(
    visit: Visitor,
    generation_id: str,
    last_event_id: Annotated[str, Header(max_length=40)] = "",
) -> StreamingResponse:
    """Tell how far a film is, as it comes, in the reader's language; ends after a minute."""
    with db.reading() as session:
        house = seat_of(session, visit, "production").organization.id
        gateway.generation_of(session, house, generation_id)
    reader, clock = language.reads(), language.zone()

    def look() -> Seen | None:
        with language.reading_in(reader, clock):
            return _look(visit, generation_id)

    return streamed(house, look, known=last_event_id)


@router.get("/production/films/{generation_id}/play")
@may("office")
def play_film(visit: Visitor, generation_id: str, wanted: Wanted = "") -> Response:
    """Play a released file at its page; each span a player asks for is checked afresh."""
    with db.reading() as session:
        seat = acting_seat(session, visit, "production")
        found = gateway.generation_of(session, seat.organization.id, generation_id)
        handing_out.check_handing_out(session, found)
    return play_output(found, wanted)


@router.get("/production/films/{generation_id}/clearance")
@may("office")
def download_clearance(visit: Visitor, generation_id: str) -> StreamingResponse:
    """Send what a distributor and an insurer ask, safe to pass on."""
    with db.reading() as session:
        seat = acting_seat(session, visit, "production")
        found = gateway.generation_of(session, seat.organization.id, generation_id)
        return sent_pack(packing.make(session, found.id), found.id)


def _look(visit: Visit, generation_id: str) -> Seen | None:
    """Say how far it is now; None once whoever asked is signed out, or left the house."""
    with db.reading() as session:
        try:
            seat = seat_of(session, visit, "production")
            return _seen(gateway.generation_of(session, seat.organization.id, generation_id))
        except (NotSignedIn, NotAllowed):
            return None


def _seen(generation: Generation) -> Seen:
    state = generation.state
    at = next((n for n, (_words, states) in enumerate(STEPS) if state in states), len(STEPS) - 1)
    percent = progress.of(generation)
    html = (
        templates()
        .get_template("_progress.html")
        .render(
            state=state,
            steps=[
                (
                    _(words),
                    "done" if n < at or state == "released" else "now" if n == at else "next",
                )
                for n, (words, _states) in enumerate(STEPS)
            ],
            percent=percent,
            ended=state in FINAL,
            reason=generation.reason,
            waits_for=_(events.WAITS_FOR[state]),
        )
    )
    return Seen(state=state, progress_percent=percent, html=html, over=state in FINAL)


def _not_shown(session: Session, generation: Generation) -> str:
    """Say why a released file is not handed out now; empty where it is, or is not released yet."""
    if generation.state != "released":
        return ""
    if generation.taken_down_at is not None:
        return _(
            "It was taken down on %(at)s: that is the outcome of a case. Nobody is shown it here.",
            at=language.day(generation.taken_down_at),
        )
    if takes.is_gone(generation):
        return _("It was a draft, and its days are over: the file is deleted.")
    try:
        handing_out.check_handing_out(session, generation)
    except OutputNotReleased:
        return _(
            "It is released, and not handed out now: a consent behind it ended or is paused, or "
            "the operator stopped it."
        )
    return ""
