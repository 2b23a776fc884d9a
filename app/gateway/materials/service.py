"""Take a material in, hand it to a render, let its owner list and delete it."""

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, FiniteFloat, ValidationError
from sqlmodel import Session, col, select

from app import clock, sandbox, storage, vault, vault_tokens
from app.gateway.materials import consents
from app.gateway.materials.errors import (
    READING_ERRORS,
    MaterialInUse,
    MaterialNotFound,
    MaterialNotUsable,
)
from app.gateway.materials.models import GenerationMaterial, Material, Role
from app.gateway.models import FINAL, Generation, GenerationReplica
from app.gateway.reviews import service as reviews
from app.identity.principal import Principal
from app.registry.errors import PICTURE_ERRORS
from app.registry.faces import TEMPLATE_LENGTH
from app.registry.service import commitment, pack_template

READ_WALL_S, READ_CPU_S, READ_MEMORY_BYTES = 180, 180, 1536 << 20
READERS = {
    "first_frame": "look_at_still",
    "footage": "look_at_film",
    "driving": "look_at_film",
    "voice": "look_at_sound",
}
FACTS = ("streams", "frames_sampled", "sample_rate", "channels", "loudness", "peak")
MOST_FACES = 400  # of a film's sampled frames; a picture of a crowd shows fewer


class _Found(BaseModel):
    """What the sandboxed reader must have said; it read untrusted bytes, so it is checked."""

    media_type: str = Field(pattern="^(image|video|audio)/[a-z0-9-]{1,20}$")
    width: int | None = Field(None, gt=0, le=100_000)
    height: int | None = Field(None, gt=0, le=100_000)
    seconds: FiniteFloat | None = Field(None, ge=0, le=100_000)
    templates: list[list[FiniteFloat]] = Field(max_length=MOST_FACES)
    streams: list[str] = Field([], max_length=64)
    frames_sampled: int = Field(0, ge=0)
    sample_rate: int = Field(0, ge=0)
    channels: int = Field(0, ge=0)
    loudness: FiniteFloat = 0
    peak: FiniteFloat = 0


@dataclass(frozen=True)
class Read:
    """What was found in an upload; its templates stay in memory until they are sealed."""

    media_type: str
    size_bytes: int
    sha256: str
    width: int | None
    height: int | None
    length_ms: int | None
    facts: dict[str, Any]
    templates: tuple[tuple[float, ...], ...] = field(repr=False)


def read(path: Path, role: Role) -> Read:
    """Read an upload in the sandbox as what it was declared. Call it outside transactions.

    Raises any of `registry.errors.PICTURE_ERRORS` for a still and of `errors.READING_ERRORS`
    otherwise, and what `sandbox.run` raises.
    """
    said = sandbox.run(
        f"app.gateway.materials.reading:{READERS[role]}",
        {"path": str(path.resolve())},
        wall_s=READ_WALL_S,
        cpu_s=READ_CPU_S,
        memory_bytes=READ_MEMORY_BYTES,
        reads=[path],
        refusals=(*PICTURE_ERRORS, *READING_ERRORS),
    )
    try:
        found = _Found.model_validate(said)
    except ValidationError:
        found = None
    if found is None or any(len(each) != TEMPLATE_LENGTH for each in found.templates):
        raise sandbox.SandboxCrashed(
            "the process that read the material gave no sensible answer", reason="answer"
        )
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Read(
        media_type=found.media_type,
        size_bytes=path.stat().st_size,
        sha256=sha256,
        width=found.width,
        height=found.height,
        length_ms=None if found.seconds is None else round(found.seconds * 1000),
        facts={"faces": len(found.templates), **found.model_dump(include=set(FACTS))},
        templates=tuple(tuple(each) for each in found.templates),
    )


def take_in(
    session: Session, principal: Principal, role: Role, path: Path, found: Read
) -> Material:
    """Seal an upload that was read, to be checked. Raises LikenessErased where the key is gone."""
    owner = principal.organization_id
    sealed = vault.seal(session, owner, "material", path)
    packed = b"".join(pack_template(each) for each in found.templates)
    faces = vault.seal(session, owner, "material-faces", packed) if packed else None
    salt = secrets.token_bytes(16)
    material = Material(
        organization_id=owner,
        api_key_id=principal.api_key_id,
        role=role,
        media_type=found.media_type,
        size_bytes=found.size_bytes,
        length_ms=found.length_ms,
        width=found.width,
        height=found.height,
        facts=found.facts,
        vault_object_id=sealed.id,
        faces_object_id=faces.id if faces else None,
        commitment_salt=salt.hex(),
        commitment=commitment(salt, found.sha256),
    )
    session.add(material)
    session.flush()
    return material


def material_of(session: Session, organization_id: str, material_id: str) -> Material:
    """Return a material of the caller's that was not deleted. Raises MaterialNotFound."""
    found = session.get(Material, material_id)
    if found is None or found.organization_id != organization_id or found.deleted_at is not None:
        raise MaterialNotFound(f"no material of yours has the id {material_id[:64]}")
    return found


def materials_of(
    session: Session, organization_id: str, *, before: str | None = None, limit: int = 50
) -> Sequence[Material]:
    """List the caller's materials, newest first; `before` continues a list."""
    mine = select(Material).where(
        Material.organization_id == organization_id, col(Material.deleted_at).is_(None)
    )
    page = mine.order_by(col(Material.id).desc()).limit(limit)
    return session.exec(page.where(col(Material.id) < before) if before else page).all()


