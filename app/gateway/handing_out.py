"""Hand out what was released, by links that last a minute, while it may be shown."""

import hmac
from datetime import datetime
from hashlib import sha256

from sqlmodel import Session

from app import clock, keys
from app.gateway import service, takes
from app.gateway.errors import LinkExpired, OutputNotReleased
from app.gateway.generators import catalogue
from app.gateway.models import Generation
from app.licensing.decisions.looking import may_hand_out


def download_link(generation: Generation, *, expires_at: datetime) -> str:
    """Return a path that opens the released file until `expires_at`. Raises OutputNotReleased."""
    if generation.state != "released" or generation.output_key is None:
        why = f": {generation.reason}" if generation.reason else ""
        raise OutputNotReleased(
            f"{generation.id} is {generation.state}{why}; there is no released file to download"
        )
    if takes.is_gone(generation):
        raise OutputNotReleased(
            f"{generation.id} was a draft, kept until {generation.delete_at}; make another take"
        )
    expiry = int(expires_at.timestamp())
    return f"/v1/downloads/{generation.id}?expires={expiry}&seal={_seal(generation.id, expiry)}"


def open_link(session: Session, generation_id: str, expires: int, seal: str) -> Generation:
    """Return the generation a link was issued for. Raises LinkExpired, OutputNotReleased."""
    fresh = int(clock.now().timestamp()) <= expires
    sealed = hmac.compare_digest(seal.encode(), _seal(generation_id, expires).encode())
    if not (sealed and fresh):
        raise LinkExpired("this link has expired or was altered; ask for a new one")
    generation = session.get_one(Generation, generation_id)
    check_handing_out(session, generation)
    return generation


def check_handing_out(session: Session, generation: Generation) -> None:
    """Do nothing while the file is released and may still be shown. Raises OutputNotReleased."""
    download_link(generation, expires_at=clock.now())  # raises when it is not released
    if generation.taken_down_at is not None:
        raise OutputNotReleased(
            f"{generation.id} was taken down at {generation.taken_down_at:%Y-%m-%d %H:%M} UTC: "
            "that is the outcome of a case about it"
        )
    if stopped := service.what_stops(session, generation):
        raise OutputNotReleased(f"{generation.id} is not handed out now: {stopped}")
    may = may_hand_out(
        session,
        generation.decision_id,
        generators=catalogue.TRAINS_ON_INPUTS,
        found_tags=generation.found_tags,
    )
    if not may:
        raise OutputNotReleased(
            f"{generation.id} is no longer handed out: under its contract it is paused or had to "
            "come down; ask the performer's side"
        )


def _seal(generation_id: str, expiry: int) -> str:
    text = f"{generation_id}\n{expiry}".encode()
    return hmac.new(keys.secret("link"), text, sha256).hexdigest()
