"""Check a face live: ask for poses in an order nobody knew, hold stills against the portrait.

What it proves, and against whom it proves nothing, says docs/faces.md. The stills are read in the
sandbox, compared in memory and thrown away; what is kept is how it ended, and a mark of each still
by which it is known again.
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from pydantic import BaseModel, Field, FiniteFloat, ValidationError
from sqlmodel import Session, col, select

from app import clock, keys, rates, sandbox, vault
from app.identity.principal import Principal
from app.registry import identities, mandates, poses, service
from app.registry.errors import (
    PICTURE_ERRORS,
    LiveCheckNotFound,
    LiveCheckOver,
    PerformerUnknown,
)
from app.registry.faces import TEMPLATE_LENGTH
from app.registry.models import Performer
from app.registry.models_live import LiveCheck, LiveStill

WITHIN = timedelta(minutes=5)
LASTS = timedelta(days=365)  # faces change
A_DAY, DAY = 5, timedelta(days=1)
STILLS = len(poses.POSES)
STILL_BYTES = 12 << 20
# Each still is as a portrait is; three of them have been looked at in 2.5 s of one core.
READ_WALL_S, READ_CPU_S, READ_MEMORY_BYTES = 120, 60, 1280 << 20


class _Still(BaseModel):
    faces: int = Field(ge=0, le=1000)
    outline: str = Field(pattern="^[0-9a-f]{64}$")
    points: list[tuple[FiniteFloat, FiniteFloat]] = Field([], max_length=5)
    template: list[FiniteFloat] = Field([], max_length=TEMPLATE_LENGTH)


class _Seen(BaseModel):
    """What the sandboxed reader must have said; it read untrusted bytes, so it is checked."""

    stills: list[_Still] = Field(max_length=STILLS)


def begin(
    session: Session,
    performer: Performer,
    *,
    by: Principal | None = None,
    recovery_id: str | None = None,
) -> LiveCheck:
    """Draw poses for whoever asks: a performer's own side, or the link of a recovery.

    Five a day for each performer, and five for each recovery, so that neither uses up the other's.
    Raises LikenessErased, LiveCheckOver for who has died, TooManyRequests.
    """
    session.refresh(performer, with_for_update=True)
    vault.check_not_erased(session, performer.id)
    if mandates.is_dead(session, performer.id):
        raise LiveCheckOver("a death is on record: there is no live check after it")
    _check_not_too_many(session, performer.id, recovery_id)
    at = clock.now()
    check = LiveCheck(
        performer_id=performer.id,
        replica_id=service.replicas_of(session, performer.id)[0].id,
        api_key_id=None if by is None else by.api_key_id,
        recovery_id=recovery_id,
        poses=poses.drawn(),
        asked_at=at,
        expires_at=at + WITHIN,
    )
    session.add(check)
    session.flush()
    return check


def _check_not_too_many(session: Session, performer_id: str, recovery_id: str | None) -> None:
    since = clock.now() - DAY
    theirs = select(LiveCheck.asked_at).where(
        LiveCheck.performer_id == performer_id,
        col(LiveCheck.asked_at) > since,
        LiveCheck.recovery_id == recovery_id
        if recovery_id
        else col(LiveCheck.recovery_id).is_(None),
    )
    asked = session.exec(theirs.order_by(col(LiveCheck.asked_at))).all()
    if len(asked) >= A_DAY:
        wait_s = max(1, int((asked[-A_DAY] - since).total_seconds()) + 1)
        raise rates.TooManyRequests(
            f"a face is checked live {A_DAY} times a day; try again later", retry_after_s=wait_s
        )


def check_of(session: Session, organization_id: str, check_id: str) -> LiveCheck:
    """Return a check to who may act in the performer's place. Raises LiveCheckNotFound."""
    check = session.get(LiveCheck, check_id)
    if check is not None and check.recovery_id is None:
        try:
            service.performer_in_place(session, organization_id, check.performer_id, stops=True)
            return check
        except PerformerUnknown:
            pass
    raise _not_found(check_id)


def check_for(session: Session, recovery_id: str, check_id: str) -> LiveCheck:
    """Return a check to whoever holds the link of its recovery. Raises LiveCheckNotFound."""
    check = session.get(LiveCheck, check_id)
    if check is None or check.recovery_id != recovery_id:
        raise _not_found(check_id)
    return check


