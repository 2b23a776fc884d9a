"""Enroll a performer from a portrait; find, list, pause and resume performers."""

import hashlib
import secrets
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from pydantic import BaseModel, Field, FiniteFloat, ValidationError
from sqlmodel import Session, col, select

from app import clock, keys, sandbox, vault, vault_tokens
from app.identity.models import Organization
from app.registry import lives, mandates, sealing
from app.registry.errors import (
    PICTURE_ERRORS,
    EnrollmentHeld,
    NoFaceFound,
    PerformerNameRefused,
    PerformerUnknown,
    SeveralFacesFound,
)
from app.registry.faces import MAX_PIXELS, TEMPLATE_LENGTH
from app.registry.models import Performer, ReferenceMedium, Replica
from app.registry.models_resemblance import EnrollmentHold

NAME_CHARACTERS = 200
HELD = {
    "open": "this face resembles that of somebody who is enrolled here, which proves nothing: a "
    "person of this installation looks at it. Nothing is to be done; you are told when they have",
    "refused": "a person of this installation looked at this face and did not let it go on. If "
    "that is wrong, open a case",
}
SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}
# Address space, not memory in use: an ordinary portrait needs 600 MiB of it and 1.5 s of one core,
# fifty megapixels of WebP 1 GiB and 5 s.
READ_WALL_S, READ_CPU_S, READ_MEMORY_BYTES = 60, 30, 1280 << 20


class _Found(BaseModel):
    """What the sandboxed reader must have said; it read untrusted bytes, so it is checked."""

    media_type: str = Field(pattern="^image/(jpeg|png|webp)$")
    width: int = Field(gt=0)
    height: int = Field(gt=0, le=MAX_PIXELS)
    faces: list[dict[str, list[int]]] = Field(max_length=1000)
    template: list[FiniteFloat] | None = Field(
        None, min_length=TEMPLATE_LENGTH, max_length=TEMPLATE_LENGTH
    )


@dataclass(frozen=True)
class Portrait:
    """A picture in which exactly one face was found."""

    media_type: str
    width: int
    height: int
    size_bytes: int
    sha256: str
    template: tuple[float, ...]


def inspect_portrait(path: Path) -> Portrait:
    """Read a picture in the sandbox and insist on exactly one face. Call it outside transactions.

    Raises NoFaceFound, SeveralFacesFound (with the count), any of `errors.PICTURE_ERRORS`, and
    what `sandbox.run` raises.
    """
    said = sandbox.run(
        "app.registry.faces:find_faces",
        {"path": str(path.resolve())},
        wall_s=READ_WALL_S,
        cpu_s=READ_CPU_S,
        memory_bytes=READ_MEMORY_BYTES,
        reads=[path],
        refusals=PICTURE_ERRORS,
    )
    try:
        found = _Found.model_validate(said)
    except ValidationError:
        raise sandbox.SandboxCrashed(
            "the process that read the picture gave no sensible answer", reason="answer"
        ) from None
    if not found.faces:
        raise NoFaceFound(
            "no face was found in the picture: send one that shows the face from the front, "
            "in even light, at least 80 pixels across"
        )
    if len(found.faces) > 1 or found.template is None:
        raise SeveralFacesFound(
            f"{len(found.faces)} faces were found in the picture, and a replica is of one "
            "performer: crop it to the one face",
            count=len(found.faces),
        )
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Portrait(
        found.media_type,
        found.width,
        found.height,
        path.stat().st_size,
        sha256,
        tuple(found.template),
    )


def enroll(
    session: Session,
    *,
    organization_id: str,
    name: str,
    portrait: Path,
    inspected: Portrait | None = None,
    agent_organization_id: str | None = None,
) -> Performer:
    """Register a performer with replica version 1 made from one portrait.

    The picture and the face template exist in the vault only. Pass `inspected` when
    `inspect_portrait` was called before the transaction began; else it is called here and raises
    as it does. Raises PerformerNameRefused on an empty or overlong name.
    """
    seen = inspected or inspect_portrait(portrait)
    name = " ".join(name.split())
    if not 0 < len(name) <= NAME_CHARACTERS or not name.isprintable():
        raise PerformerNameRefused(
            f"a performer's name has 1 to {NAME_CHARACTERS} printable characters"
        )
    performer = Performer(
        organization_id=organization_id, agent_organization_id=agent_organization_id, name=name
    )
    performer.seal = seal_of(session, performer)
    session.add(performer)
    session.flush()
    replica = Replica(performer_id=performer.id, version=1)
    session.add(replica)
    session.flush()
    salt = secrets.token_bytes(16)
    session.add(
        ReferenceMedium(
            replica_id=replica.id,
            media_type=seen.media_type,
            width=seen.width,
            height=seen.height,
            size_bytes=seen.size_bytes,
            vault_object_id=vault.seal(session, performer.id, "portrait", portrait).id,
            template_object_id=vault.seal(
                session, performer.id, "template", pack_template(seen.template)
            ).id,
            commitment_salt=salt.hex(),
            commitment=commitment(salt, seen.sha256),
        )
    )
    session.flush()
    return performer


