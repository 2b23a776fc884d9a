"""An API key is replaced: proposed with a key that may, made once two people agreed."""

from datetime import timedelta

from sqlmodel import Session

from app.identity import api_keys
from app.identity.models import ApiKey
from app.identity.principal import Principal
from app.twofold import service as twofold
from app.twofold.models import TwofoldAct

KIND = "key-rotation"


def propose_rotation(
    session: Session,
    principal: Principal,
    key: ApiKey,
    *,
    secret_sha256: str,
    overlap: timedelta,
) -> TwofoldAct:
    """Propose a new key in the place of one, by the hash of its secret.

    Raises ApiKeyRefused, BeyondScope for a key that asks and may less. Acts are locked before the
    key, as whoever agrees to one locks them.
    """
    asked = {
        "secret_sha256": secret_sha256,
        "overlap_s": int(overlap.total_seconds()),
        "prefix": api_keys.new_prefix(),
    }
    act = twofold.propose(
        session,
        KIND,
        key.id,
        asked,
        organization_id=principal.organization_id,
        api_key_id=principal.api_key_id,
    )
    api_keys.check_may_rotate(session, key, overlap=overlap)
    api_keys.insist_within(api_keys.scope_of(session, key), principal.scope)
    return act


def put_in_force(session: Session, act: TwofoldAct) -> ApiKey:
    """Make the key that two people agreed to. Raises ApiKeyRefused where the old stands no more."""
    twofold.note_done(session, act)
    return api_keys.rotate(
        session,
        api_keys.key_of(session, str(act.organization_id), act.subject_id),
        secret_sha256=act.asked["secret_sha256"],
        overlap=timedelta(seconds=act.asked["overlap_s"]),
        prefix=act.asked["prefix"],
    )
