"""Photos and recordings that a performer gives of themselves: checked at once, kept, taken back.

What is kept lies in the vault under the performer's key; each opening names who or what for.
"""

import base64
import binascii
import hashlib
import secrets
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, Field, FiniteFloat, ValidationError
from sqlmodel import Session, col, select

from app import clock, sandbox, vault
from app.identity.principal import Principal
from app.language import marked
from app.registry import photos, poses, recordings, service
from app.registry.errors import PICTURE_ERRORS, MediumNotFound, PerformerUnknown, PhotoRefused
from app.registry.faces import MAX_PIXELS, TEMPLATE_LENGTH
from app.registry.models import Performer
from app.registry.models_likeness import LikenessMedium
from app.vault import VaultObject, VaultOpening

AGREED = {
    "photo": marked(
        "It is my face, or that of whom I sign for. I agree that this photo is measured, and that "
        "it and the measure are kept encrypted until I remove them."
    ),
    "voice": marked(
        "It is my voice, or that of whom I sign for. I agree that this recording is kept encrypted "
        "until I remove it."
    ),
}
SUFFIXES = {**service.SUFFIXES, **recordings.SUFFIXES}
STILL_BYTES = 256 << 10
POINTS = 5
MEASURED = struct.Struct(f"<{TEMPLATE_LENGTH}f{2 * POINTS}f")


class _Seen(BaseModel):
    """What the sandboxed reader must have said; it read untrusted bytes, so it is checked."""

    media_type: str = Field(pattern="^image/(jpeg|png|webp)$")
    width: int = Field(gt=0)
    height: int = Field(gt=0, le=MAX_PIXELS)
    still: str = Field(max_length=STILL_BYTES)
    faces: int = Field(ge=0, le=1000)
    points: list[tuple[FiniteFloat, FiniteFloat]] = Field([], max_length=POINTS)
    template: list[FiniteFloat] = Field([], max_length=TEMPLATE_LENGTH)
    face_width: int = Field(0, ge=0, le=MAX_PIXELS)
    light: FiniteFloat = 0
    contrast: FiniteFloat = 0
    glare: FiniteFloat = 0
    aside: FiniteFloat = 0
    sharpness: FiniteFloat = 0


@dataclass(frozen=True)
class Known:
    """What a photo is compared with: the enrolled face, and the straight photo's landmarks."""

    portrait: Sequence[float]
    straight: Sequence[poses.Point] | None


def look_at_photo(path: Path) -> photos.Photo:
    """Read a photo in the sandbox and measure it. Call it outside transactions.

    Raises any of `errors.PICTURE_ERRORS`, and what `sandbox.run` raises.
    """
    said = sandbox.run(
        "app.registry.photos:see",
        {"path": str(path.resolve())},
        wall_s=service.READ_WALL_S,
        cpu_s=service.READ_CPU_S,
        memory_bytes=service.READ_MEMORY_BYTES,
        reads=[path],
        refusals=PICTURE_ERRORS,
    )
    try:
        found = _Seen.model_validate(said)
        still = base64.b64decode(found.still, validate=True)
        measured = (len(found.points), len(found.template))
        if measured != ((POINTS, TEMPLATE_LENGTH) if found.faces == 1 else (0, 0)):
            raise ValueError("not what was asked for")
        if not still.startswith(b"\xff\xd8\xff"):
            raise ValueError("no still")
    except (ValidationError, ValueError, binascii.Error):
        raise sandbox.SandboxCrashed(
            "the process that read the picture gave no sensible answer", reason="answer"
        ) from None
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    facts = found.model_dump(exclude={"still"})
    return photos.Photo(**facts, still=still, size_bytes=path.stat().st_size, sha256=sha256)


def keep_photo(
    session: Session,
    performer: Performer,
    pose: str,
    path: Path,
    photo: photos.Photo,
    *,
    by: Principal,
) -> LikenessMedium | PhotoRefused:
    """Keep a good photo, in the place of one of the same pose; else say what to do better.

    A refusal is returned: what the photo was compared with was opened, and that is on record
    however it ends. Raises LikenessErased.
    """
    session.refresh(performer, with_for_update=True)
    vault.check_not_erased(session, performer.id)
    kept = {each.part: each for each in kept_of(session, performer.id) if each.kind == "photo"}
    reasons = what_is_wrong(pose, photo, _open_known(session, performer, kept.get(poses.STRAIGHT)))
    if reasons:
        return PhotoRefused(reasons)
    if pose in kept:
        remove(session, kept[pose], by=by)
    measured = MEASURED.pack(*photo.template, *(x for point in photo.points for x in point))
    medium = LikenessMedium(
        **facts_of(session, performer, "photo", pose, by),
        **committed(photo.sha256),
        media_type=photo.media_type,
        size_bytes=photo.size_bytes,
        vault_object_id=vault.seal(session, performer.id, "photo", path).id,
        template_object_id=vault.seal(session, performer.id, "photo-template", measured).id,
        still_object_id=vault.seal(session, performer.id, "photo-still", photo.still).id,
    )
    session.add(medium)
    session.flush()
    return medium


def what_is_wrong(pose: str, photo: photos.Photo, known: Known) -> list[str]:
    """Say everything that is to be done better, as codes; nothing where the photo is good."""
    if pose != poses.STRAIGHT and known.straight is None:
        return ["straight-first"]
    return photos.judge(pose, photo, known.portrait, known.straight)


