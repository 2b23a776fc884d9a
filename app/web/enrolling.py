"""The page on which a performer is enrolled: a name, one portrait, and somebody's word for it.

A performer enrolls themselves; a guardian a child, with the date of birth; an estate whom it stands
for, with the day of the death. Either day is on record from the first instant, so that nobody signs
as that performer: a mandate that the operator files lets one sign in their place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from secrets import token_urlsafe
from typing import Annotated, BinaryIO

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session
from starlette.datastructures import FormData, UploadFile

from app import clock, db, rates
from app.access import may
from app.config import settings
from app.errors import AppError
from app.identity.api_edge import limited
from app.identity.errors import NotAllowed
from app.identity.service import answer_once
from app.identity.uploads import keep, limited_form
from app.language import _, marked
from app.recovery import service as recovery
from app.registry import lives, resemblance
from app.registry import service as registry
from app.registry.errors import ImageTooLarge
from app.registry.models import Performer
from app.sandbox import private_directory
from app.web.pages import (
    PageRoute,
    Visit,
    Visitor,
    check_sent_from_here,
    check_token,
    page,
    see,
    text_in,
)
from app.web.seats import Seat, acting_seat, principal_of, seat_of, seats_of

router = APIRouter(prefix="/performer/enroll", include_in_schema=False, route_class=PageRoute)
ONCE_CHARACTERS = 64
NO_PICTURE, NO_WORD, NO_DAY, OF_AGE = "file-missing", "not-agreed", "no-day", "of-age"
# What a person can mend, by the code of what went wrong; the rest is a refusal like any other.
WHY = {
    NO_PICTURE: marked("Choose a picture first."),
    NO_WORD: marked("Nothing is kept of a face without the word of whose face it is."),
    NO_DAY: marked("Say which day it was."),
    OF_AGE: marked("Whoever is of age registers themselves, with a passkey of their own."),
    "birth-refused": marked("That day of birth cannot be. Look at it again."),
    "death-refused": marked("That day lies in the future. Look at it again."),
    "no-face-found": marked(
        "No face was found. Take a picture from the front, in even light, close enough that the "
        "face fills a good part of it."
    ),
    "several-faces-found": marked("More than one face is in it. Be alone in the picture."),
    "performer-name-refused": marked("The name is empty, or too long."),
    "image-empty": marked("The file is empty."),
    "image-not-supported": marked("Send a picture as JPEG, PNG or WebP."),
    "image-too-large": marked("The picture is too large."),
    "image-animated": marked("The picture moves. Send one that stands still."),
    "image-damaged": marked("The picture is damaged and cannot be read."),
}

# Who enrolls, by what they are in the house: with a day to be known, and how it is put down.
Day = Callable[[Session, Performer, date], object]
ENROLLS: dict[str, Day | None] = {
    "performer": None,
    "guardian": lives.record_birth,
    "estate": lives.record_death,
}


@dataclass(frozen=True)
class Said:
    """What the form says, beside the picture."""

    name: str
    house: str
    day: date | None
    agreed: bool
    once: str


@router.get("")
@may("desk")
def show_enrollment(visit: Visitor, house: Annotated[str, Query(max_length=40)] = "") -> Response:
    """Ask for a name and one portrait, and say what is done with it."""
    with db.reading() as session:
        theirs = _seats(session, visit)
        seat = next((each for each in theirs if house in ("", each.organization.id)), None)
        return _form(visit, seat or seat_of(session, visit, "performer"), theirs)


@router.post("", dependencies=[limited("files")])
@may("desk")
async def enroll(request: Request, visit: Visitor) -> Response:
    """Enroll a performer, once for each form that was shown; the picture is kept encrypted.

    Wants a passkey used minutes ago. Who asks is known before the picture is read.
    """
    check_sent_from_here(request)
    await run_in_threadpool(_insist_fresh, visit)
    limit_bytes = settings().upload_limit_bytes
    async with limited_form(request, limit_bytes, too_large=ImageTooLarge) as form:
        check_token(visit, form)
        return await run_in_threadpool(_enroll, visit, form)


def _insist_fresh(visit: Visit) -> None:
    with db.reading() as session:
        recovery.check_may_bind(session, visit.fresh(session).id)
        if not _seats(session, visit):
            acting_seat(session, visit, "performer")  # refuses, and says why


def _seats(session: Session, visit: Visit) -> list[Seat]:
    """Return where whoever is signed in may enroll: as themselves first, then for others."""
    theirs = [each for each in seats_of(session, visit) if _role(each) in ENROLLS]
    return sorted(theirs, key=lambda seat: list(ENROLLS).index(_role(seat)))


def _role(seat: Seat) -> str:
    return seat.membership.role if seat.organization.kind == "performer" else ""


def _seat_in(session: Session, visit: Visit, house: str) -> Seat:
    """Return where somebody enrolls; raises NotAllowed where they do not."""
    for seat in _seats(session, visit):
        if house in ("", seat.organization.id):
            return seat
    raise NotAllowed(_("you register nobody in that house; load the page again, and choose one"))


def _enroll(visit: Visit, form: FormData) -> Response:
    picture = form.get("portrait")
    said = Said(
        name=text_in(form, "name"),
        house=text_in(form, "house"),
        day=_day(text_in(form, "day")),
        agreed=text_in(form, "mine") == "yes",
        once=text_in(form, "once")[:ONCE_CHARACTERS],
    )
    with db.reading() as session:
        theirs, seat = _seats(session, visit), _seat_in(session, visit, said.house)
    code = _lacks(seat, said)
    if not isinstance(picture, UploadFile) or not picture.size:
        return _form(visit, seat, theirs, said=said, code=NO_PICTURE)
    try:
        if not code:
            _enroll_once(visit, said, picture.file)
    except AppError as refusal:
        if refusal.code not in WHY:
            raise
        code = refusal.code
    return _form(visit, seat, theirs, said=said, code=code) if code else see("/performer")


def _lacks(seat: Seat, said: Said) -> str:
    """Return the code of what a form lacks, beside the picture; "" for nothing."""
    if not said.agreed:
        return NO_WORD
    if ENROLLS[_role(seat)] is not None and said.day is None:
        return NO_DAY
    grown = said.day is not None and lives.of_age_on(said.day) <= clock.now().date()
    return OF_AGE if _role(seat) == "guardian" and grown else ""


def _enroll_once(visit: Visit, said: Said, picture: BinaryIO) -> None:
    """Read the picture in the sandbox, search for its face, then enroll; as the API does."""
    with private_directory() as directory:
        path = directory / "portrait"
        digest = keep(picture, path, settings().upload_limit_bytes, too_large=ImageTooLarge)
        with db.reading() as session:
            organization_id = _seat_in(session, visit, said.house).organization.id
        rates.take_enrollment(organization_id)
        seen = registry.inspect_portrait(path)
        searched = resemblance.look_for(seen.template, organization_id)

        def enroll(session: Session, put_down: Day | None) -> tuple[int, str]:
            performer = registry.enroll(
                session,
                organization_id=organization_id,
                name=said.name,
                portrait=path,
                inspected=seen,
            )
            if put_down is not None and said.day is not None:
                put_down(session, performer, said.day)
            resemblance.hold(session, performer, searched)
            return 201, performer.id

        with db.writing() as session:
            seat = _seat_in(session, visit, organization_id)  # it may have ended meanwhile
            answer_once(
                session.connection(),
                principal_of(session, seat),
                f"a page's form: {said.once}",
                sha256(digest + f"{said.name}{said.day or ''}".encode()).hexdigest(),
                lambda: enroll(session, ENROLLS[_role(seat)]),
            )


def _form(
    visit: Visit, seat: Seat, theirs: list[Seat], *, said: Said | None = None, code: str = ""
) -> Response:
    role = _role(seat) if _role(seat) in ENROLLS else ""
    themselves = seat.person.name if role == "performer" else ""
    return page(
        visit,
        "performer_enroll.html",
        status=422 if code else 200,
        here="/performer",
        seat=seat,
        role=role,
        others=[each for each in theirs if each.organization.id != seat.organization.id],
        name=said.name if said else themselves,
        day=said.day if said else None,
        problem=WHY.get(code, ""),
        once=token_urlsafe(16),
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
