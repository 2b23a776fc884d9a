"""A studio's own sign-in, at pages: named, bound to one's passkey, and gone in by."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from sqlmodel import Session

from app import db
from app.access import may
from app.identity import people
from app.identity.api_edge import limited
from app.identity.errors import CeremonyRefused, PasskeyNeeded
from app.identity.models import Organization
from app.identity.models_people import Person
from app.identity.models_providers import SignInProvider
from app.language import _
from app.recovery import service as recovery
from app.studios import oidc
from app.studios import service as providers
from app.web.pages import (
    PageRoute,
    Posted,
    Visit,
    Visitor,
    end_present,
    forget_studio,
    page,
    see,
    site,
    studio_cookie,
    with_studio,
)

router = APIRouter(include_in_schema=False, route_class=PageRoute)
HERE = "/account/studio-sign-in"
INSIDE = "/production"  # where it leads, always: nothing in an address says where to
Typed = Annotated[str, Form(min_length=1, max_length=255)]
Said = Annotated[str, Query(max_length=2000)]


def _client(
    client_id: Typed, secret: Typed, email_domain: Annotated[str, Form(max_length=255)] = ""
) -> providers.Client:
    return providers.Client(client_id.strip(), secret.strip(), email_domain)


@dataclass(frozen=True)
class Came:
    """What a provider's answer says in the address it sent the browser to."""

    cookie: str
    code: str
    state: str
    issuer: str | None


def _came(
    request: Request,
    code: Said = "",
    state: Said = "",
    iss: Annotated[str | None, Query(max_length=2000)] = None,
) -> Came:
    return Came(studio_cookie(request), code, state, iss)


@router.get("/account/studio-sign-in")
@may("person")
def show_providers(visit: Visitor) -> Response:
    """Show the sign-in of each production one belongs to, and whether one is bound to it."""
    with db.reading() as session:
        person = visit.person(session)
        houses = [
            _house(session, person, membership, organization)
            for membership, organization in people.memberships_of(session, person.id)
            if organization.kind in providers.HOUSES
        ]
    return page(visit, "providers.html", houses=houses, origin=site().origin)


def _house(session: Session, person: Person, membership: Any, organization: Any) -> dict[str, Any]:
    provider = providers.standing_of(session, organization.id)
    bound = providers.bound_of(session, provider, person.id) if provider else None
    return {
        "membership": membership,
        "organization": organization,
        "provider": provider,
        "bound": bound,
        "back": _back(provider) if provider else "",
    }


@router.post("/organizations/{organization_id}/sign-in-provider")
@may("administrator")
def name_provider(
    visit: Posted,
    organization_id: str,
    client: Annotated[providers.Client, Depends(_client)],
    issuer: Typed,
) -> Response:
    """Name the provider; it is asked what it is before anything is kept."""
    with db.reading() as session:
        providers.check_may_name(session, _binding(session, visit), organization_id)
    found = oidc.discover(issuer.strip())
    with db.writing() as session:
        person = _binding(session, visit)
        providers.name_provider(session, person, organization_id, found, client)
    return see(HERE)


@router.post("/sign-in-providers/{provider_id}/end")
@may("administrator")
def end_provider(visit: Posted, provider_id: str) -> Response:
    """End the provider; whoever came in by it is out."""
    with db.writing() as session:
        person = visit.fresh(session)
        found = providers.administered_provider(session, person, provider_id)
        providers.end_provider(session, found)
    return see(HERE)


@router.post("/sign-in-providers/{provider_id}/binding")
@may("person")
def begin_binding(visit: Posted, provider_id: str) -> Response:
    """Go to the provider, to be bound to who one is there. Wants a passkey used minutes ago."""
    with db.writing() as session:
        person = _binding(session, visit)
        found = providers.provider_for(session, provider_id, person)
        question, cookie = providers.ask(session, found, providers.BIND, person_id=person.id)
        return _go_on(session, visit, found, question, cookie, binds=True)


@router.post("/sign-in-providers/{provider_id}/unbinding")
@may("person")
def unbind(visit: Posted, provider_id: str) -> Response:
    """Be bound no more; sessions it opened end."""
    with db.writing() as session:
        person = visit.person(session)
        providers.unbind(session, providers.provider_for(session, provider_id, person), person)
    return see(HERE)


@router.get("/sign-in/studio/{provider_id}", dependencies=[limited("lookups")])
@may("anyone")
def show_studio(visit: Visitor, provider_id: str) -> Response:
    """Say where the studio's sign-in is, and lead there."""
    with db.writing() as session:
        found = providers.provider_of(session, provider_id)
        question, cookie = providers.ask(session, found, providers.SIGN_IN)
        return _go_on(session, visit, found, question, cookie, binds=False)


@router.get("/sign-in/studio/{provider_id}/back", dependencies=[limited("lookups")])
@may("anyone")
def come_back(visit: Visitor, provider_id: str, came: Annotated[Came, Depends(_came)]) -> Response:
    """Take the provider's answer: once, in the browser that was sent there."""
    if not came.cookie:
        raise CeremonyRefused(_("this sign-in was not begun in this browser; begin it once more"))
    with db.writing() as session:
        found = providers.provider_of(session, provider_id)
        taken, question = providers.take(session, found, came.cookie, came.state)
        binds, person_id = taken.purpose == providers.BIND, taken.person_id
    providers.check_answer(found, came.issuer, came.code)  # used up by now, whatever it says
    secret = providers.secret_of(found)
    claims = oidc.redeem(found, secret, question, came.code, redirect_uri=_back(found))
    with db.writing() as session:
        if binds:
            person = visit.person(session)
            if person.id != person_id:
                raise PasskeyNeeded(_("somebody else is signed in here by now; begin once more"))
            providers.bind(session, found, person, claims)
            return forget_studio(see(HERE))
        opened = providers.sign_in(session, found, claims, browser=visit.browser)[1]
        end_present(session, visit)
    return forget_studio(see(INSIDE, secret=opened))


def _binding(session: Session, visit: Visit) -> Person:
    """Return who is there with a passkey, and may do what binds."""
    person = visit.fresh(session)
    recovery.check_may_bind(session, person.id)
    return person


def _go_on(
    session: Session,
    visit: Visit,
    provider: SignInProvider,
    question: oidc.Question,
    cookie: str,
    *,
    binds: bool,
) -> Response:
    answer = page(
        visit,
        "studio.html",
        organization=session.get_one(Organization, provider.organization_id),
        issuer=provider.issuer,
        onward=oidc.question_url(provider, question, redirect_uri=_back(provider)),
        binds=binds,
    )
    return with_studio(answer, cookie)


def _back(provider: SignInProvider) -> str:
    """Return where a provider sends the browser back to: an address for this provider alone."""
    return f"{site().origin}/sign-in/studio/{provider.id}/back"
