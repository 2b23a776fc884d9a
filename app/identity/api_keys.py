"""API keys: made for less than their organization may, replaced with an overlap, ended at once.

A key's text is `ustk_<prefix>_<secret>`; of the secret, 256 random bits, only the SHA-256 is kept.
Where a key is made over HTTP the caller draws the secret and sends that hash: the answer is kept
for its Idempotency-Key, and must hold nothing that opens a door.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import clock
from app.access import ACTIONS
from app.identity.authentication import KEY_LABEL
from app.identity.errors import ApiKeyNotFound, ApiKeyRefused, BeyondScope
from app.identity.models import OPERATORS, ApiKey, ApiKeyTerms, ApiKeyUse, Organization
from app.identity.principal import UNLIMITED, Scope

MAX_KEYS = 200  # of one organization that stand at once
LONGEST_OVERLAP = timedelta(days=7)
PREFIX_BYTES, SECRET_BYTES = 4, 32
AT_A_PAGE = " at a page"  # so ends the name of a row that opens nothing: see `row_at_pages`


def create_api_key(
    session: Session,
    organization: Organization,
    *,
    name: str,
    scope: Scope = UNLIMITED,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Make a key and return it with its text, which is shown this once and never stored."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    key = keep_key(
        session,
        organization.id,
        name=name,
        secret_sha256=digest,
        scope=scope,
        expires_at=expires_at,
    )
    return key, text_of(key, secret)


def text_of(key: ApiKey, secret: str) -> str:
    """Return what is sent to prove that one holds a key."""
    return f"{KEY_LABEL}_{key.prefix}_{secret}"


def new_prefix() -> str:
    """Return what a key is found by."""
    return secrets.token_hex(PREFIX_BYTES)


def keep_key(
    session: Session,
    organization_id: str,
    *,
    name: str,
    secret_sha256: str,
    scope: Scope = UNLIMITED,
    expires_at: datetime | None = None,
    replaces: ApiKey | None = None,
    overlap: timedelta = timedelta(0),
    prefix: str | None = None,
) -> ApiKey:
    """Keep a key by the hash of its secret. Raises ApiKeyRefused for what no key can be.

    `replaces` is a key that stands for `overlap` more from now on, and not longer.
    """
    check_may_keep(session, organization_id, name=name, scope=scope)
    key = ApiKey(
        organization_id=organization_id,
        name=name,
        prefix=prefix or new_prefix(),
        secret_sha256=secret_sha256,
        expires_at=expires_at,
    )
    session.add(key)
    session.flush()
    if scope != UNLIMITED or replaces is not None:
        terms = ApiKeyTerms(
            api_key_id=key.id,
            actions=None if scope.actions is None else sorted(scope.actions),
            projects=None if scope.projects is None else sorted(scope.projects),
            contract_ids=None if scope.contract_ids is None else sorted(scope.contract_ids),
            replaces_id=None if replaces is None else replaces.id,
            replaced_ends_at=None if replaces is None else clock.now() + overlap,
        )
        session.add(terms)
        session.flush()
    return key


def check_may_keep(
    session: Session, organization_id: str, *, name: str, scope: Scope = UNLIMITED
) -> None:
    """Do nothing where another key of this name and scope may be kept. Raises ApiKeyRefused."""
    unknown = set(scope.actions or ()) - set(ACTIONS)
    if unknown:
        raise ApiKeyRefused(f"no action is called {min(unknown)}: {', '.join(ACTIONS)}")
    _insist_opens(name)
    if session.get_one(Organization, organization_id).kind == OPERATORS:
        raise ApiKeyRefused("operators have no API keys: each acts with a passkey of their own")
    if len(standing_keys(session, organization_id)) >= MAX_KEYS:
        raise ApiKeyRefused(f"{MAX_KEYS} keys stand; revoke one first")


def row_at_pages(session: Session, organization_id: str, person_id: str) -> ApiKey:
    """Return what stands on records for a person of this house who acts at a page.

    It has no secret anybody knew, and never gets one: no key has or takes over such a name. One
    stands for each person, also where two of their first acts come at once.
    """
    name = f"{person_id}{AT_A_PAGE}"
    theirs = select(ApiKey).where(
        ApiKey.organization_id == organization_id,
        ApiKey.name == name,
        col(ApiKey.revoked_at).is_(None),
    )
    theirs = theirs.order_by(col(ApiKey.id)).limit(1)
    row = session.exec(theirs).first()
    if row is None:  # of two first acts at once, the second waits here for the first one's row
        house = select(Organization.id).where(Organization.id == organization_id)
        session.exec(house.with_for_update(key_share=True)).one()
        row = session.exec(theirs).first()
    if row is None:
        row = ApiKey(
            organization_id=organization_id,
            name=name,
            prefix=secrets.token_hex(PREFIX_BYTES),
            secret_sha256=hashlib.sha256(secrets.token_bytes(SECRET_BYTES)).hexdigest(),
        )
        session.add(row)
        session.flush()
    return row


def rotate(
    session: Session,
    key: ApiKey,
    *,
    secret_sha256: str,
    overlap: timedelta,
    prefix: str | None = None,
) -> ApiKey:
    """Put a new key in the place of one, as two people agreed; both open the same until the overlap
    is over.

    The new one has the name, the scope and the length of life of the old, as far as the calendar
    goes. Raises ApiKeyRefused for a key that does not stand, or was replaced before.
    """
    check_may_rotate(session, key, overlap=overlap)
    at = clock.now()
    life = None if key.expires_at is None else key.expires_at - key.created_at
    return keep_key(
        session,
        key.organization_id,
        name=key.name,
        secret_sha256=secret_sha256,
        scope=scope_of(session, key),
        expires_at=None if life is None else at + min(life, datetime.max.replace(tzinfo=UTC) - at),
        replaces=key,
        overlap=overlap,
        prefix=prefix,
    )


def check_may_rotate(session: Session, key: ApiKey, *, overlap: timedelta) -> None:
    """Do nothing for a key that can be replaced, which stays locked. Raises as `rotate` says."""
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise ApiKeyRefused(f"keys overlap for at most {LONGEST_OVERLAP.days} days")
    _insist_opens(key.name)
    session.refresh(key, with_for_update={"key_share": True})  # rows that name the key may be made
    is_over = key.expires_at is not None and key.expires_at <= clock.now()
    if key.revoked_at is not None or is_over or _successor_of(session, key) is not None:
        raise ApiKeyRefused(
            "this key was revoked or replaced before, or has expired; replace one that stands"
        )


def revoke_api_key(session: Session, key: ApiKey) -> ApiKey:
    """End a key at once; the first moment stands."""
    key.revoked_at = key.revoked_at or clock.now()
    session.add(key)
    session.flush()
    return key


def key_of(session: Session, organization_id: str, key_id: str) -> ApiKey:
    """Return a key of this organization. Raises ApiKeyNotFound for all others alike."""
    key = session.get(ApiKey, key_id)
    if key is None or key.organization_id != organization_id:
        raise ApiKeyNotFound(f"no API key of yours has the id {key_id[:64]}")
    return key


def keys_of(
    session: Session, organization_id: str, *, before: str | None = None, limit: int = 50
) -> Sequence[ApiKey]:
    """List the keys of an organization, newest first, ended ones too."""
    theirs = select(ApiKey).where(ApiKey.organization_id == organization_id)
    if before is not None:
        theirs = theirs.where(col(ApiKey.id) < before)
    return session.exec(theirs.order_by(col(ApiKey.id).desc()).limit(limit)).all()


class Described(NamedTuple):
    """A key as a person looks at it: its limits, its end, its last use (to some ten minutes)."""

    key: ApiKey
    actions: list[str] | None
    projects: list[str] | None
    contract_ids: list[str] | None
    ends_at: datetime | None
    last_used_at: datetime | None

    @property
    def is_person(self) -> bool:
        """Whether it stands for a person at a page, and opens nothing."""
        return self.key.name.endswith(AT_A_PAGE)


def described(session: Session, keys: Sequence[ApiKey]) -> list[Described]:
    """Describe these keys, in their order; as many queries for one as for many."""
    ids = [each.id for each in keys]
    terms = {
        each.api_key_id: each
        for each in session.exec(select(ApiKeyTerms).where(col(ApiKeyTerms.api_key_id).in_(ids)))
    }
    replaced = {
        each.replaces_id: each.replaced_ends_at
        for each in session.exec(select(ApiKeyTerms).where(col(ApiKeyTerms.replaces_id).in_(ids)))
    }
    used = {
        each.api_key_id: each.last_used_at
        for each in session.exec(select(ApiKeyUse).where(col(ApiKeyUse.api_key_id).in_(ids)))
    }
    found = []
    for key in keys:
        said = terms.get(key.id)
        ends = [each for each in (key.expires_at, replaced.get(key.id)) if each]
        found.append(
            Described(
                key,
                None if said is None else said.actions,
                None if said is None else said.projects,
                None if said is None else said.contract_ids,
                min(ends, default=None),
                used.get(key.id),
            )
        )
    return found


def standing_keys(session: Session, organization_id: str) -> Sequence[str]:
    """List the ids of the keys that were not revoked and have not ended by themselves."""
    return session.exec(
        select(ApiKey.id).where(
            standing(clock.now()),
            ApiKey.organization_id == organization_id,
            ~col(ApiKey.name).endswith(AT_A_PAGE),
        )
    ).all()


def standing(at: datetime) -> sa.ColumnElement[bool]:
    """Ask in SQL what `is_standing` says of a key."""
    replaced = sa.exists().where(
        col(ApiKeyTerms.replaces_id) == col(ApiKey.id), col(ApiKeyTerms.replaced_ends_at) <= at
    )
    return sa.and_(
        ~replaced,
        col(ApiKey.revoked_at).is_(None),
        sa.or_(col(ApiKey.expires_at).is_(None), col(ApiKey.expires_at) > at),
    )


def is_standing(session: Session, key: ApiKey) -> bool:
    """Say whether a key was not revoked and has not ended by itself."""
    end = ends_at(session, key)
    return key.revoked_at is None and (end is None or end > clock.now())


def scope_of(session: Session, key: ApiKey) -> Scope:
    """Return what a key is limited to."""
    terms = session.get(ApiKeyTerms, key.id)
    if terms is None:
        return UNLIMITED
    return Scope.of(terms.actions, terms.projects, terms.contract_ids)


def ends_at(session: Session, key: ApiKey) -> datetime | None:
    """Return when a key ends by itself: it expires, or the overlap with its successor is over."""
    successor = _successor_of(session, key)
    ends = [each for each in (key.expires_at, successor and successor.replaced_ends_at) if each]
    return min(ends, default=None)


def within_life(session: Session, by_key_id: str, expires_at: datetime | None) -> datetime | None:
    """Return when a key ends that another one makes: not later than that one itself.

    Raises BeyondScope where it was to end later.
    """
    end = ends_at(session, session.get_one(ApiKey, by_key_id))
    if end is not None and expires_at is not None and expires_at > end:
        raise BeyondScope(f"the key that asks ends at {end.isoformat()}, and so does what it makes")
    return expires_at or end


def _insist_opens(name: str) -> None:
    if name.endswith(AT_A_PAGE):
        raise ApiKeyRefused(f"names that end in {AT_A_PAGE!r} stand for people, and open nothing")


def _successor_of(session: Session, key: ApiKey) -> ApiKeyTerms | None:
    return session.exec(select(ApiKeyTerms).where(ApiKeyTerms.replaces_id == key.id)).first()


def last_used_at(session: Session, key: ApiKey) -> datetime | None:
    """Return when a key was last used, to some ten minutes."""
    use = session.get(ApiKeyUse, key.id)
    return None if use is None else use.last_used_at


def insist_within(scope: Scope, by: Scope) -> None:
    """Do nothing where a scope is no wider than another. Raises BeyondScope."""
    if not scope.is_within(by):
        raise BeyondScope("a key makes, replaces and revokes only keys that may do no more than it")
