"""What every page for a person stands on: who visits, in which language, forms, refusals."""

import hmac
import re
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Form, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlmodel import Session
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from app import db, headers, language, rates
from app.config import settings
from app.errors import AppError, TooLarge
from app.identity import recorded, sessions
from app.identity.errors import ClockInDoubt, FormRefused, NotFresh, NotSignedIn, PasskeyNeeded
from app.identity.models_people import Person, PersonSession
from app.identity.passkeys import Site
from app.language import _
from app.problems import InvalidRequest
from app.web import browsers, instants, spoken

HERE = Path(__file__).parent
SESSION_COOKIE = "__Host-understudy"
BROWSER_COOKIE = "__Host-understudy-browser"
STUDIO_COOKIE = "__Host-understudy-studio"
LANGUAGE_COOKIE = "__Host-understudy-language"
ZONE_COOKIE = "__Host-understudy-zone"  # static/zone.js writes it: what the browser's clock goes by
HEADERS = {"Content-Security-Policy": headers.PAGES}  # the rest is what every answer says
# Of a page that follows something as it comes.
LISTENING = {"Content-Security-Policy": f"{headers.PAGES}; connect-src 'self'"}
# Of a page that records a voice, and plays it before it is sent.
RECORDING = {
    "Content-Security-Policy": headers.PAGES.replace("media-src 'self'", "media-src 'self' blob:"),
    "Permissions-Policy": headers.UNLESS_SAID["Permissions-Policy"].replace(
        "microphone=()", "microphone=(self)"
    ),
}
# Of a page that shows a still of ours which has no address of its own.
WITH_STILL = {
    "Content-Security-Policy": headers.PAGES.replace("img-src 'self'", "img-src 'self' data:")
}
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


@dataclass(frozen=True)
class Visit:
    """One request of a browser: its two secrets, what it calls itself, and its clock."""

    secret: str  # of the session; empty where nobody is signed in
    binder: str  # of the browser: challenges are answered where they were shown
    browser: str
    path: str = ""  # where it is, to come back to; empty for a page that answers a form
    zone: str = ""  # by whose clock it reads: the person's choice, else what the browser says

    @property
    def form_token(self) -> str:
        """What every form on the page must send back."""
        return sessions.form_token(self.secret or self.binder)

    def session(self, session: Session) -> PersonSession:
        """Return the session of whoever is signed in here. Raises NotSignedIn."""
        return sessions.session_of(session, self.secret)

    def person(self, session: Session) -> Person:
        """Return who is signed in here with a passkey. Raises NotSignedIn, PasskeyNeeded."""
        held = self.session(session)
        if held.passkey_id is None:
            raise PasskeyNeeded  # who meets it is asked for the passkey
        return session.get_one(Person, held.person_id)

    def known(self, session: Session) -> Person | None:
        """Return who is signed in here with a passkey, if anybody is."""
        if not self.secret or self.session(session).passkey_id is None:
            return None
        return self.person(session)

    def guest(self, session: Session) -> tuple[Person, str | None]:
        """Return who is signed in here, and the one house they are let into, if only into one.

        Raises NotSignedIn.
        """
        held = self.session(session)
        return session.get_one(Person, held.person_id), sessions.house_of(session, held)

    def fresh(self, session: Session) -> Person:
        """Return who is signed in and proved it minutes ago. Raises NotSignedIn, NotFresh."""
        person = self.person(session)
        sessions.insist_fresh(self.session(session))
        return person


def _visit(request: Request) -> Visit:
    """Read the cookies; a session that is over counts as none."""
    secret = held_secret(request)
    binder = request.cookies.get(BROWSER_COOKIE, "")
    person = _behind(secret) if secret else None
    binder = binder if _SECRET.fullmatch(binder) else secrets.token_urlsafe(32)
    return Visit(
        secret if person else "",
        binder,
        request.headers.get("user-agent", ""),
        here(request),
        (person and person.zone) or request.cookies.get(ZONE_COOKIE, ""),
    )


async def _reading(visit: Annotated[Visit, Depends(_visit)]) -> Visit:
    """Let all that is said from here on go by the visitor's clock.

    Not in a thread, as `_visit` is: what is set in one would end with it.
    """
    language.read_by(visit.zone)
    return visit


