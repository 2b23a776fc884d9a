"""Organizations and their keys; one answer per Idempotency-Key."""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey
from sqlmodel import Session, select

from app import clock
from app.identity.errors import (
    IdempotencyKeyReused,
    NotAuthenticated,
    SigningKeyRefused,
)
from app.identity.models import Answer, ApiKey, Organization, SigningKey
from app.identity.principal import Principal

KEY_LABEL = "ustk"  # lets secret scanners recognise a leaked key


def create_organization(session: Session, name: str, kind: str) -> Organization:
    """Register an organization of kind performer, agency, production or union."""
    organization = Organization(name=name, kind=kind)
    session.add(organization)
    session.flush()
    return organization


def create_api_key(
    session: Session,
    organization: Organization,
    *,
    name: str,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Make a key and return it with its text, which is shown this once and never stored."""
    prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    key = ApiKey(
        organization_id=organization.id,
        name=name,
        prefix=prefix,
        secret_sha256=hashlib.sha256(secret.encode()).hexdigest(),
        expires_at=expires_at,
    )
    session.add(key)
    session.flush()
    return key, f"{KEY_LABEL}_{prefix}_{secret}"


def authenticate(session: Session, text: str) -> Principal:
    """Return who holds this API key. Raises NotAuthenticated, saying nothing about which part."""
    refusal = NotAuthenticated(
        "the API key is unknown, expired or revoked; make one with `understudy api-key create`"
    )
    label, _, rest = text.partition("_")
    prefix, _, secret = rest.partition("_")
    if label != KEY_LABEL or not secret:
        raise refusal
    key = session.exec(select(ApiKey).where(ApiKey.prefix == prefix)).first()
    digest = hashlib.sha256(secret.encode()).hexdigest()
    if key is None or not hmac.compare_digest(digest, key.secret_sha256):
        raise refusal
    if key.revoked_at is not None or (key.expires_at and key.expires_at <= clock.now()):
        raise refusal
    organization = session.get_one(Organization, key.organization_id)
    return Principal(organization.id, organization.kind, key.id)


def revoke_api_key(session: Session, key: ApiKey) -> ApiKey:
    """End a key at once; the first moment stands."""
    key.revoked_at = key.revoked_at or clock.now()
    session.add(key)
    session.flush()
    return key


def register_signing_key(
    session: Session, organization_id: str, public_jwk: Mapping[str, Any]
) -> SigningKey:
    """Keep the public key (JWK: P-256 or Ed25519) this organization will sign contracts with.

    Raises SigningKeyRefused for any other kind, and for a JWK that carries its private half.
    """
    if "d" in public_jwk:
        raise SigningKeyRefused(
            "this JWK contains the private key; keep it secret, make a new one, and send only "
            "its public members"
        )
    jwk = dict(public_jwk)
    try:
        if jwk.get("kty") == "EC" and jwk.get("crv") == "P-256":
            algorithm, public = "ES256", ECKey.import_key(jwk).as_dict(private=False)
        elif jwk.get("kty") == "OKP" and jwk.get("crv") == "Ed25519":
            algorithm, public = "Ed25519", OKPKey.import_key(jwk).as_dict(private=False)
        else:
            raise SigningKeyRefused("contracts are signed with P-256 (ES256) or Ed25519 keys")
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise SigningKeyRefused(f"the JWK cannot be read ({error}); check its members") from error
    key = SigningKey(organization_id=organization_id, algorithm=algorithm, public_jwk=public)
    session.add(key)
    session.flush()
    return key


def answer_once(
    session: Session,
    principal: Principal,
    idempotency_key: str,
    request_sha256: str,
    act: Callable[[], tuple[int, str]],
) -> tuple[int, str]:
    """Run `act` once for this key and keep its answer in the same transaction.

    The same request again gets the kept answer; another request under the same key is refused
    (IdempotencyKeyReused). Two at once: the second waits for the first one's commit.
    """
    claimed = session.execute(
        _insert_new(session)
        .values(
            organization_id=principal.organization_id,
            idempotency_key=idempotency_key,
            request_sha256=request_sha256,
            status=0,
            body="",
            created_at=clock.now(),
        )
        .returning(Answer.idempotency_key)
    ).first()
    answer = session.get_one(Answer, (principal.organization_id, idempotency_key))
    if claimed is not None:
        answer.status, answer.body = act()
        session.add(answer)
        session.flush()
    elif answer.request_sha256 != request_sha256:
        raise IdempotencyKeyReused(
            "this Idempotency-Key was used with another request; take a new key for a new request"
        )
    return answer.status, answer.body


def _insert_new(session: Session) -> Any:
    """INSERT … ON CONFLICT DO NOTHING, which both databases spell alike and SQLAlchemy does not."""
    from sqlalchemy.dialects import postgresql, sqlite

    bind = session.get_bind()
    insert = postgresql.insert if bind.dialect.name == "postgresql" else sqlite.insert
    return insert(Answer).on_conflict_do_nothing()