def pause(session: Session, performer: Performer) -> Performer:
    """Stop every new use of the performer's replicas from this instant; the first moment stands.

    Takes the row lock that a release takes, so nothing is released after this commits.
    """
    session.refresh(performer, with_for_update=True)
    return _set_pause(session, performer, performer.paused_at or clock.now())


def resume(session: Session, performer: Performer) -> Performer:
    """Allow uses again, as far as the contracts do.

    Raises LikenessErased: that is for good; EnrollmentHeld while a person has to look at the face;
    DeathDisputed while somebody at the performer's desk says that they live, and a death stands.
    """
    session.refresh(performer, with_for_update=True)
    vault.check_not_erased(session, performer.id)
    lives.check_not_disputed(session, performer.id)
    if why := why_held(session, performer):
        raise EnrollmentHeld(why)
    return _set_pause(session, performer, None)


def why_held(session: Session, performer: Performer) -> str:
    """Say why a performer is held since their enrollment; nothing where they are not, any more."""
    theirs = select(EnrollmentHold).where(EnrollmentHold.performer_id == performer.id)
    held = session.exec(theirs).first()
    return "" if held is None else HELD.get(held.outcome, "")


def is_held(session: Session, performer: Performer) -> bool:
    """Say whether a performer waits for a look at their face, or was not let go after it."""
    return performer.paused_at is not None and bool(why_held(session, performer))


def _set_pause(session: Session, performer: Performer, at: datetime | None) -> Performer:
    """Write a pause down and seal it; a row that was edited behind our back stays unsealed."""
    whole = performer.seal == seal_of(session, performer)
    performer.paused_at = at
    if whole:
        performer.seal = seal_of(session, performer)
    session.add(performer)
    session.flush()
    return performer


def seal_of(session: Session, performer: Performer) -> str:
    """Return the seal that a performer's row has while it is as this program wrote it."""
    desk = session.get_one(Organization, performer.organization_id)
    row = {
        "performer_id": performer.id,
        "desk_id": desk.id,
        "desk_kind": desk.kind,
        "agent_id": performer.agent_organization_id,
        "paused_at": performer.paused_at,
    }
    return sealing.seal(keys.secret("evidence"), row)


def performer_of(
    session: Session, organization_id: str, performer_id: str, *, themselves: bool = False
) -> Performer:
    """Return the performer this organization, or its agency, speaks for.

    `themselves`: the performer's own desk only, for what no agent may do. Raises PerformerUnknown
    alike for ids that do not exist and ids that are somebody else's.
    """
    performer = session.get(Performer, performer_id)
    if performer is not None:
        speakers = {performer.organization_id}
        if not themselves and performer.agent_organization_id is not None:
            speakers.add(performer.agent_organization_id)
        if organization_id in speakers:
            return performer
    raise PerformerUnknown(f"no performer of yours has the id {performer_id[:64]}")


def performer_to(session: Session, organization_id: str, performer_id: str, act: str) -> Performer:
    """Return the performer this organization speaks for, or holds a mandate for this act for.

    Raises PerformerUnknown as `performer_of` does.
    """
    if mandates.roles_of(session, performer_id, organization_id, act=act):
        return session.get_one(Performer, performer_id)
    return performer_of(session, organization_id, performer_id)


def performer_in_place(
    session: Session, organization_id: str, performer_id: str, *, stops: bool = False
) -> Performer:
    """Return the performer whose own desk this is, or in whose place it signs by a mandate.

    Not to the desk of a performer who has died, or in whose place a guardian stands, unless what it
    does only `stops`. Raises PerformerUnknown as `performer_of` does.
    """
    signs_as = mandates.roles_of(session, performer_id, organization_id, act=mandates.SIGN)
    if not mandates.IN_PLACE.isdisjoint(signs_as):
        return session.get_one(Performer, performer_id)
    performer = performer_of(session, organization_id, performer_id, themselves=True)
    if not stops and (
        mandates.is_dead(session, performer.id) or mandates.has_guardian(session, performer.id)
    ):
        raise PerformerUnknown(
            f"{performer.id} is no longer its desk's to decide for: the guardian of a minor does, "
            "and after a death the estate"
        )
    return performer


