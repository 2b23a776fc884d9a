"""An API key is made: proposed by a key or at a page, kept once two people agreed."""

from datetime import UTC, datetime

from sqlmodel import Session

from app import clock
from app.identity import api_keys
from app.identity.errors import ApiKeyRefused
from app.identity.models import ApiKey
from app.identity.principal import Principal, Scope
from app.twofold import service as twofold
from app.twofold.models import TwofoldAct

KIND = "key-creation"
LIMITS = ("actions", "projects", "contract_ids")


def propose_key(
    session: Session,
    principal: Principal,
    *,
    name: str,
    secret_sha256: str,
    scope: Scope,
    expires_at: datetime | None,
) -> TwofoldAct:
    """Propose a key of a house by the hash of its secret; of a house one waits at a time.

    What the key that asks may give is for the caller to check. Raises ApiKeyRefused,
    TooManyProposals.
    """
    limits = {each: getattr(scope, each) for each in LIMITS}
    asked = {
        "name": name,
        "secret_sha256": secret_sha256,
        "prefix": api_keys.new_prefix(),
        "expires_at": _in_utc(expires_at),
        **{each: None if said is None else sorted(said) for each, said in limits.items()},
    }
    act = twofold.propose(
        session,
        KIND,
        principal.organization_id,
        asked,
        organization_id=principal.organization_id,
        api_key_id=principal.api_key_id,
    )
    _check_end(expires_at)
    api_keys.check_may_keep(session, principal.organization_id, name=name, scope=scope)
    return act


def put_in_force(session: Session, act: TwofoldAct) -> ApiKey:
    """Keep the key that two people agreed to. Raises ApiKeyRefused where it can be none any more,
    or would be over already."""
    twofold.note_done(session, act)
    _check_end(ends_at(act))
    return api_keys.keep_key(
        session,
        str(act.organization_id),
        name=act.asked["name"],
        secret_sha256=act.asked["secret_sha256"],
        scope=Scope.of(*(act.asked[each] for each in LIMITS)),
        expires_at=ends_at(act),
        prefix=act.asked["prefix"],
    )


def ends_at(act: TwofoldAct) -> datetime | None:
    """Return when the key would end, as it was proposed."""
    said = act.asked["expires_at"]
    return None if said is None else datetime.fromisoformat(said)


def _in_utc(end: datetime | None) -> str | None:
    """Write an end down; next to the first and the last year there are some that UTC has not."""
    try:
        return None if end is None else end.astimezone(UTC).isoformat()
    except OverflowError:
        raise ApiKeyRefused(
            f"no calendar has this end in UTC ({end and end.isoformat()}); propose another, or none"
        ) from None


def _check_end(end: datetime | None) -> None:
    if end is not None and end <= clock.now():
        raise ApiKeyRefused(
            f"the key would be over already ({end.isoformat()}); propose a later end"
        )
