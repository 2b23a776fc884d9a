"""Routes of live checks: ask for poses, send a still of each, read how it ended."""

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session
from starlette.datastructures import FormData

from app import clock, db, rates
from app.access import may
from app.errors import AppError
from app.identity.api_edge import Act, Acting, Reading, act_refusals, read_refusals
from app.identity.errors import FileMissing, UploadMalformed
from app.identity.uploads import file_of, form_body, keep, limited_form
from app.registry import live, service
from app.registry.errors import (
    PICTURE_ERRORS,
    ImageTooLarge,
    LiveCheckNotFound,
    LiveCheckOver,
    PerformerUnknown,
)
from app.sandbox import (
    SandboxCrashed,
    SandboxMemory,
    SandboxTimeout,
    SandboxUnavailable,
    private_directory,
)
from app.vault import LikenessErased

router = APIRouter(prefix="/v1", tags=["identity"])
CHECK_ID, PERFORMER_ID = "lch_01JD3Z6N8Q4C0R2T5V7X9Y1B3D", "per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"
STILL = {"type": "string", "format": "binary", "description": "JPEG, PNG or WebP; in that pose."}
STILLS_BODY = form_body(**{f"still_{n}": STILL for n in range(1, live.STILLS + 1)})
STILL_ERRORS: tuple[type[AppError], ...] = (
    FileMissing,
    UploadMalformed,
    *PICTURE_ERRORS,
    SandboxTimeout,
    SandboxMemory,
    SandboxCrashed,
    SandboxUnavailable,
)


@dataclass(frozen=True)
class Stills:
    """The stills of one answer, as files of ours for as long as they are looked at."""

    paths: list[Path]
    sha256s: list[bytes]


def stills_form(request: Request) -> AbstractAsyncContextManager[FormData]:
    """Lend the form with a still of each pose. Raises as `limited_form` does, ImageTooLarge."""
    limit_bytes = live.STILLS * live.STILL_BYTES
    return limited_form(request, limit_bytes, too_large=ImageTooLarge, files=live.STILLS)


@contextmanager
def kept_stills(form: FormData) -> Iterator[Stills]:
    """Write the stills into a private directory; they are gone afterwards, whatever happens.

    Raises FileMissing, ImageTooLarge.
    """
    with private_directory() as directory:
        paths = [directory / f"still_{number}" for number in range(1, live.STILLS + 1)]
        yield Stills(
            paths,
            [
                keep(file_of(form, path.name).file, path, live.STILL_BYTES, too_large=ImageTooLarge)
                for path in paths
            ],
        )


class LiveCheckRead(BaseModel):
    """A live check: the poses in the order of the stills, until when, and how it ended."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(examples=[CHECK_ID])
    performer_id: str = Field(examples=[PERFORMER_ID])
    poses: list[str] = Field(
        examples=[["up", "left", "straight", "closer", "right"]],
        description="As the person does them: `left` is their own left, in pictures that are not "
        "mirrored; `closer` against `straight`.",
    )
    asked_at: datetime
    expires_at: datetime
    answered_at: datetime | None = Field(examples=[None])
    outcome: str = Field(examples=["passed"], description="asked, passed or failed.")
    reasons: list[str] = Field(
        examples=[["2 pose-left"]],
        description="What stood against it: the number of a still, and `no-face`, `several-faces`, "
        "`another-face`, `pose-…` or `seen-before`. No distance is told.",
    )


@router.post(
    "/performers/{performer_id}/live-checks",
    status_code=201,
    response_model=LiveCheckRead,
    responses=act_refusals(PerformerUnknown, LikenessErased, LiveCheckOver),
)
@may("performer", "representative", to="likeness")
def begin_live_check(performer_id: str, act: Acting) -> Response:
    """Ask for poses, in an order drawn anew; five times a day, each for five minutes."""

    def begin(session: Session) -> tuple[int, BaseModel]:
        performer = service.performer_in_place(
            session, act.organization_id, performer_id, stops=True
        )
        return 201, LiveCheckRead.model_validate(live.begin(session, performer, by=act.principal))

    return act.once(b"", begin)


@router.get("/live-checks/{live_check_id}", responses=read_refusals(LiveCheckNotFound))
@may("performer", "representative", to="read")
def read_live_check(live_check_id: str, read: Reading) -> LiveCheckRead:
    """Show a live check of the caller's: its poses, and how it ended."""
    check = live.check_of(read.session, read.organization_id, live_check_id)
    return LiveCheckRead.model_validate(check)


@router.post(
    "/live-checks/{live_check_id}/stills",
    status_code=201,
    response_model=LiveCheckRead,
    responses=act_refusals(LiveCheckNotFound, LiveCheckOver, LikenessErased, *STILL_ERRORS),
    openapi_extra=STILLS_BODY,
)
@may("performer", "representative", to="likeness")
async def answer_live_check(live_check_id: str, request: Request, act: Acting) -> Response:
    """Send a still of each pose, in the order of `poses`; they are compared and thrown away.

    Once: what fails is an answer too (`outcome`), and another check is begun. What passes proves
    the level `live` for a year. It is no proof against who prepares for it: docs/faces.md.
    """
    at = clock.now()
    async with stills_form(request) as form:
        return await run_in_threadpool(_answer, act, live_check_id, form, at)


def _answer(act: Act, check_id: str, form: FormData, at: datetime) -> Response:
    with kept_stills(form) as stills:
        with db.reading() as session:
            is_open = live.is_open(live.check_of(session, act.organization_id, check_id), at)
        if is_open:
            rates.take_enrollment(act.organization_id)  # its stills cost as much
        seen = live.look(stills.paths) if is_open else []

        def answer(session: Session) -> tuple[int, BaseModel]:
            check = live.check_of(session, act.organization_id, check_id)
            done = live.answer(session, check, seen, stills.sha256s, at=at)
            return 201, LiveCheckRead.model_validate(done)

        return act.once(live.digest_of(stills.sha256s), answer)
