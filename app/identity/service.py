"""Organizations and the keys they sign with; one answer per Idempotency-Key."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

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
_LET_GO = Statement(sa.delete(Answer).where(_THIS_KEY))


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
    claim = Claim(principal, idempotency_key, request_sha256)
    (answer,) = answer_together(connection, [claim], lambda _: [act()])
    if isinstance(answer, Exception):
        raise answer
    return answer


class Claim(NamedTuple):
    """Who claims an Idempotency-Key, for which request."""

    principal: Principal
    idempotency_key: str
    request_sha256: str


Kept = tuple[int, str]  # a status, and a body


def answer_together(
    connection: sa.Connection,
    claims: Sequence[Claim],
    act: Callable[[Sequence[int]], Sequence[Kept | Exception]],
) -> list[Kept | Exception]:
    """Like `answer_once` for each claim, in their order; an error in place of an answer.

    `act` is given the places of the claims that nobody made before, once for all of them, and
    returns what each is answered, or the error for which nothing of it was written: such a key may
    be tried again.
    """
    new = [place for place, claim in enumerate(claims) if _claim(connection, claim)]
    done = dict(zip(new, act(new) if new else (), strict=True))
    kept = {place: each for place, each in done.items() if not isinstance(each, Exception)}
    _KEEP.run_many(
        connection,
        [
            {"status": status, "body": body, **_this_key(claims[place])}
            for place, (status, body) in kept.items()
        ],
    )
    for place in done.keys() - kept.keys():
        _LET_GO.run(connection, **_this_key(claims[place]))
    return [
        done[place] if place in done else _answered_before(connection, claim)
        for place, claim in enumerate(claims)
    ]


def _answered_before(connection: sa.Connection, claim: Claim) -> Kept | Exception:
    found = _KEPT.first(connection, **_this_key(claim))
    if found is None:  # it was claimed a moment ago, and let go: nobody has answered it
        raise LookupError("two asked under one key, and the first of them was refused")
    if found[0] != claim.request_sha256:
        return _reused()
    return found[1], found[2]


def _claim(connection: sa.Connection, claim: Claim) -> bool:
    """Take a key, unless somebody has: then wait for their commit."""
    return bool(
        _CLAIM.first(
            connection,
            organization_id=claim.principal.organization_id,
            idempotency_key=claim.idempotency_key,
            request_sha256=claim.request_sha256,
            status=0,
            body="",
            created_at=clock.now(),
        )
    )


def _this_key(claim: Claim) -> dict[str, str]:
    return {
        "by_organization_id": claim.principal.organization_id,
        "by_idempotency_key": claim.idempotency_key,
    }


def _reused() -> IdempotencyKeyReused:
    return IdempotencyKeyReused(
        "this Idempotency-Key was used with another request; take a new key for a new request"
    )


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