def held_secret(request: Request) -> str:
    """Return what this browser has of a session, whether or not it opens anything; or nothing."""
    secret = request.cookies.get(SESSION_COOKIE, "")
    return secret if _SECRET.fullmatch(secret) else ""


def here(request: Request) -> str:
    """Return the path of a page that can be asked for again; empty for the answer to a form."""
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{request.url.path}{query}" if request.method == "GET" else ""


def _behind(secret: str) -> Person | None:
    """Return who is signed in under this secret, if anybody is; count what they ask for."""
    with db.reading() as session:
        try:
            held = sessions.session_of(session, secret)
        except NotSignedIn:
            return None
        person = session.get_one(Person, held.person_id)
    rates.take_of_person(held.person_id)
    # An hour that is in doubt is not put down: set right, the clock would stand before it.
    if recorded.doubt() is None and sessions.is_quiet(held):
        with db.writing() as session:
            sessions.note_seen(session, held.id)
    return person


Visitor = Annotated[Visit, Depends(_reading)]


def _posted(request: Request, visit: Visitor, form_token: Annotated[str, Form()] = "") -> Visit:
    """Let a form through that a page of ours sent, from this browser. Raises FormRefused.

    Three independent signs: where the browser says it comes from, and that twice, and a token that
    only whoever was shown the page knows. The cookies are SameSite besides.
    """
    check_sent_from_here(request)
    if not hmac.compare_digest(form_token.encode(), visit.form_token.encode()):
        raise FormRefused(_("this page is out of date: load it again, and send the form once more"))
    return visit


def check_sent_from_here(request: Request) -> None:
    """Do nothing where a browser says twice that a page of ours sent this. Raises FormRefused."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    ours = origin == settings().origin if origin is not None else site == "same-origin"
    if not ours or site not in (None, "same-origin"):
        raise FormRefused(
            _("this form was sent from another place; open the page here and try again")
        )


Posted = Annotated[Visit, Depends(_posted)]


def check_token(visit: Visit, form: FormData) -> None:
    """Do nothing where a form that was read piece by piece has this page's token.

    Raises FormRefused. `Posted` does it for other forms, before anything else.
    """
    if not hmac.compare_digest(text_in(form, "form_token").encode(), visit.form_token.encode()):
        raise FormRefused(_("this page is out of date: load it again, and send it once more"))


def text_in(form: FormData, field: str) -> str:
    """Return a text of a form that was read piece by piece; empty where it is none."""
    said = form.get(field)
    return said.replace("\x00", " ").strip() if isinstance(said, str) else ""


class PageRoute(APIRoute):
    """A route in the reader's language, whose refusals are pages too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        plain = super().get_route_handler()

        async def handler(request: Request) -> Response:
            with language.reading_in(language_of(request)):
                answer = await say(request)
            if answer.media_type is not None and answer.media_type.startswith("text/html"):
                answer.headers["Vary"] = "Accept, Accept-Language, Cookie"
            return answer

        async def say(request: Request) -> Response:
            try:
                return await plain(request)
            except (NotSignedIn, NotFresh) as refusal:
                return see("/sign-in" if isinstance(refusal, NotSignedIn) else "/confirm")
            except AppError as refusal:
                return _refused(refusal)
            except HTTPException as refusal:
                if refusal.status_code != TooLarge.status:
                    raise
                return _refused(TooLarge(refusal.detail))
            except RequestValidationError:
                return _refused(InvalidRequest(_("something is missing; go back and fill it in")))

        return handler


