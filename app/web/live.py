"""The page of a live check: a still of each pose, taken by the device itself; and how it ended."""

import hmac
from datetime import datetime
from typing import Protocol

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session
from starlette.datastructures import FormData

from app import clock, db
from app.identity.errors import FormRefused
from app.language import _, marked
from app.registry import live
from app.registry.api_live import kept_stills, stills_form
from app.registry.models_live import LiveCheck
from app.registry.poses import Still
from app.web.pages import Visit, check_sent_from_here, page, see

SAY = {
    "straight": marked("Look straight into the camera."),
    "left": marked("Turn your head a little to your own left."),
    "right": marked("Turn your head a little to your own right."),
    "up": marked("Raise your chin a little."),
    "closer": marked("Come closer."),
}
WHY = {
    "no-face": marked("no face was found"),
    "several-faces": marked("more than one face is in it"),
    "another-face": marked("it does not resemble your portrait enough"),
    "seen-before": marked("it was sent before"),
    "incomplete": marked("stills are missing"),
}


def _why(code: str) -> str:
    """Say what was wrong with a still."""
    if code in WHY:
        return _(WHY[code])
    return _("this pose was not seen: %(pose)s", pose=_(SAY[code.removeprefix("pose-")]))


class Answering(Protocol):
    """Whose check it is, and how its end is put down."""

    def check(self, session: Session) -> LiveCheck:
        """Return the check, to who may answer it."""

    def keep(self, session: Session, seen: list[Still], sha256s: list[bytes], at: datetime) -> None:
        """Put down how it ended."""


def show_live_check(visit: Visit, check: LiveCheck, back: str) -> Response:
    """Ask for a still of each pose while a check is open, or say how it ended."""
    reasons = [each.split(" ", 1) for each in check.reasons]
    return page(
        visit,
        "live_check.html",
        here="/performer/identity",
        check=check,
        is_open=live.is_open(check, clock.now()),
        asked=[(number, SAY[pose]) for number, pose in enumerate(check.poses, 1)],
        against=[(number, _why(code)) for number, code in reasons],
        back=back,
        to=f"{back}/checks/{check.id}",
    )


async def answer_live_check(
    request: Request, visit: Visit, by: Answering, shown_at: str
) -> Response:
    """Take the stills of a form of ours, compare and throw them away; show how it ended.

    Who asks is known before the stills are read. Raises FormRefused, and what the check raises.
    """
    at = clock.now()
    check_sent_from_here(request)
    is_open = await run_in_threadpool(_is_open, by, at)
    async with stills_form(request) as form:
        token = form.get("form_token")
        if not isinstance(token, str) or not hmac.compare_digest(
            token.encode(), visit.form_token.encode()
        ):
            raise FormRefused(_("this page is out of date: load it again, and send it once more"))
        await run_in_threadpool(_answer, by, form, at, is_open=is_open)
    return see(shown_at)


def _is_open(by: Answering, at: datetime) -> bool:
    with db.reading() as session:
        return live.is_open(by.check(session), at)


def _answer(by: Answering, form: FormData, at: datetime, *, is_open: bool) -> None:
    with kept_stills(form) as stills:
        seen = live.look(stills.paths) if is_open else []
        with db.writing() as session:
            by.keep(session, seen, stills.sha256s, at)
