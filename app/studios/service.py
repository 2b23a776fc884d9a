"""A studio's own sign-in: named by its administrator, bound to members, one by one.

It lets in who is a member already, as that member, into that house alone; it makes nobody. What it
opens is no passkey: nothing is signed, agreed to or changed by it that wants one.
"""

import base64
import hmac
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hmac import compare_digest
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import clock
from app.identity import passkeys, people, sessions
from app.identity.errors import CeremonyRefused, NotAllowed, ProviderNotFound, ProviderRefused
from app.identity.models import Organization
from app.identity.models_people import Ceremony, Membership, Person, PersonSession
from app.identity.models_providers import ProviderMember, SignInProvider
from app.notices import service as notices
from app.studios.oidc import Discovered, Question
from app.vault_text import open_text, seal_text

HOUSES = ("production",)  # nobody's likeness hangs on a studio's own directory
SEALED_AS = "sign-in-provider"
SIGN_IN, BIND = "provider", "bind"  # what a question is asked for
_PRINTED = re.compile(r"[!-9;-~]{1,255}", re.ASCII)  # no colon: it parts them in Basic
_SECRET = re.compile(r"[!-~]{1,255}", re.ASCII)
_DOMAIN = re.compile(r"([a-z0-9-]{1,63}\.)+[a-z]{2,63}", re.ASCII)


@dataclass(frozen=True)
class Client:
    """What we are at a provider, as an administrator typed it in."""

    client_id: str
    secret: str
    email_domain: str = ""


def name_provider(
    session: Session, by: Person, organization_id: str, found: Discovered, client: Client
) -> SignInProvider:
    """Name the provider of a production; one before it ends, with all that was bound to it.

    Everybody of the house is told. Expects `by` to have been verified minutes ago. Raises
    NotAllowed, ProviderRefused.
    """
    organization = check_may_name(session, by, organization_id)
    domain = client.email_domain.strip().lower()
    if not _PRINTED.fullmatch(client.client_id) or not _SECRET.fullmatch(client.secret):
        raise ProviderRefused("client id and secret are 1 to 255 printed letters, no spaces")
    if domain and not _DOMAIN.fullmatch(domain):
        raise ProviderRefused("a domain is written like studio.example")
    _lock(session, organization.id)
    for earlier in _standing(session, organization.id):
        _end(session, earlier)
    provider = SignInProvider(
        organization_id=organization.id,
        client_id=client.client_id,
        secret=seal_text(organization.id, SEALED_AS, client.secret),
        email_domain=domain,
        named_by=by.id,
        **asdict(found),
    )
    session.add(provider)
    session.flush()
    notices.tell(session, "provider-named", provider.id, organization_id=organization.id)
    return provider


def check_may_name(session: Session, by: Person, organization_id: str) -> Organization:
    """Return a production this person administers. Raises NotAllowed, ProviderRefused."""
    organization = people.administered(session, by, organization_id)
    if organization.kind not in HOUSES:
        raise ProviderRefused("only productions have a sign-in of their own; use passkeys")
    return organization


def end_provider(session: Session, provider: SignInProvider) -> None:
    """End a provider at once: nobody comes in by it, and whoever did is out. The house is told."""
    _end(session, provider)
    notices.tell(session, "provider-ended", provider.id, organization_id=provider.organization_id)


def provider_of(session: Session, provider_id: str) -> SignInProvider:
    """Return a provider that stands. Raises ProviderNotFound for all others alike."""
    found = session.get(SignInProvider, provider_id)
    if found is None or found.ended_at is not None:
        raise _none_here()
    return found


def provider_for(session: Session, provider_id: str, person: Person) -> SignInProvider:
    """Return a standing provider that a person may be bound to, or is.

    Raises ProviderNotFound: whoever is nobody's member there learns no more than of an unknown id.
    """
    found = provider_of(session, provider_id)
    houses = {organization.id for _, organization in people.memberships_of(session, person.id)}
    if found.organization_id not in houses and bound_of(session, found, person.id) is None:
        raise _none_here()
    return found


def standing_of(session: Session, organization_id: str) -> SignInProvider | None:
    """Return the provider of an organization that stands, if it has one."""
    return next(iter(_standing(session, organization_id)), None)


def secret_of(provider: SignInProvider) -> str:
    """Return what we prove ourselves with at a provider; it goes nowhere else."""
    return open_text(provider.organization_id, SEALED_AS, provider.secret)


def administered_provider(session: Session, by: Person, provider_id: str) -> SignInProvider:
    """Return a standing provider of a house this person administers. Raises NotAllowed."""
    found = session.get(SignInProvider, provider_id, with_for_update=True)
    people.administered(session, by, found.organization_id if found else "")
    return provider_of(session, provider_id)


def ask(
    session: Session, provider: SignInProvider, purpose: str, *, person_id: str | None = None
) -> tuple[Question, str]:
    """Write down that a browser is sent to a provider; return the question and the cookie.

    The database holds no secret of it: all follows from the cookie, of which it has the hash.
    """
    cookie = secrets.token_urlsafe(32)
    ceremony = passkeys.begin(session, purpose, cookie, person_id=person_id, about=provider.id)
    return _question(ceremony.id, cookie), cookie


