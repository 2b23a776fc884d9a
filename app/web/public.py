"""Pages for anybody, without an account: the front door, a file to verify, the log, what stands."""

import json
import re
from datetime import timedelta
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Query, Request, Response
from joserfc.util import urlsafe_b64decode
from sqlmodel import Session
from starlette.routing import Match
from starlette.types import Scope

from app import clock, db, language
from app.access import may
from app.audit import desk
from app.audit import service as audit
from app.audit.evenly import evenly
from app.config import settings
from app.errors import AppError
from app.identity import people
from app.identity.api_edge import limited
from app.identity.errors import FileMissing
from app.identity.uploads import file_of, limited_form
from app.language import _, marked, number
from app.licensing.decisions import rulebook
from app.licensing.document.disclosure import STRANGER, Viewer
from app.licensing.status import consent_status
from app.transparency import note, service
from app.transparency.errors import CheckpointNotFound
from app.web import evidence, learning, marked_film
from app.web.pages import (
    HERE,
    WITH_STILL,
    PageRoute,
    Visit,
    Visitor,
    check_sent_from_here,
    page,
)

router = APIRouter(include_in_schema=False, route_class=PageRoute)
PICTURES = frozenset(("girl.webp", *learning.PICTURES))
NEWEST = 25
LATE = timedelta(minutes=10)  # a log that was not signed for so long, with leaves waiting, is late
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}", re.ASCII)
HAPPENED = {
    "contract-executed": marked("A contract was signed by both sides"),
    "contract-amended": marked("A contract got a new version"),
    "contract-suspended": marked("A contract was put on hold"),
    "contract-resumed": marked("A contract was taken up again"),
    "consent-withdrawn": marked("A performer withdrew consent"),
    "strike-switched": marked("A union switched a strike on or off"),
    "disclosure-granted": marked("Somebody was allowed to see more of a work"),
    "disclosure-revoked": marked("Somebody may see less of a work again"),
    "case-opened": marked("Somebody said that a work or a file is wrong"),
    "case-closed": marked("A case about a work or a file came to its end"),
    "mandate-granted": marked("Somebody was allowed to act for a performer"),
    "mandate-revoked": marked("Somebody may act for a performer no more"),
    "death-recorded": marked("A performer's death was put on record"),
    "death-taken-back": marked("A death that was recorded in error was taken back"),
    "twofold-agreed": marked("Two people agreed to what takes two"),
    "twofold-refused": marked("What two people had agreed to was refused before it was done"),
    "decision": marked("The rules decided about one use"),
    "output-released": marked("A finished work was handed out"),
    "journal-entry": marked("Money was booked"),
    "period-closed": marked("A period of the books was closed"),
    "key-rotated": marked("A key was replaced"),
    "policy-published": marked("A set of rules came into force"),
    "audit-segment": marked("Openings of the vault and the operator's acts were chained"),
    "database-anchored": marked("The records were sealed"),
}
STANDS = {
    "good": ("yes", marked("This consent stands.")),
    "suspended": ("wait", marked("This consent is on hold: nothing new may be made.")),
    "withdrawn": ("no", marked("This consent was withdrawn.")),
    "expired": ("no", marked("This consent has run out.")),
    "unknown": ("no", marked("The records about this consent do not hold. Do not rely on it.")),
}


class ForPeople(PageRoute):
    """A page at an address that programs ask too: only browsers, which say so, are shown it."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Let everybody pass to the API's own route who does not ask for HTML."""
        if scope["type"] == "http" and b"text/html" not in dict(scope["headers"]).get(
            b"accept", b""
        ):
            return Match.NONE, {}
        return super().matches(scope)


people_only = APIRouter(include_in_schema=False, route_class=ForPeople)


@router.get("/")
@may("anyone", at_any_time=True)
def show_front(visit: Visitor) -> Response:
    """Say in a minute what this is, and send everybody on their way."""
    return page(visit, "front.html", here="/")


@router.get("/static/{name}.webp")
@may("anyone", at_any_time=True)
def show_picture(name: str) -> Response:
    """Give a picture that a page is decorated with."""
    if f"{name}.webp" not in PICTURES:
        return Response(status_code=404)
    headers = {"Cache-Control": "public, max-age=86400"}
    content = (HERE / "static" / f"{name}.webp").read_bytes()
    return Response(content, media_type="image/webp", headers=headers)


@router.get("/verify")
@may("anyone")
def show_verify(visit: Visitor) -> Response:
    """Ask for a file."""
    return page(visit, "verify.html", here="/verify", limit=_size(settings().verify_limit_bytes))


@router.post("/verify", dependencies=[limited("files")])
@may("anyone")
async def verify_file(request: Request, visit: Visitor) -> Response:
    """Say what a file is; the service, limits and rates are those of the API. Nothing is kept.

    It changes nothing, so it wants no cookie: a form of ours is known by where it was sent from.
    """
    check_sent_from_here(request)
    language.read_by(language.NOBODYS)  # a verdict is passed on: it has one clock for everybody
    async with limited_form(request, settings().verify_limit_bytes) as form:
        upload = file_of(form, "file")
        if not upload.filename and not upload.size:
            raise FileMissing(_("you have not chosen a file; go back and choose one"))
        name = (upload.filename or "").replace("\x00", "")[:120]
        found = await evenly(lambda: _look(upload.file, visit))
    answer = page(
        visit,
        "verdict.html",
        here="/verify",
        file_name=name,
        found=found,
        headline=evidence.HEADLINES[found.verdict],
        about_license=evidence.about_license(found.findings["license"]),
        tone=evidence.TONES[found.verdict],
        wrong=_about(found.findings),
        layers=evidence.layers(found.findings),
        strip=marked_film.strip(found.findings["timeline"]),
    )
    if found.findings["released_original"]:
        answer.headers.update(WITH_STILL)
    return answer


