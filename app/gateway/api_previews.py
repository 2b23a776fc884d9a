"""Routes about previews: what waits for a look, the marked file itself, and the answer."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlmodel import Session

from app import clock, db
from app.access import may
from app.gateway import previews
from app.gateway.api_files import send_output
from app.gateway.errors import (
    LinkExpired,
    PreviewAnswered,
    PreviewNotFound,
    PreviewRefused,
    PreviewUnseen,
)
from app.gateway.outputs import SENT
from app.identity.api_edge import Acting, Reading, act_refusals, fingerprint_of, read_refusals
from app.problems import problems

router = APIRouter(prefix="/v1", tags=["previews"])
Word = Annotated[str, StringConstraints(min_length=1, max_length=120)]


class PreviewRead(BaseModel):
    """A finished output that waits for a look, or waited for one."""

    id: str = Field(examples=["pvw_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    state: str = Field(examples=["waiting"], description="waiting, released, refused or timed-out")
    generation_id: str = Field(examples=["gen_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    contract_id: str = Field(examples=["con_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    performer_id: str = Field(examples=["per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    line: str = Field(examples=["I hold the light a little longer."])
    length_ms: int = Field(examples=[5000])
    prohibited: list[str] = Field(
        examples=[["nudity", "smoking"]], description="What the contract never allows to be shown."
    )
    doubts: list[str] = Field(
        examples=[["another-face: 3 sampled frames show a face that is none of the licensed"]],
        description="What the inspection was in doubt about, where it was.",
    )
    roles: list[str] = Field(examples=[["performer"]], description="One answer, by one of these.")
    you_may_answer_as: list[str] = Field(examples=[["performer"]])
    opened_by_you: bool = Field(examples=[False])
    created_at: datetime
    due_at: datetime = Field(description="From here silence is a refusal.")
    answered_at: datetime | None = Field(examples=[None])
    answered_as: str | None = Field(examples=[None])
    reason: str = Field(examples=[""])
    content_tags: list[str] = Field(examples=[[]], description="What the human saw.")


class PreviewPage(BaseModel):
    """Previews, newest first; `next_before` continues the list."""

    items: list[PreviewRead]
    next_before: str | None = Field(examples=[None])


class PreviewLinkRead(BaseModel):
    """A link to the marked file; it lasts a minute, and opening it is on record."""

    url: str = Field(examples=["/v1/downloads/previews/pvl_01JD?expires=1795370000&seal=9f"])
    expires_at: datetime


class PreviewAnswerCreate(BaseModel):
    """Let it go, or refuse it; and what was seen of what a contract may prohibit."""

    model_config = ConfigDict(extra="forbid")

    role: Annotated[str, Field(min_length=1, max_length=64)] = Field(examples=["performer"])
    answer: Literal["release", "refuse"] = Field(examples=["release"])
    reason: Annotated[str, Field(max_length=500)] = Field(
        default="", examples=[""], description="For the production, above all of a refusal."
    )
    content_tags: Annotated[list[Word], Field(max_length=100)] = Field(
        default=[],
        examples=[[]],
        description="They join the tags of the use, and the release is decided with them.",
    )


def _read(shown: previews.Shown, organization_id: str) -> PreviewRead:
    preview, generation = shown.preview, shown.generation
    same = {"id", "generation_id", "roles", "created_at", "due_at", "answered_at"}
    return PreviewRead(
        **preview.model_dump(include=same | {"reason", "content_tags"}),
        state=shown.state(clock.now()),
        contract_id=shown.contract.series_id,
        performer_id=shown.contract.performer_id,
        line=generation.line,
        length_ms=generation.length_ms,
        prohibited=shown.prohibited,
        doubts=list(shown.doubts),
        you_may_answer_as=shown.roles_of(organization_id),
        opened_by_you=organization_id in shown.opened_by,
        answered_as=preview.role,
    )


@router.get("/previews", responses=read_refusals())
@may("organization", to="read")
def list_previews(
    read: Reading,
    state: Annotated[Literal["waiting"] | None, Query()] = None,
    before: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> PreviewPage:
    """List what the caller's performers were asked to look at; `state=waiting`: still are."""
    found = previews.previews_of(
        read.session,
        read.organization_id,
        waiting=state == "waiting",
        before=before,
        limit=limit,
    )
    more = found[-1].preview.id if len(found) == limit else None
    return PreviewPage(
        items=[_read(shown, read.organization_id) for shown in found], next_before=more
    )


@router.get("/previews/{preview_id}", responses=read_refusals(PreviewNotFound))
@may("performer", "agent", to="read")
def read_preview(preview_id: str, read: Reading) -> PreviewRead:
    """Show one preview that the caller's side was asked about."""
    shown = previews.preview_of(read.session, read.organization_id, preview_id)
    return _read(shown, read.organization_id)


@router.post(
    "/previews/{preview_id}/links",
    status_code=201,
    response_model=PreviewLinkRead,
    responses=act_refusals(PreviewNotFound, PreviewAnswered),
)
@may("performer", "agent", to="approve")
def issue_preview_link(preview_id: str, act: Acting) -> Response:
    """Issue a link to the watermarked, signed file for a minute; it is not released by it."""

    def issue(session: Session) -> tuple[int, BaseModel]:
        link = previews.issue_link(session, act.principal, preview_id)
        return 201, PreviewLinkRead(url=previews.address_of(link), expires_at=link.expires_at)

    return act.once(preview_id.encode(), issue)


@router.get(
    "/downloads/previews/{link_id}",
    tags=["public"],
    response_class=StreamingResponse,
    responses={200: {"content": SENT}, **problems(LinkExpired)},
)
@may("link")
def download_preview(
    link_id: str,
    expires: Annotated[int, Query(ge=0, lt=1 << 40)],
    seal: Annotated[str, Query(pattern="^[0-9a-f]{64}$")],
) -> StreamingResponse:
    """Stream a marked preview to whoever holds a link that has not expired; keep that it was."""
    with db.reading() as session:
        generation = previews.open_link(session, link_id, expires, seal)

    def note() -> None:
        with db.writing() as session:
            previews.note_opened(session, link_id)

    return send_output(generation, f"{generation.id}-preview", once_sent=note)


@router.post(
    "/previews/{preview_id}/answers",
    status_code=201,
    response_model=PreviewRead,
    responses=act_refusals(PreviewNotFound, PreviewRefused, PreviewUnseen, PreviewAnswered),
)
@may("performer", "agent", to="approve")
def answer_preview(preview_id: str, body: PreviewAnswerCreate, act: Acting) -> Response:
    """Let a seen output go on to its release, or refuse it: then it ends, and costs nothing."""

    def answer(session: Session) -> tuple[int, BaseModel]:
        previews.answer_preview(
            session,
            act.principal,
            preview_id,
            role=body.role,
            let_go=body.answer == "release",
            reason=body.reason,
            content_tags=body.content_tags,
        )
        shown = previews.preview_of(session, act.organization_id, preview_id)
        return 201, _read(shown, act.organization_id)

    return act.once(fingerprint_of(body), answer)
