"""Routes of renderers outside: their jobs, a licence for one, its references, what they return."""

from datetime import datetime
from typing import Annotated, BinaryIO

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field
from sqlmodel import Session

from app import db, rates, storage
from app.access import may
from app.config import settings
from app.errors import TooLarge
from app.gateway import rendering
from app.gateway.errors import (
    LinkExpired,
    RenderJobNotFound,
    RenderJobOver,
    RenderLicenseRefused,
)
from app.gateway.models import Generation
from app.gateway.models_render_jobs import RenderJobOutside
from app.identity.api_edge import Act, Acting, Reading, act_refusals, limited, read_refusals
from app.identity.errors import FileMissing, UploadMalformed
from app.identity.uploads import file_of, form_body, keep, limited_form
from app.problems import InvalidRequest, invalid, problems
from app.sandbox import private_directory

router = APIRouter(prefix="/v1", tags=["renderers"])
FILM = form_body(
    license={"type": "string", "maxLength": 64, "examples": ["9f" * 32]},
    film={"type": "string", "format": "binary", "description": "MP4, as the job asks."},
)


class RenderJobRead(BaseModel):
    """A job for a renderer outside: what it asks, and by when it is due."""

    id: str = Field(examples=["rjb_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    state: str = Field(examples=["waiting"], description="waiting, taken, returned or over.")
    model: str = Field(examples=["renderer/nightglass-vfx"])
    line: str = Field(examples=["I hold the light a little longer."])
    length_ms: int = Field(examples=[5000])
    width: int = Field(examples=[1280])
    height: int = Field(examples=[720])
    due_at: datetime


class RenderJobPage(BaseModel):
    """The jobs that wait or were taken, oldest first."""

    items: list[RenderJobRead]


class RenderLicenseRead(BaseModel):
    """A licence for this one job, and links to its references that open for a minute."""

    job: RenderJobRead
    license: str = Field(examples=["9f" * 32])
    references: list[str] = Field(
        examples=[["/v1/downloads/references/rjb_01JD?medium=med_01JD&expires=1795370000&seal=9f"]]
    )


def _read(task: RenderJobOutside, generation: Generation) -> RenderJobRead:
    width, height = generation.request["size"]
    return RenderJobRead(
        id=task.id,
        state=task.state,
        model=generation.generator,
        line=generation.line,
        length_ms=generation.length_ms,
        width=width,
        height=height,
        due_at=task.due_at,
    )


@router.get("/render-jobs", responses=read_refusals())
@may("organization", to="read")
def list_render_jobs(read: Reading) -> RenderJobPage:
    """List what the caller's renderers have to do, oldest first."""
    found = rendering.jobs_of(read.session, read.organization_id)
    return RenderJobPage(items=[_read(*each) for each in found])


@router.post(
    "/render-jobs/{render_job_id}/licenses",
    status_code=201,
    response_model=RenderLicenseRead,
    responses=act_refusals(RenderJobNotFound, RenderJobOver),
)
@may("renderer", to="generate")
def take_render_job(render_job_id: str, act: Acting) -> Response:
    """Take a job: a licence for it alone. Taken again, the licence of before is over."""

    def take(session: Session) -> tuple[int, BaseModel]:
        taken = rendering.take(session, act.organization_id, render_job_id)
        return 201, RenderLicenseRead(
            job=_read(taken.task, taken.generation),
            license=taken.license,
            references=list(taken.references),
        )

    return act.once(render_job_id.encode(), take)


@router.get(
    "/downloads/references/{render_job_id}",
    tags=["public"],
    response_class=Response,
    responses={
        200: {"content": {"image/*": {}}},
        **problems(LinkExpired, RenderJobOver, rates.TooManyRequests),
    },
    dependencies=[limited("lookups")],
)
@may("link")
def open_reference(
    render_job_id: str,
    medium: Annotated[str, Query(max_length=40)],
    expires: Annotated[int, Query(ge=0, lt=1 << 40)],
    seal: Annotated[str, Query(pattern="^[0-9a-f]{64}$")],
) -> Response:
    """Send a portrait to whoever holds a link that has not expired; each opening is on record."""
    with db.reading() as session:  # whoever has no link of ours keeps no writer waiting
        rendering.check_link(session, render_job_id, medium, expires=expires, seal=seal)
    with db.writing() as session:
        picture, media_type = rendering.open_reference(
            session, render_job_id, medium, expires=expires, seal=seal
        )
    return Response(picture, media_type=media_type)


@router.post(
    "/render-jobs/{render_job_id}/results",
    status_code=201,
    response_model=RenderJobRead,
    responses=act_refusals(
        RenderJobNotFound,
        RenderJobOver,
        RenderLicenseRefused,
        FileMissing,
        UploadMalformed,
        InvalidRequest,
        TooLarge,
    ),
    openapi_extra=FILM,
)
@may("renderer", to="generate")
async def hand_in_result(render_job_id: str, request: Request, act: Acting) -> Response:
    """Return the film of a job; it is inspected, marked and signed like any other generator's."""
    with db.reading() as session:  # before a byte of it is read
        rendering.job_of(session, act.organization_id, render_job_id)
    async with limited_form(request, settings().verify_limit_bytes) as form:
        license_, film = form.get("license"), file_of(form, "film")
        if not isinstance(license_, str):
            raise invalid({"/body/license": "a text is required"})
        return await run_in_threadpool(_hand_in, act, render_job_id, license_, film.file)


def _hand_in(act: Act, render_job_id: str, license_: str, film: BinaryIO) -> Response:
    with private_directory() as directory:
        path = directory / "film"
        digest = keep(film, path, settings().verify_limit_bytes)
        with db.reading() as session:
            task = rendering.job_of(session, act.organization_id, render_job_id)
            is_kept = rendering.may_hand_in(task, license_)
        key = rendering.key_of_film(task.generation_id, digest)
        if is_kept:
            storage.put_new(key, path)

    def hand_in(session: Session) -> tuple[int, BaseModel]:
        task = rendering.hand_in(
            session,
            act.organization_id,
            render_job_id,
            shown=license_,
            key=key,
            digest=digest,
        )
        return 201, _read(task, session.get_one(Generation, task.generation_id))

    return act.once(digest + license_.encode(), hand_in)