def _about(findings: dict[str, Any]) -> str:
    """Return what a case about this file would be about, as the query of its form."""
    manifest = findings["manifest"]
    return f"output={manifest['generation_id']}" if manifest else f"file={findings['sha256']}"


def _look(file: BinaryIO, visit: Visit) -> audit.Verdict:
    with db.reading() as session:
        viewer = _viewer(session, visit)
    return desk.look_at_upload(file, viewer=viewer)


def _viewer(session: Session, visit: Visit) -> Viewer:
    """Say who looks: whoever is signed in sees what the contracts of their houses show them."""
    person = visit.known(session)
    if person is None:
        return STRANGER
    houses = people.memberships_of(session, person.id)
    return Viewer(frozenset(organization.id for _, organization in houses))


@people_only.get("/log", dependencies=[limited("lookups")])
@may("anyone", at_any_time=True)
def show_log(
    visit: Visitor,
    about: Annotated[str, Query(max_length=200)] = "",
    before: Annotated[int | None, Query(ge=1, le=(1 << 62))] = None,
) -> Response:
    """Show where the log stands, what came in last, and what it holds about one id."""
    language.read_by(language.NOBODYS)  # the record has one clock, whoever reads it
    about = about.strip()
    with db.reading() as session:
        shown = _log_shown(session, before)
        known = bool(_ID.fullmatch(about))
        shown["leaves"] = service.leaves_of(session, about)[:200] if known else []
    return page(visit, "log.html", here="/log", about=about, happened=HAPPENED, **shown)


def _log_shown(session: Session, before: int | None) -> dict[str, Any]:
    try:
        newest = service.checkpoint_at(session)
    except CheckpointNotFound:
        return {"checkpoint": None, "witnesses": {}, "origin": "", "newest": [], "more": None}
    last = newest.size if before is None else min(before, newest.size)
    rows = service.newest_leaves(session, before=last, limit=NEWEST)
    return {
        "checkpoint": newest,
        "witnesses": service.witnesses_of(newest),
        "origin": note.parse_checkpoint(note.parse_note(newest.note.encode()).text).origin,
        "newest": rows,
        "more": rows[-1][1].leaf_index if rows and rows[-1][1].leaf_index > 0 else None,
    }


@router.get("/status", dependencies=[limited("lookups")])
@may("anyone")
def show_status(visit: Visitor, about: Annotated[str, Query(max_length=200)] = "") -> Response:
    """Say whether this installation can work, and whether one consent or one output stands."""
    about = about.strip()
    shown: dict[str, Any] = {"about": about, "tone": None, "said": "", "then": None}
    with db.reading() as session:
        standing = list(parts(session))
        if about:
            shown |= _standing(session, about)
    return page(visit, "status.html", here="/status", parts=standing, **shown)


def _standing(session: Session, about: str) -> dict[str, Any]:
    """Answer for a contract's id or an output's, as the public routes do."""
    try:
        if about.startswith("con_"):
            signed = consent_status.status_of(session, about, clock.now())
            payload = json.loads(urlsafe_b64decode(signed.text.split(".")[1].encode()))
            tone, said = STANDS[payload["status"]]
            return {"tone": tone, "said": said}
        state = audit.license_of(session, about)
    except AppError:
        return {
            "tone": "none",
            "said": _("Nothing public is known under this id. Check that it is whole."),
        }
    now = state["now"] == "licensed"
    return {
        "tone": "yes" if now else "no",
        "said": _("This work is licensed today.") if now else _("This work is not licensed today."),
        "then": state["when_made"],
    }


def parts(session: Session) -> Any:
    """Yield what must work for anything to work: (tone, what, in which state)."""
    digest = rulebook.today().digest
    yield (
        "yes",
        _("The rules"),
        _("%(num)s in force, set %(digest)s", num=len(rulebook.today().rules), digest=digest[:12]),
    )
    try:  # which says, too, that the records can be read
        newest = service.checkpoint_at(session)
    except CheckpointNotFound:
        yield "wait", _("The public log"), _("nothing has been logged yet")
        return
    waiting = service.waits_since(session)
    late = waiting is not None and clock.now() - waiting > LATE
    yield (
        "no" if late else "yes",
        _("The public log"),
        _("%(num)s entries", num=number(newest.size))
        + (
            _(", but what came since waits too long for its signature")
            if late
            else _(", all signed")
        ),
    )
    seen = service.witnesses_of(newest)
    yield (
        "yes" if seen else "wait",
        _("Witnesses of the log"),
        ", ".join(seen) if seen else _("none: only this installation vouches for its log"),
    )


def _size(size_bytes: int) -> str:
    return f"{size_bytes >> 20} MB" if size_bytes >= 1 << 20 else f"{size_bytes >> 10} kB"
