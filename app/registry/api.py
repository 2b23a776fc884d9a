"""Routes about performers: enroll one, see them, pause and resume them."""

from datetime import datetime
from typing import Annotated, BinaryIO

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field
from sqlmodel import Session

from app import rates
from app.access import may
from app.config import settings
from app.errors import AppError
from app.identity.api_edge import Act, Acting, Reading, act_refusals, read_refusals
from app.identity.errors import FileMissing, UploadMalformed
from app.identity.uploads import file_of, form_body, keep, limited_form
from app.problems import InvalidRequest, invalid
from app.registry import mandates, resemblance, service
from app.registry.errors import (
    PICTURE_ERRORS,
    DeathDisputed,
    EnrollmentHeld,
    ImageTooLarge,
    NoFaceFound,
    PerformerNameRefused,
    PerformerUnknown,
    SeveralFacesFound,
)
from app.registry.matching import MatcherUnavailable
from app.registry.models import Performer
from app.sandbox import (
    SandboxCrashed,
    SandboxMemory,
    SandboxTimeout,
    SandboxUnavailable,
    private_directory,
)
from app.vault import LikenessErased

router = APIRouter(prefix="/v1", tags=["registry"])
PORTRAIT_ERRORS: tuple[type[AppError], ...] = (
    FileMissing,
    UploadMalformed,
    InvalidRequest,
    NoFaceFound,
    SeveralFacesFound,
    PerformerNameRefused,
    *PICTURE_ERRORS,
    SandboxTimeout,
    SandboxMemory,
    SandboxCrashed,
    SandboxUnavailable,
    MatcherUnavailable,
)
ENROLLMENT = form_body(
    name={"type": "string", "maxLength": 200, "examples": ["Griet of Delft"]},
    portrait={
        "type": "string",
        "format": "binary",
        "description": "JPEG, PNG or WebP showing one face.",
    },
)


class PerformerRead(BaseModel):
    """A performer as those who speak for them see them; pictures and templates never leave."""

    id: str = Field(examples=["per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    name: str = Field(examples=["Griet of Delft"])
    replica_id: str = Field(
        examples=["rep_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"], description="The newest replica."
    )
    agent_organization_id: str | None = Field(examples=["org_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    paused_at: datetime | None = Field(
        examples=[None], description="Since when every new use is stopped."
    )
    held: bool = Field(
        examples=[False],
        description="Whether the pause is until a person of the installation has looked at the "
        "face, which resembles that of somebody enrolled; `resume` does not end it.",
    )
    created_at: datetime


class PerformerPage(BaseModel):
    """Performers, newest first; `next_before` continues the list."""

    items: list[PerformerRead]
    next_before: str | None = Field(examples=[None])


@router.post(
    "/performers",
    status_code=201,
    response_model=PerformerRead,
    responses=act_refusals(*PORTRAIT_ERRORS),
    openapi_extra=ENROLLMENT,
)
@may("organization", to="likeness")
async def enroll_performer(request: Request, act: Acting) -> Response:
    """Enroll a performer from one portrait; the picture is kept encrypted, and only so.

    So many a day for each house. Where the face resembles somebody enrolled by another house, the
    performer is `held`: paused until a person has looked.
    """
    limit_bytes = settings().upload_limit_bytes
    async with limited_form(request, limit_bytes, too_large=ImageTooLarge) as form:
        name, portrait = form.get("name"), file_of(form, "portrait")
        if not isinstance(name, str):
            raise invalid({"/body/name": "a text is required"})
        return await run_in_threadpool(_enroll, act, name, portrait.file)


def _enroll(act: Act, name: str, portrait: BinaryIO) -> Response:
    with private_directory() as directory:
        path = directory / "portrait"
        digest = keep(portrait, path, settings().upload_limit_bytes, too_large=ImageTooLarge)
        rates.take_enrollment(act.organization_id)
        seen = service.inspect_portrait(path)
        searched = resemblance.look_for(seen.template, act.organization_id)

        def enroll(session: Session) -> tuple[int, BaseModel]:
            performer = service.enroll(
                session,
                organization_id=act.organization_id,
                name=name,
                portrait=path,
                inspected=seen,
            )
            resemblance.hold(session, performer, searched)
            return 201, _read(session, performer)

        return act.once(digest + name.encode(), enroll)


@router.get("/performers", responses=read_refusals())
@may("organization", to="read")
def list_performers(
    read: Reading,
    before: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> PerformerPage:
    """List the performers the caller speaks for, newest first."""
    found = service.performers_of(read.session, read.organization_id, before=before, limit=limit)
    more = found[-1].id if len(found) == limit else None
    items = [_read(read.session, performer) for performer in found]
    return PerformerPage(items=items, next_before=more)


@router.get("/performers/{performer_id}", responses=read_refusals(PerformerUnknown))
@may("performer", "agent", to="read")
def read_performer(performer_id: str, read: Reading) -> PerformerRead:
    """Show one performer the caller speaks for."""
    performer = service.performer_of(read.session, read.organization_id, performer_id)
    return _read(read.session, performer)


@router.post(
    "/performers/{performer_id}/pause",
    response_model=PerformerRead,
    responses=act_refusals(PerformerUnknown),
)
@may("performer", "agent", "representative", to="pause")
def pause_performer(performer_id: str, act: Acting) -> Response:
    """Stop every new use of the performer's replicas, at once and until resumed."""

    def pause(session: Session) -> tuple[int, BaseModel]:
        performer = service.performer_to(session, act.organization_id, performer_id, mandates.PAUSE)
        return 200, _read(session, service.pause(session, performer))

    return act.once(b"", pause)


@router.post(
    "/performers/{performer_id}/resume",
    response_model=PerformerRead,
    responses=act_refusals(PerformerUnknown, LikenessErased, EnrollmentHeld, DeathDisputed),
)
@may("performer", "representative", to="consent")
def resume_performer(performer_id: str, act: Acting) -> Response:
    """Allow uses again, as far as the contracts do. Not an agent: who signs for the performer."""

    def resume(session: Session) -> tuple[int, BaseModel]:
        house = act.organization_id
        performer = service.performer_in_place_locked(session, house, performer_id)
        return 200, _read(session, service.resume(session, performer))

    return act.once(b"", resume)


def _read(session: Session, performer: Performer) -> PerformerRead:
    newest = service.replicas_of(session, performer.id)[0]
    facts = performer.model_dump(include=set(PerformerRead.model_fields))
    is_held = service.is_held(session, performer)
    return PerformerRead(**facts, replica_id=newest.id, held=is_held)
