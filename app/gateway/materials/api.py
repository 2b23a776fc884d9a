"""Routes about materials: send one, see what became of it, delete it."""

from datetime import datetime
from typing import Annotated, Any, BinaryIO, get_args

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field
from sqlmodel import Session

from app import db
from app.access import may
from app.config import settings
from app.errors import AppError, TooLarge
from app.gateway.materials import service
from app.gateway.materials.errors import READING_ERRORS, MaterialInUse, MaterialNotFound
from app.gateway.materials.models import ROLES, Material, Role
from app.identity.api_edge import Act, Acting, Reading, act_refusals, read_refusals
from app.identity.errors import FileMissing, UploadMalformed
from app.identity.uploads import file_of, form_body, keep, limited_form
from app.problems import InvalidRequest, invalid
from app.registry.errors import PICTURE_ERRORS
from app.sandbox import (
    SandboxCrashed,
    SandboxMemory,
    SandboxTimeout,
    SandboxUnavailable,
    private_directory,
)
from app.vault import LikenessErased

router = APIRouter(prefix="/v1", tags=["materials"])
SENDING: tuple[type[AppError], ...] = (
    FileMissing,
    UploadMalformed,
    InvalidRequest,
    TooLarge,
    *PICTURE_ERRORS,
    *READING_ERRORS,
    SandboxTimeout,
    SandboxMemory,
    SandboxCrashed,
    SandboxUnavailable,
    LikenessErased,
)
UPLOAD = form_body(
    role={
        "type": "string",
        "enum": list(get_args(Role)),
        "description": "What it is to be in a scene: a picture to begin with, a shot to alter, a "
        "performance to transfer, a voice to speak.",
    },
    file={
        "type": "string",
        "format": "binary",
        "description": "first_frame: JPEG, PNG, WebP. footage, driving: MP4, QuickTime, Matroska. "
        "voice: WAV, FLAC, Ogg, MP3, M4A.",
    },
)


class MaterialRead(BaseModel):
    """A material as its owner sees it; its bytes leave to the generator of a scene alone."""

    id: str = Field(examples=["mat_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    role: str = Field(examples=["first_frame"])
    state: str = Field(examples=["usable"], description="checking, then usable, review or refused")
    reason: str = Field(examples=[""], description="Why it may not be used, and who can change it.")
    media_type: str = Field(examples=["image/jpeg"])
    size_bytes: int = Field(examples=[182_044])
    length_ms: int | None = Field(examples=[None])
    width: int | None = Field(examples=[1280])
    height: int | None = Field(examples=[720])
    facts: dict[str, Any] = Field(
        examples=[{"faces": 1}], description="What was measured: faces, streams, loudness."
    )
    created_at: datetime
    checked_at: datetime | None = Field(examples=[None])
    deleted_at: datetime | None = Field(examples=[None])


class MaterialPage(BaseModel):
    """Materials, newest first; `next_before` continues the list."""

    items: list[MaterialRead]
    next_before: str | None = Field(examples=[None])


@router.post(
    "/materials",
    status_code=201,
    response_model=MaterialRead,
    responses=act_refusals(*SENDING),
    openapi_extra=UPLOAD,
)
@may("organization", to="generate")
async def send_material(request: Request, act: Acting) -> Response:
    """Send a picture, film or recording for scenes; it is kept encrypted, and checked before use.

    Performers are named by their replicas, never by pictures: a face in a material is compared.
    """
    async with limited_form(request, settings().material_limit_bytes) as form:
        role, upload = form.get("role"), file_of(form, "file")
        if role not in ROLES:
            raise invalid({"/body/role": f"one of {', '.join(ROLES)} is required"})
        return await run_in_threadpool(_send, act, role, upload.file)


def _send(act: Act, role: Role, upload: BinaryIO) -> Response:
    with private_directory() as directory:
        path = directory / "material"
        digest = keep(upload, path, settings().material_limit_bytes)
        found = service.read(path, role)

        def take_in(session: Session) -> tuple[int, BaseModel]:
            return 201, _read(service.take_in(session, act.principal, role, path, found))

        return act.once(digest + role.encode(), take_in)


@router.get("/materials", responses=read_refusals())
@may("organization", to="read")
def list_materials(
    read: Reading,
    before: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> MaterialPage:
    """List the caller's materials that were not deleted, newest first."""
    found = service.materials_of(read.session, read.organization_id, before=before, limit=limit)
    more = found[-1].id if len(found) == limit else None
    return MaterialPage(items=[_read(each) for each in found], next_before=more)


@router.get("/materials/{material_id}", responses=read_refusals(MaterialNotFound))
@may("uploader", to="read")
def read_material(material_id: str, read: Reading) -> MaterialRead:
    """Say what was found in a material, and whether it may be used."""
    return _read(service.material_of(read.session, read.organization_id, material_id))


@router.post(
    "/materials/{material_id}/deletion",
    response_model=MaterialRead,
    responses=act_refusals(MaterialNotFound, MaterialInUse),
)
@may("uploader", to="generate")
def delete_material(material_id: str, act: Acting) -> Response:
    """Make a material unreadable for good; what was made with it stays."""

    def delete(session: Session) -> tuple[int, BaseModel]:
        return 200, _read(service.delete(session, act.organization_id, material_id))

    answer = act.once(b"", delete)
    with db.reading() as session:
        gone = session.get(Material, material_id)
        if gone is not None and gone.deleted_at is not None:
            service.drop_ciphertexts(session, gone)
    return answer


def _read(material: Material) -> MaterialRead:
    return MaterialRead(**material.model_dump(include=set(MaterialRead.model_fields)))
