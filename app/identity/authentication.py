"""Who holds an API key, remembered; and whether it still stands, looked up in every transaction."""

import hashlib
import hmac
from datetime import timedelta
from time import monotonic

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlmodel import Session, col, select

from app import clock
from app.identity.errors import NotAuthenticated
from app.identity.models import ApiKey, ApiKeyTerms, ApiKeyUse, Organization
from app.identity.principal import Principal, Scope
from app.statements import Statement

KEY_LABEL = "ustk"  # lets secret scanners recognise a leaked key
REMEMBERED_MOST = 4096
USE_NOTED_EVERY = timedelta(minutes=10)

_KEY_BY_PREFIX = Statement(
    sa.select(
        col(ApiKey.id),
        col(ApiKey.secret_sha256),
        col(Organization.id),
        col(Organization.kind),
        col(ApiKeyTerms.actions),
        col(ApiKeyTerms.projects),
        col(ApiKeyTerms.contract_ids),
    )
    .join(Organization, col(Organization.id) == col(ApiKey.organization_id))
    .outerjoin(ApiKeyTerms, col(ApiKeyTerms.api_key_id) == col(ApiKey.id))
    .where(col(ApiKey.prefix) == sa.bindparam("prefix"))
)
_STANDING = Statement(
    select(ApiKey.revoked_at, ApiKey.expires_at, ApiKeyTerms.replaced_ends_at)
    .outerjoin(ApiKeyTerms, col(ApiKeyTerms.replaces_id) == col(ApiKey.id))
    .where(ApiKey.id == sa.bindparam("id"))
)
_USED = Statement(
    # Both databases spell this alike, and SQLAlchemy's words for it write it for either.
    postgresql.insert(ApiKeyUse)
    .values(api_key_id=sa.bindparam("id"), last_used_at=sa.bindparam("at"))
    .on_conflict_do_update(index_elements=["api_key_id"], set_={"last_used_at": sa.bindparam("at")})
)
# SHA-256 of a key's text -> who holds it: that never changes. Whether the key stands may.
_remembered: dict[bytes, Principal] = {}
_noted: dict[str, float] = {}  # when this process last put down that a key is in use


def remembered(text: str) -> Principal | None:
    """Return who was found to hold this key before; whether it still stands is `check_standing`."""
    return _remembered.get(_digest(text))


def authenticate(connection: sa.Connection, text: str) -> Principal:
    """Return who holds this API key. Raises NotAuthenticated, saying nothing about which part."""
    label, _, rest = text.partition("_")
    prefix, _, secret = rest.partition("_")
    if label != KEY_LABEL or not secret or "\x00" in prefix:
        raise _refusal()
    found = _KEY_BY_PREFIX.first(connection, prefix=prefix)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    if found is None or not hmac.compare_digest(digest, found[1]):
        raise _refusal()
    principal = Principal(
        organization_id=found[2],
        kind=found[3],
        api_key_id=found[0],
        scope=Scope.of(*found[4:7]),
    )
    check_standing(connection, principal)
    if len(_remembered) >= REMEMBERED_MOST:
        _remembered.clear()
    _remembered[_digest(text)] = principal
    return principal


def check_standing(connection: sa.Connection, principal: Principal) -> None:
    """Do nothing while the caller's key stands, by this transaction. Raises NotAuthenticated."""
    found = _STANDING.first(connection, id=principal.api_key_id)
    if found is None or found[0] is not None:
        raise _refusal()
    if any(each is not None and each <= clock.now() for each in found[1:]):
        raise _refusal()


def is_use_noted(principal: Principal) -> bool:
    """Say whether it was put down minutes ago that this key is in use; or will be, from here on."""
    now, before = monotonic(), _noted.get(principal.api_key_id)
    if before is not None and now - before < USE_NOTED_EVERY.total_seconds():
        return True
    if len(_noted) >= REMEMBERED_MOST:
        _noted.clear()
    _noted[principal.api_key_id] = now
    return False


def note_use(session: Session, principal: Principal) -> None:
    """Put down that a key that stands is in use. Raises NotAuthenticated for any other."""
    try:
        check_standing(session.connection(), principal)
    except NotAuthenticated:
        _noted.pop(principal.api_key_id, None)  # the next request is refused here too
        raise
    _USED.run(session.connection(), id=principal.api_key_id, at=clock.now())


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()


def _refusal() -> NotAuthenticated:
    return NotAuthenticated(
        "the API key is unknown, expired or revoked; make one with `understudy api-key create`"
    )