def _not_found(check_id: str) -> LiveCheckNotFound:
    return LiveCheckNotFound(f"no live check of yours has the id {check_id[:64]}")


def is_open(check: LiveCheck, at: datetime) -> bool:
    """Say whether a check may be answered at an instant."""
    return check.answered_at is None and at < check.expires_at


def passed_for(session: Session, recovery_id: str) -> bool:
    """Say whether the face was seen live for a recovery."""
    theirs = select(sa.func.count()).select_from(LiveCheck)
    passed = theirs.where(
        col(LiveCheck.recovery_id) == recovery_id, col(LiveCheck.outcome) == "passed"
    )
    return session.scalar(passed) != 0


def look(paths: Sequence[Path]) -> list[poses.Still]:
    """Read the stills in the sandbox. Call it outside transactions.

    Raises any of `errors.PICTURE_ERRORS`, and what `sandbox.run` raises.
    """
    said = sandbox.run(
        "app.registry.poses:see",
        {"paths": [str(path.resolve()) for path in paths]},
        wall_s=READ_WALL_S,
        cpu_s=READ_CPU_S,
        memory_bytes=READ_MEMORY_BYTES,
        reads=list(paths),
        refusals=PICTURE_ERRORS,
    )
    try:
        found = _Seen.model_validate(said).stills
        whole = [(len(each.points), len(each.template)) for each in found]
        if len(found) != len(paths) or not set(whole) <= {(0, 0), (5, TEMPLATE_LENGTH)}:
            raise ValueError("not what was asked for")
    except (ValidationError, ValueError):
        raise sandbox.SandboxCrashed(
            "the process that read the stills gave no sensible answer", reason="answer"
        ) from None
    return [
        poses.Still(
            # one face that was not described is none that can be compared
            each.faces if each.faces != 1 or each.template else 0,
            each.outline,
            each.points,
            each.template,
        )
        for each in found
    ]


def answer(
    session: Session,
    check: LiveCheck,
    stills: Sequence[poses.Still],
    sha256s: Sequence[bytes],
    *,
    at: datetime,
) -> LiveCheck:
    """Put down how a check ended, once; where it passed and no recovery asked, with a proof.

    `stills` are what `look` saw, `sha256s` those of the files, `at` when they were received. Raises
    LiveCheckOver, LikenessErased.
    """
    performer = session.get_one(Performer, check.performer_id, with_for_update=True)
    session.refresh(check, with_for_update=True)
    newest = service.replicas_of(session, performer.id)[0]
    if not is_open(check, at) or check.replica_id != newest.id:
        raise LiveCheckOver(
            "this check was answered, or its five minutes are over; begin another one"
        )
    media = service.references_of(session, newest.id)
    templates = [
        service.open_template(session, each, purpose="live-check", subject_id=check.id)
        for each in media
    ]
    reasons = poses.judge(check.poses, stills, templates)
    portraits = {(each.commitment_salt, each.commitment) for each in media}
    for number, sha256 in enumerate(sha256s, 1):
        is_portrait = any(
            service.commitment(bytes.fromhex(salt), sha256.hex()) == known
            for salt, known in portraits
        )
        if is_portrait or not _is_new(session, check, sha256):
            reasons.append(f"{number} seen-before")
    check.reasons, check.outcome = sorted(set(reasons)), "failed" if reasons else "passed"
    check.answered_at = at
    session.add(check)
    if check.outcome == "passed" and check.recovery_id is None:
        identities.keep(session, performer, newest.id, "live", reference=check.id, lasts=LASTS)
    session.flush()
    return check


def _is_new(session: Session, check: LiveCheck, sha256: bytes) -> bool:
    """Keep a still's mark; say whether this installation never had it in a check before."""
    mark = hmac.digest(keys.secret("evidence"), b"live-still " + sha256, "sha256").hex()
    if session.get(LiveStill, mark) is not None:
        return False
    session.add(LiveStill(mark=mark, check_id=check.id))
    session.flush()
    return True


def digest_of(sha256s: Sequence[bytes]) -> bytes:
    """Return what makes two answers the same request."""
    return hashlib.sha256(b"".join(sha256s)).digest()
