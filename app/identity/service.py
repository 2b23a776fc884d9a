"""Organizations and the keys they sign with; one answer per Idempotency-Key."""

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey
from sqlalchemy.dialects import postgresql
from sqlmodel import Session, col, select

from app import clock
from app.identity.api_keys import create_api_key, revoke_api_key
from app.identity.errors import IdempotencyKeyReused, SigningKeyRefused
from app.identity.models import Answer, Organization, SigningKey
from app.identity.principal import Principal
from app.statements import Statement

__all__ = [
    "answer_once",
    "create_api_key",
    "create_organization",
    "register_signing_key",
    "revoke_api_key",
]


def create_organization(session: Session, name: str, kind: str) -> Organization:
    """Register an organization of kind performer, agency, production or union."""
    organization = Organization(name=name, kind=kind)
    session.add(organization)
    session.flush()
    return organization


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


_CLAIM = Statement(
    # Both databases spell this alike, and SQLAlchemy's words for it write it for either.
    postgresql.insert(Answer)
    .values({each.name: sa.bindparam(each.name) for each in sa.inspect(Answer).columns})
    .on_conflict_do_nothing()
    .returning(col(Answer.idempotency_key))
)
_THIS_KEY = sa.and_(
    col(Answer.organization_id) == sa.bindparam("by_organization_id"),
    col(Answer.idempotency_key) == sa.bindparam("by_idempotency_key"),
)
_KEPT = Statement(select(Answer.request_sha256, Answer.status, Answer.body).where(_THIS_KEY))
_KEEP = Statement(
    sa.update(Answer)
    .where(_THIS_KEY)
    .values(status=sa.bindparam("status"), body=sa.bindparam("body"))
)


def answer_once(
    connection: sa.Connection,
    principal: Principal,
    idempotency_key: str,
    request_sha256: str,
    act: Callable[[], tuple[int, str]],
) -> tuple[int, str]:
    """Run `act` once for this key and keep its answer in the same transaction.

    The same request again gets the kept answer; another request under the same key is refused
    (IdempotencyKeyReused). Two at once: the second waits for the first one's commit.
    """
    this_key = {
        "by_organization_id": principal.organization_id,
        "by_idempotency_key": idempotency_key,
    }
    claimed = _CLAIM.first(
        connection,
        organization_id=principal.organization_id,
        idempotency_key=idempotency_key,
        request_sha256=request_sha256,
        status=0,
        body="",
        created_at=clock.now(),
    )
    if claimed is not None:
        status, body = act()
        _KEEP.run(connection, status=status, body=body, **this_key)
        return status, body
    kept = _KEPT.first(connection, **this_key)
    if kept is None or kept[0] != request_sha256:
        raise IdempotencyKeyReused(
            "this Idempotency-Key was used with another request; take a new key for a new request"
        )
    return kept[1], kept[2]


def kept_answer(
    connection: sa.Connection, organization_id: str, idempotency_key: str, request_sha256: str
) -> tuple[int, str] | None:
    """Return what was answered to this very request under this key; None where nothing was."""
    kept = _KEPT.first(
        connection,
        by_organization_id=organization_id,
        by_idempotency_key=idempotency_key,
    )
    return None if kept is None or kept[0] != request_sha256 else (kept[1], kept[2])