def performer_in_place_locked(
    session: Session, organization_id: str, performer_id: str
) -> Performer:
    """Return the same performer, locked: who decides in their place is asked again behind the lock,
    for whom a mandate, or a death, was taken back meanwhile decides no more."""
    performer = performer_in_place(session, organization_id, performer_id)
    session.refresh(performer, with_for_update=True)
    return performer_in_place(session, organization_id, performer_id)


def performer_opened_to(session: Session, organization_id: str, performer_id: str) -> Performer:
    """Return the performer to who may open and remove what is kept of them.

    The desk of a minor may, beside the guardian; after a death who signs in the performer's place
    does, and their old desk no longer. Raises PerformerUnknown as `performer_of` does.
    """
    alive = not mandates.is_dead(session, performer_id)
    return performer_in_place(session, organization_id, performer_id, stops=alive)


def performers_of(
    session: Session, organization_id: str, *, before: str | None = None, limit: int = 50
) -> Sequence[Performer]:
    """List the performers an organization speaks for, newest first; `before` continues a list."""
    mine = (col(Performer.organization_id) == organization_id) | (
        col(Performer.agent_organization_id) == organization_id
    )
    found = select(Performer).where(mine).order_by(col(Performer.id).desc()).limit(limit)
    return session.exec(found.where(col(Performer.id) < before) if before else found).all()


def performers_at(session: Session, organization_id: str) -> Sequence[Performer]:
    """List the performers whose own desk an organization is, newest first: as a rule one."""
    theirs = select(Performer).where(Performer.organization_id == organization_id)
    return session.exec(theirs.order_by(col(Performer.id).desc())).all()


def performers_in_place(session: Session, organization_id: str) -> list[Performer]:
    """List the performers of a desk, then those in whose own place it signs by a mandate."""
    held = mandates.held_by(
        organization_id, col(Performer.id), sa.null(), roles=sorted(mandates.IN_PLACE)
    )
    others = session.exec(select(Performer).where(held).order_by(col(Performer.id).desc()))
    signs = [
        each
        for each in others
        if not mandates.IN_PLACE.isdisjoint(
            mandates.roles_of(session, each.id, organization_id, act=mandates.SIGN)
        )
    ]
    own = performers_at(session, organization_id)
    return [*own, *(each for each in signs if each not in own)]


def parties_of(session: Session, organization_id: str) -> list[str]:
    """List whom an organization speaks for where money is concerned: itself, and its performers."""
    mine = select(Performer.id).where(Performer.organization_id == organization_id)
    return [organization_id, *session.exec(mine)]


def replicas_of(session: Session, performer_id: str) -> Sequence[Replica]:
    """List a performer's replicas, newest version first."""
    mine = select(Replica).where(Replica.performer_id == performer_id)
    return session.exec(mine.order_by(col(Replica.version).desc())).all()


def references_of(session: Session, replica_id: str) -> Sequence[ReferenceMedium]:
    """List what a replica was made from, oldest first."""
    mine = select(ReferenceMedium).where(ReferenceMedium.replica_id == replica_id)
    return session.exec(mine.order_by(col(ReferenceMedium.id))).all()


def open_template(
    session: Session,
    medium: ReferenceMedium,
    *,
    purpose: vault.Purpose,
    subject_id: str,
    token: vault_tokens.Pass | None = None,
) -> list[float]:
    """Open the face template of a reference medium; recorded like every opening of the vault."""
    packed = vault.open_bytes(
        session, medium.template_object_id, purpose=purpose, subject_id=subject_id, token=token
    )
    return list(struct.unpack(f"<{TEMPLATE_LENGTH}f", packed))


def templates_of(
    session: Session, replica_ids: Sequence[str], *, token: vault_tokens.Pass
) -> list[list[float]]:
    """Open every face template of these replicas to compare a render with, by its token.

    Keep what is returned in memory: templates are written nowhere outside the vault.
    """
    return [
        open_template(session, medium, purpose="render", subject_id=token.job_id, token=token)
        for replica_id in replica_ids
        for medium in references_of(session, replica_id)
    ]


def pack_template(template: Sequence[float]) -> bytes:
    """Write a template as 128 little-endian 32-bit floats: 512 bytes."""
    return struct.pack(f"<{TEMPLATE_LENGTH}f", *template)


def commitment(salt: bytes, sha256: str) -> str:
    """Bind a file without telling which: SHA-256 over the salt and the file's SHA-256."""
    return hashlib.sha256(salt + bytes.fromhex(sha256)).hexdigest()