def _open_known(session: Session, performer: Performer, straight: LikenessMedium | None) -> Known:
    """Open what a photo is compared with; each opening is on record."""
    newest = service.replicas_of(session, performer.id)[0]
    (first, *_) = service.references_of(session, newest.id)
    portrait = service.open_template(session, first, purpose="enrollment", subject_id=performer.id)
    if straight is None:
        return Known(portrait, None)
    _template, points = open_measure(
        session, straight, viewer_id=performer.id, purpose="enrollment"
    )
    return Known(portrait, points)


def open_measure(
    session: Session, photo: LikenessMedium, *, viewer_id: str, purpose: vault.Purpose
) -> tuple[list[float], list[poses.Point]]:
    """Open what was measured in a photo: the face, and its points. The opening is on record.

    Raises MediumNotFound for what was removed, or is no photo; what the vault raises.
    """
    if photo.removed_at is not None or photo.template_object_id is None:
        raise MediumNotFound(f"{photo.id} was removed, or nothing was measured in it")
    packed = vault.open_bytes(
        session, photo.template_object_id, purpose=purpose, subject_id=viewer_id
    )
    numbers = MEASURED.unpack(packed)
    points = numbers[TEMPLATE_LENGTH:]
    return list(numbers[:TEMPLATE_LENGTH]), list(zip(points[::2], points[1::2], strict=True))


def kept_of(session: Session, performer_id: str) -> list[LikenessMedium]:
    """List what a performer gave and did not remove, oldest first."""
    return [each for each in every_of(session, performer_id) if each.removed_at is None]


def every_of(session: Session, performer_id: str) -> Sequence[LikenessMedium]:
    """List what a performer ever gave, what was removed too, oldest first."""
    theirs = select(LikenessMedium).where(LikenessMedium.performer_id == performer_id)
    return session.exec(theirs.order_by(col(LikenessMedium.id))).all()


def medium_of(session: Session, organization_id: str, medium_id: str) -> LikenessMedium:
    """Return what is still kept to who may open and remove it. Raises MediumNotFound."""
    medium = session.get(LikenessMedium, medium_id)
    if medium is not None:
        try:
            service.performer_opened_to(session, organization_id, medium.performer_id)
            return medium
        except PerformerUnknown:
            pass
    raise MediumNotFound(f"no photo or recording of yours has the id {medium_id[:64]}")


def remove(session: Session, medium: LikenessMedium, *, by: Principal) -> LikenessMedium:
    """Take something back: from this commit on nothing opens it. Harmless to repeat.

    The first who did it stands on record.
    """
    session.refresh(medium, with_for_update=True)
    if medium.removed_at is None:
        for object_id in medium.object_ids:
            vault.make_unreadable(session, object_id)
        medium.removed_at = clock.now()
        medium.removed_by_id, medium.removed_key_id = by.organization_id, by.api_key_id
        session.add(medium)
        session.flush()
    return medium


def open_medium(
    session: Session,
    medium: LikenessMedium,
    *,
    viewer_id: str,
    still: bool = False,
    purpose: vault.Purpose = "owner-viewing",
) -> bytes:
    """Open one thing for its owner: whole, or of a photo its `still`. The opening is on record.

    Raises MediumNotFound for what was removed, or has no still; what the vault raises.
    """
    object_id = medium.still_object_id if still else medium.vault_object_id
    if medium.removed_at is not None or object_id is None:
        raise MediumNotFound(f"{medium.id} was removed, or has nothing of this kind")
    return vault.open_bytes(session, object_id, purpose=purpose, subject_id=viewer_id)


def openings_of(
    session: Session, performer_id: str, *, before: str | None = None, limit: int = 20
) -> Sequence[tuple[VaultOpening, VaultObject]]:
    """List who or what opened anything of a performer's in the vault, newest first."""
    theirs = (
        select(VaultOpening, VaultObject)
        .join(VaultObject, col(VaultObject.id) == col(VaultOpening.object_id))
        .where(VaultObject.owner_id == performer_id)
        .order_by(col(VaultOpening.id).desc())
        .limit(limit)
    )
    return session.exec(theirs.where(VaultOpening.id < before) if before else theirs).all()


def opened_times(session: Session, found: Sequence[LikenessMedium]) -> dict[str, int]:
    """Count how often each of these was opened, in one query: by the id of the medium."""
    owner = {object_id: each.id for each in found for object_id in each.object_ids}
    counted = (
        sa.select(col(VaultOpening.object_id), sa.func.count())
        .where(col(VaultOpening.object_id).in_(owner))
        .group_by(col(VaultOpening.object_id))
    )
    times = dict.fromkeys((each.id for each in found), 0)
    for object_id, number in session.execute(counted):
        times[owner[object_id]] += number
    return times


def facts_of(
    session: Session, performer: Performer, kind: str, part: str, by: Principal
) -> dict[str, Any]:
    """Say of something that is kept whose it is, what it is, and what was agreed to, by whom."""
    return {
        "performer_id": performer.id,
        "replica_id": service.replicas_of(session, performer.id)[0].id,
        "kind": kind,
        "part": part,
        "agreed": AGREED[kind],
        "organization_id": by.organization_id,
        "api_key_id": by.api_key_id,
    }


def committed(sha256: str) -> dict[str, Any]:
    """Bind a file under a fresh salt, as a reference medium does."""
    salt = secrets.token_bytes(16)
    return {"commitment_salt": salt.hex(), "commitment": service.commitment(salt, sha256)}
