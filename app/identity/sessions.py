"""Who is signed in in which browser: server-side sessions under a secret that only it holds."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import clock
from app.identity.errors import NotFresh, NotSignedIn
from app.identity.models_people import Membership, Passkey, PersonSession
from app.identity.models_providers import ProviderMember, SignInProvider

IDLE_FOR = timedelta(hours=2)
LASTS = timedelta(hours=12)
LASTS_BY_PROVIDER = timedelta(hours=8)  # a working day: it does not tell us who left
FRESH_FOR = timedelta(minutes=5)  # after a user verification, for sensitive acts
NOTED_EVERY = timedelta(minutes=1)
BROWSER_CHARS = 120


def sign_in(session: Session, passkey: Passkey, *, browser: str) -> tuple[PersonSession, str]:
    """Open a session for whoever just proved to hold a passkey; return it with its new secret."""
    by = {"person_id": passkey.person_id, "passkey_id": passkey.id}
    return _open(session, by, browser, LASTS)


def sign_in_by_provider(
    session: Session, bound: ProviderMember, *, browser: str
) -> tuple[PersonSession, str]:
    """Open a session for a member whom a studio's provider named: it is never fresh."""
    by = {"person_id": bound.person_id, "provider_member_id": bound.id}
    return _open(session, by, browser, LASTS_BY_PROVIDER)


def _open(
    session: Session, by: dict[str, Any], browser: str, lasts: timedelta
) -> tuple[PersonSession, str]:
    secret, at = _new_secret(), clock.now()
    opened = PersonSession(
        **by,
        secret_sha256=digest(secret),
        browser=browser[:BROWSER_CHARS].replace("\x00", ""),
        created_at=at,
        seen_at=at,
        verified_at=at,
        expires_at=at + lasts,
    )
    session.add(opened)
    session.flush()
    return opened, secret


def rotate(session: Session, held: PersonSession, *, verified: bool = False) -> str:
    """Give a session a new secret: the old one opens nothing from here on. Return the new one."""
    secret = _new_secret()
    held.secret_sha256 = digest(secret)
    held.verified_at = clock.now() if verified else held.verified_at
    session.add(held)
    session.flush()
    return secret


def session_of(session: Session, secret: str) -> PersonSession:
    """Return the session this secret opens, while it stands. Raises NotSignedIn."""
    found = _of_secret(session, secret)
    if found is None or not stands(found) or not _is_still_let_in(session, found):
        raise NotSignedIn("sign in with a passkey; a session ends after two hours of silence")
    return found


def _of_secret(session: Session, secret: str) -> PersonSession | None:
    theirs = select(PersonSession).where(PersonSession.secret_sha256 == digest(secret))
    return session.exec(theirs).first()


def to_stop_with(session: Session, secret: str, *, instants: Sequence[datetime]) -> PersonSession:
    """Return the session this secret opens at one of these instants: for stopping, and no more.

    Opened by a passkey and not ended; that may be all that is known of it while nobody knows the
    hour. Raises NotSignedIn.
    """
    found = _of_secret(session, secret)
    if found is None or found.passkey_id is None or not any(stands(found, at) for at in instants):
        raise NotSignedIn("sign in with a passkey, or stop with a printed code")
    return found


def stands(held: PersonSession, at: datetime | None = None) -> bool:
    """Say whether a session is neither ended nor over, idle for too long, nor of the future."""
    at = at or clock.now()
    ends_at = min(held.expires_at, held.seen_at + IDLE_FOR)
    return held.ended_at is None and clock.has_been(held.seen_at, by=at) and at < ends_at


def house_of(session: Session, held: PersonSession) -> str | None:
    """Return the one organization a session is good for; null where a passkey opened it."""
    if held.provider_member_id is None:
        return None
    bound = session.get_one(ProviderMember, held.provider_member_id)
    return session.get_one(SignInProvider, bound.provider_id).organization_id


def _is_still_let_in(session: Session, held: PersonSession) -> bool:
    """Say whether what opened a session stands: the provider, who one is there, the membership."""
    if held.provider_member_id is None:
        return True  # a passkey that ends ends its sessions
    stands = (
        select(ProviderMember.id)
        .join(SignInProvider, col(SignInProvider.id) == col(ProviderMember.provider_id))
        .join(
            Membership,
            sa.and_(
                col(Membership.organization_id) == col(SignInProvider.organization_id),
                col(Membership.person_id) == col(ProviderMember.person_id),
            ),
        )
        .where(
            ProviderMember.id == held.provider_member_id,
            ProviderMember.person_id == held.person_id,
            col(ProviderMember.ended_at).is_(None),
            col(SignInProvider.ended_at).is_(None),
            col(Membership.ended_at).is_(None),
        )
    )
    return session.exec(stands).first() is not None


def is_quiet(held: PersonSession) -> bool:
    """Say whether it is worth a write to put down that the session is in use."""
    return clock.now() - held.seen_at >= NOTED_EVERY


def note_seen(session: Session, session_id: str) -> None:
    """Put down that a session is in use now, where it still stands."""
    held = session.get_one(PersonSession, session_id, with_for_update=True)
    if stands(held):
        held.seen_at = clock.now()
        session.add(held)
        session.flush()


def insist_fresh(held: PersonSession) -> None:
    """Do nothing where the person proved to be there minutes ago, with a passkey. Raises NotFresh.

    A provider's word counts for nothing here, whatever it says of when and how it asked.
    """
    if held.passkey_id is None or clock.now() - held.verified_at >= FRESH_FOR:
        raise NotFresh("confirm with your passkey that it is you, then do this again")


def sessions_of(
    session: Session, person_id: str, *, before: str = "", limit: int | None = None
) -> Sequence[PersonSession]:
    """List the sessions of a person that stand, newest first, before one of them."""
    at = clock.now()
    found = select(PersonSession).where(
        PersonSession.person_id == person_id,
        col(PersonSession.ended_at).is_(None),
        PersonSession.expires_at > at,
        PersonSession.seen_at > at - IDLE_FOR,
        PersonSession.seen_at <= at + clock.APART,
    )
    if before:
        found = found.where(col(PersonSession.id) < before)
    return session.exec(found.order_by(col(PersonSession.id).desc()).limit(limit)).all()


def end(session: Session, person_id: str, session_id: str) -> None:
    """End a session of this person at once; one of another, or none, is left as it is."""
    held = session.get(PersonSession, session_id, with_for_update=True)
    if held is not None and held.person_id == person_id:
        held.ended_at = held.ended_at or clock.now()
        session.add(held)
        session.flush()


def end_all_by(session: Session, passkey: Passkey) -> None:
    """End every session that this passkey opened."""
    opened = select(PersonSession).where(
        PersonSession.passkey_id == passkey.id, col(PersonSession.ended_at).is_(None)
    )
    for held in session.exec(opened.with_for_update()):
        held.ended_at = clock.now()
        session.add(held)
    session.flush()


def form_token(secret: str) -> str:
    """Return what a form must carry: only who holds the cookie, or was shown the page, knows it."""
    return hmac.new(secret.encode(), b"form", "sha256").hexdigest()


def digest(secret: str) -> str:
    """Return what is stored of a secret."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def _new_secret() -> str:
    return secrets.token_urlsafe(32)