def delete(session: Session, organization_id: str, material_id: str) -> Material:
    """Make a material unreadable from this commit on. Raises MaterialNotFound, MaterialInUse."""
    material_of(session, organization_id, material_id)
    (material,) = _locked(session, [material_id])
    material_of(session, organization_id, material_id)  # nobody was quicker
    using = (
        select(GenerationMaterial.generation_id)
        .join(Generation, col(Generation.id) == col(GenerationMaterial.generation_id))
        .where(GenerationMaterial.material_id == material_id, col(Generation.state).not_in(FINAL))
    )
    if under_way := session.exec(using).first():
        raise MaterialInUse(
            f"{under_way} uses {material_id} and has not ended; delete it after that"
        )
    material.deleted_at = clock.now()
    for object_id in _sealed(material):
        vault.make_unreadable(session, object_id)
    session.add(material)
    session.flush()
    return material


def drop_ciphertexts(session: Session, material: Material) -> None:
    """Delete from the store what no key opens any more; after the deletion is committed."""
    for object_id in _sealed(material):
        storage.delete(session.get_one(vault.VaultObject, object_id).storage_key)


def insist_usable(
    session: Session,
    organization_id: str,
    wanted: Mapping[str, str],
    *,
    performers: Collection[str],
) -> dict[str, Material]:
    """Lock the materials an order names by role, and insist that each may be used with these.

    Raises MaterialNotFound, and MaterialNotUsable with who can change it.
    """
    found = {role: material_of(session, organization_id, id_) for role, id_ in wanted.items()}
    _locked(session, list(wanted.values()))
    for role, material in found.items():
        material_of(session, organization_id, material.id)
        if material.role != role:
            raise MaterialNotUsable(
                f"{material.id} was uploaded as {material.role}, not as {role}: upload it again "
                "for what it is to be",
                state=material.state,
            )
        if why := why_not(session, material, performers=performers):
            raise MaterialNotUsable(f"{material.id} {why}", state=material.state)
    return found


def why_not(session: Session, material: Material, *, performers: Collection[str]) -> str:
    """Say why a material may not be used with these performers, and who can change that; or "".

    One that waits for a look because it may show licensed performers alone may be used: they are
    compared one to one.
    """
    if material.deleted_at is not None:
        return "was deleted; upload it again"
    if material.state == "checking":
        return "is still being checked; ask again in a moment"
    if material.state == "review" and not _shows_only(session, material, performers):
        return f"waits for a person of this installation's operator to look at it{_why(material)}"
    if material.state == "refused":
        return f"was refused{_why(material)}; ask the operator, or upload another"
    if material.role in consents.NEEDED and not consents.stands(session, material, performers):
        return "has nobody's consent on record: whose performance or voice it is must agree"
    return ""


def use(session: Session, generation_id: str, materials: Mapping[str, Material]) -> None:
    """Put down which materials a generation uses, and as what."""
    for role, material in materials.items():
        session.add(
            GenerationMaterial(generation_id=generation_id, role=role, material_id=material.id)
        )
    session.flush()


def of_generation(session: Session, generation_id: str) -> dict[str, Material]:
    """Return the materials of a generation by role."""
    rows = session.exec(
        select(GenerationMaterial.role, Material)
        .join(Material, col(Material.id) == col(GenerationMaterial.material_id))
        .where(GenerationMaterial.generation_id == generation_id)
        .order_by(col(GenerationMaterial.role))
    )
    return dict(rows.all())


def what_forbids(session: Session, generation_id: str) -> str:
    """Say which material of a generation may not be used any more, and why; or nothing.

    Locks them until the transaction ends: no refusal slips in between.
    """
    used = of_generation(session, generation_id)
    _locked(session, [material.id for material in used.values()])
    cast = select(GenerationReplica.performer_id).where(
        GenerationReplica.generation_id == generation_id
    )
    performers = session.exec(cast).all()
    said = (
        (material.id, why_not(session, material, performers=performers))
        for material in used.values()
    )
    return next((f"the material {id_} {why}" for id_, why in said if why), "")


def open_for_render(
    session: Session, generation_id: str, directory: Path, *, token: vault_tokens.Pass
) -> dict[str, Path]:
    """Open a generation's materials into a private directory by its attempt's token, by role."""
    opened = {}
    for role, material in of_generation(session, generation_id).items():
        opened[role] = directory / material.id
        vault.open_to(
            session,
            material.vault_object_id,
            opened[role],
            purpose="render",
            subject_id=generation_id,
            token=token,
        )
    return opened


def _sealed(material: Material) -> list[str]:
    return [id_ for id_ in (material.vault_object_id, material.faces_object_id) if id_]


def _shows_only(session: Session, material: Material, performers: Collection[str]) -> bool:
    review = reviews.of_material(session, material.id)
    if review is None:
        return False
    shown = {match.performer_id for match in reviews.matched(session, review)}
    return bool(shown) and shown <= set(performers)


def _why(material: Material) -> str:
    return f" ({material.reason})" if material.reason else ""


def _locked(session: Session, ids: Sequence[str]) -> Sequence[Material]:
    """Lock materials in the order of their ids, and read them as they stand then."""
    query = select(Material).where(col(Material.id).in_(sorted(set(ids))))
    ordered = query.order_by(col(Material.id)).with_for_update()
    return session.exec(ordered.execution_options(populate_existing=True)).all() if ids else []