def language_of(request: Request) -> str:
    """Return in which language a browser reads: the one chosen here, else the one it asks for."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return language.wanted(chosen, request.headers.get("accept-language", ""))


def site() -> Site:
    """Return where the pages are, as passkeys know it."""
    return Site(settings().origin)


def page(
    visit: Visit, template: str, *, status: int = 200, here: str = "", **shown: Any
) -> Response:
    """Render a page for this visit; it remembers the browser. `here` is its place in the menu."""
    shown |= {"form_token": visit.form_token, "signed_in": bool(visit.secret), "path": visit.path}
    shown |= {"clock": language.clock_of(language.zone())}
    answer = rendered(template, status, HEADERS, here=here, **shown)
    _set_cookie(answer, BROWSER_COOKIE, visit.binder, samesite="strict")
    return answer


def rendered(
    template: str, status: int, headers: dict[str, str], *, path: str = "", **shown: Any
) -> Response:
    """Render a template in the reader's language, for who is not signed in unless it is said."""
    known = {"signed_in": False, "path": path, "clock": "", "language": language.reads()}
    text = templates().get_template(template).render({**known, **shown})
    headers = headers | {"Content-Language": language.reads()}
    return Response(text, status, headers, media_type="text/html; charset=utf-8")


def see(path: str, *, secret: str | None = None) -> Response:
    """Send the browser on to a page of ours; with a session's new secret, where it has one."""
    answer = Response(status_code=303, headers={**HEADERS, "Location": path})
    if secret is not None:
        _set_cookie(answer, SESSION_COOKIE, secret, samesite="lax")
    return answer


def end_present(session: Session, visit: Visit) -> None:
    """End the session this browser has, where it has one."""
    if visit.secret:
        held = visit.session(session)
        sessions.end(session, held.person_id, held.id)


def with_studio(answer: Response, cookie: str) -> Response:
    """Let the browser remember a question to a studio's provider; it comes back from elsewhere."""
    _set_cookie(answer, STUDIO_COOKIE, cookie, samesite="lax")
    return answer


def studio_cookie(request: Request) -> str:
    """Return what ties a provider's answer to this browser; empty where nothing does."""
    cookie = request.cookies.get(STUDIO_COOKIE, "")
    return cookie if _SECRET.fullmatch(cookie) else ""


def forget_studio(answer: Response) -> Response:
    """Take that cookie away: its question is answered."""
    answer.delete_cookie(STUDIO_COOKIE, secure=True, httponly=True, samesite="lax")
    return answer


def forget(answer: Response) -> Response:
    """Take the session's cookie away."""
    answer.delete_cookie(SESSION_COOKIE, secure=True, httponly=True, samesite="lax")
    return answer


@lru_cache
def templates() -> Environment:
    """Return the pages' templates: text is text, whatever it says."""
    found = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    found.policies["ext.i18n.trimmed"] = True
    found.install_gettext_callables(  # type: ignore[attr-defined]  # the extension adds it
        language.translated, language.translated_count, newstyle=True
    )
    found.globals["languages"] = language.LANGUAGES
    found.filters["said"] = language.translated
    found.filters["spoken"] = spoken.spoken
    found.filters["or_english"] = spoken.or_english
    found.filters["browser"] = browsers.browser
    found.filters["day"] = instants.day
    found.filters["short"] = instants.short
    found.filters["date"] = instants.date_
    found.filters["start_of"] = instants.start_of
    found.filters["end_of"] = instants.end_of
    found.filters["clock"] = language.clock_of
    found.tests["elsewhere"] = language.differ
    found.filters["money"] = language.money
    found.filters["number"] = language.number
    return found


def _set_cookie(answer: Response, name: str, value: str, *, samesite: Any) -> None:
    answer.set_cookie(name, value, path="/", secure=True, httponly=True, samesite=samesite)


def _refused(refusal: AppError) -> Response:
    """Say no in the reader's language; what only English has words for stands beside it.

    A refusal's `leads_to`, a page of ours and what it is called, is where that can be mended.
    While the clock is in doubt that is where everything can still be stopped.
    """
    leads_to = refusal.extra.get("leads_to")
    if isinstance(refusal, ClockInDoubt):
        leads_to = ("/pause", _("Stop everything"))
    kind = language.translated(" ".join((type(refusal).__doc__ or "").split()))
    wait = refusal.extra.get("retry_after_s")
    return rendered(
        "refused.html",
        refusal.status,
        HEADERS if wait is None else HEADERS | {"Retry-After": str(wait)},
        here="",
        code=refusal.code,
        leads_to=leads_to,
        detail=(refusal.detail or kind).removesuffix("."),
        kind="" if language.is_said(refusal.detail) or not refusal.detail else kind,
    )
