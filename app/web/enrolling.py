"""The page on which a performer is enrolled: a name, one portrait, and their word for it."""

from hashlib import sha256
from secrets import token_urlsafe
from typing import BinaryIO

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session
from starlette.datastructures import FormData, UploadFile

from app import db, rates
from app.access import may
from app.config import settings
from app.errors import AppError
from app.identity.api_edge import limited
from app.identity.service import answer_once
from app.identity.uploads import keep, limited_form
from app.language import marked
from app.recovery import service as recovery
from app.registry import resemblance
from app.registry import service as registry
from app.registry.errors import ImageTooLarge
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
from app.web.seats import Seat, acting_seat, principal_of, seat_of

router = APIRouter(prefix="/performer/enroll", include_in_schema=False, route_class=PageRoute)
ONCE_CHARACTERS = 64
NO_PICTURE, NO_WORD = "file-missing", "not-agreed"
# What a person can mend, by the code of what went wrong; the rest is a refusal like any other.
WHY = {
    NO_PICTURE: marked("Choose a picture first."),
    NO_WORD: marked("Nothing is kept of a face without the word of whose face it is."),
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


@router.get("")
@may("desk")
def show_enrollment(visit: Visitor) -> Response:
    """Ask for a name and one portrait, and say what is done with it."""
    with db.reading() as session:
        return _form(visit, seat_of(session, visit, "performer"))


@router.post("", dependencies=[limited("files")])
@may("desk")
async def enroll(request: Request, visit: Visitor) -> Response:
    """Enroll a performer, once for each form that was shown; the picture is kept encrypted.

    Wants a passkey used minutes ago. Who asks is known before the picture is read.
    """
    check_sent_from_here(request)
    seat = await run_in_threadpool(_seat, visit)
    limit_bytes = settings().upload_limit_bytes
    async with limited_form(request, limit_bytes, too_large=ImageTooLarge) as form:
        check_token(visit, form)
        return await run_in_threadpool(_enroll, visit, seat, form)


def _seat(visit: Visit) -> Seat:
    with db.reading() as session:
        recovery.check_may_bind(session, visit.fresh(session).id)
        return acting_seat(session, visit, "performer")


def _enroll(visit: Visit, seat: Seat, form: FormData) -> Response:
    picture, name = form.get("portrait"), text_in(form, "name")
    if not isinstance(picture, UploadFile) or not picture.size:
        return _form(visit, seat, name=name, code=NO_PICTURE)
    if text_in(form, "mine") != "yes":
        return _form(visit, seat, name=name, code=NO_WORD)
    try:
        _enroll_once(visit, name, picture.file, text_in(form, "once")[:ONCE_CHARACTERS])
    except AppError as refusal:
        if refusal.code not in WHY:
            raise
        return _form(visit, seat, name=name, code=refusal.code)
    return see("/performer")


def _enroll_once(visit: Visit, name: str, picture: BinaryIO, once: str) -> None:
    """Read the picture in the sandbox, search for its face, then enroll; as the API does."""
    with private_directory() as directory:
        path = directory / "portrait"
        digest = keep(picture, path, settings().upload_limit_bytes, too_large=ImageTooLarge)
        with db.reading() as session:
            organization_id = acting_seat(session, visit, "performer").organization.id
        rates.take_enrollment(organization_id)
        seen = registry.inspect_portrait(path)
        searched = resemblance.look_for(seen.template, organization_id)

        def enroll(session: Session) -> tuple[int, str]:
            performer = registry.enroll(
                session,
                organization_id=organization_id,
                name=name,
                portrait=path,
                inspected=seen,
            )
            resemblance.hold(session, performer, searched)
            return 201, performer.id

        with db.writing() as session:
            seat = acting_seat(session, visit, "performer")  # it may have ended meanwhile
            answer_once(
                session.connection(),
                principal_of(session, seat),
                f"a page's form: {once}",
                sha256(digest + name.encode()).hexdigest(),
                lambda: enroll(session),
            )


def _form(visit: Visit, seat: Seat, *, name: str = "", code: str = "") -> Response:
    return page(
        visit,
        "performer_enroll.html",
        status=422 if code else 200,
        here="/performer",
        seat=seat,
        name=name or seat.person.name,
        problem=WHY.get(code, ""),
        once=token_urlsafe(16),
    )