def take(
    session: Session, provider: SignInProvider, cookie: str, state: str
) -> tuple[Ceremony, Question]:
    """Take up a question with its answer: once, in its browser, in time, from whom it was asked of.

    Raises CeremonyRefused.
    """
    ceremony_id = state.partition(".")[0]
    question = _question(ceremony_id, cookie)
    if not compare_digest(question.state.encode(), state.encode(errors="replace")):
        raise CeremonyRefused("this sign-in was not begun in this browser; begin it once more")
    found = session.get(Ceremony, ceremony_id)
    purpose = BIND if found is not None and found.purpose == BIND else SIGN_IN
    taken = passkeys.take(session, ceremony_id, purpose, cookie)
    if taken.about != provider.id:
        raise CeremonyRefused("this sign-in was begun at another studio; begin it once more")
    return taken, question


def check_answer(provider: SignInProvider, issuer: str | None, code: str) -> None:
    """Do nothing for an answer with a code, from the provider that was asked (RFC 9207).

    Raises ProviderRefused.
    """
    if issuer != provider.issuer and (issuer is not None or provider.names_itself):
        raise ProviderRefused("this answer is another provider's, or does not say whose it is")
    if not code:
        raise ProviderRefused("your provider did not let you in; ask whoever runs it")


def bind(
    session: Session, provider: SignInProvider, person: Person, claims: dict[str, Any]
) -> ProviderMember:
    """Bind a member of the house to who they just were at its provider, and tell them.

    Expects the person to be signed in with a passkey. Raises NotAllowed, ProviderRefused.
    """
    _lock(session, provider.organization_id)
    provider = provider_of(session, provider.id)
    _membership(session, provider, person.id)
    _unbind(session, provider, ProviderMember.person_id == person.id)
    if _bound(session, provider, ProviderMember.subject == claims["sub"]) is not None:
        raise ProviderRefused("this account is bound to another member of your house")
    bound = ProviderMember(provider_id=provider.id, person_id=person.id, subject=claims["sub"])
    session.add(bound)
    session.flush()
    notices.tell(session, "provider-bound", bound.id, person_id=person.id)
    return bound


def unbind(session: Session, provider: SignInProvider, person: Person) -> None:
    """End what binds a person to a provider, and the sessions it opened."""
    _unbind(session, provider, ProviderMember.person_id == person.id)
    session.flush()


def sign_in(
    session: Session, provider: SignInProvider, claims: dict[str, Any], *, browser: str
) -> tuple[PersonSession, str]:
    """Open a session for the member who is bound to this subject, in that house alone.

    Raises ProviderNotFound where it ended meanwhile, NotAllowed for everybody else, whatever
    their address is.
    """
    provider = provider_of(session, provider.id)
    bound = _bound(session, provider, ProviderMember.subject == claims["sub"])
    if bound is None:
        raise _nobody()
    _membership(session, provider, bound.person_id)
    return sessions.sign_in_by_provider(session, bound, browser=browser)


def bound_of(session: Session, provider: SignInProvider, person_id: str) -> ProviderMember | None:
    """Return what binds a person to a provider, if anything does."""
    return _bound(session, provider, ProviderMember.person_id == person_id)


def named_in(session: Session, organization_id: str) -> Sequence[SignInProvider]:
    """List the providers an organization ever named, newest first."""
    return session.exec(
        select(SignInProvider)
        .where(SignInProvider.organization_id == organization_id)
        .order_by(col(SignInProvider.id).desc())
    ).all()


def _question(ceremony_id: str, cookie: str) -> Question:
    def follows(what: str) -> str:
        raw = hmac.digest(cookie.encode(), json.dumps([what, ceremony_id]).encode(), "sha256")
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    return Question(
        state=f"{ceremony_id}.{follows('state')}",
        nonce=follows("nonce"),
        verifier=follows("verifier"),
    )


def _none_here() -> ProviderNotFound:
    return ProviderNotFound("no studio signs in at this address; ask yours for the right one")


def _nobody() -> NotAllowed:
    return NotAllowed(
        "nobody of this studio is bound to that account: sign in with your passkey first, and bind "
        "it at Account, Your studio's own sign-in"
    )


def _membership(session: Session, provider: SignInProvider, person_id: str) -> Membership:
    for membership, organization in people.memberships_of(session, person_id):
        if organization.id == provider.organization_id:
            return membership
    raise _nobody()


def _bound(
    session: Session, provider: SignInProvider, which: sa.ColumnElement[bool] | bool
) -> ProviderMember | None:
    return session.exec(
        select(ProviderMember).where(
            ProviderMember.provider_id == provider.id, col(ProviderMember.ended_at).is_(None), which
        )
    ).first()


def _unbind(
    session: Session, provider: SignInProvider, which: sa.ColumnElement[bool] | bool
) -> None:
    bound = _bound(session, provider, which)
    if bound is not None:
        bound.ended_at = clock.now()
        session.add(bound)
        session.flush()


def _end(session: Session, provider: SignInProvider) -> None:
    provider.ended_at = provider.ended_at or clock.now()
    session.add(provider)
    session.flush()


def _standing(session: Session, organization_id: str) -> Sequence[SignInProvider]:
    return session.exec(
        select(SignInProvider).where(
            SignInProvider.organization_id == organization_id,
            col(SignInProvider.ended_at).is_(None),
        )
    ).all()


def _lock(session: Session, organization_id: str) -> None:
    one = sa.select(col(Organization.id)).where(col(Organization.id) == organization_id)
    session.execute(one.with_for_update())
