"""Who holds an API key, remembered; and whether it still stands, looked up in every transaction."""

import hashlib
import hmac

import sqlalchemy as sa
from sqlmodel import col, select

from app import clock
from app.identity.errors import NotAuthenticated
from app.identity.models import ApiKey, Organization
from app.identity.principal import Principal
from app.statements import Statement

KEY_LABEL = "ustk"  # lets secret scanners recognise a leaked key
REMEMBERED_MOST = 4096

_KEY_BY_PREFIX = Statement(
    select(ApiKey.id, ApiKey.secret_sha256, Organization.id, Organization.kind)
    .join(Organization, col(Organization.id) == ApiKey.organization_id)
    .where(ApiKey.prefix == sa.bindparam("prefix"))
)
_STANDING = Statement(
    select(ApiKey.revoked_at, ApiKey.expires_at).where(ApiKey.id == sa.bindparam("id"))
)
# SHA-256 of a key's text -> who holds it: that never changes. Whether the key stands may.
_remembered: dict[bytes, Principal] = {}


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
    principal = Principal(organization_id=found[2], kind=found[3], api_key_id=found[0])
    check_standing(connection, principal)
    if len(_remembered) >= REMEMBERED_MOST:
        _remembered.clear()
    _remembered[_digest(text)] = principal
    return principal


def check_standing(connection: sa.Connection, principal: Principal) -> None:
    """Do nothing while the caller's key stands, by this transaction. Raises NotAuthenticated."""
    found = _STANDING.first(connection, id=principal.api_key_id)
    if found is None or found[0] is not None or (found[1] and found[1] <= clock.now()):
        raise _refusal()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()


def _refusal() -> NotAuthenticated:
    return NotAuthenticated(
        "the API key is unknown, expired or revoked; make one with `understudy api-key create`"
    )
