"""Routes about a human's yes: ask for it, see what waits, answer; and what a new script voids."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlmodel import Session

from app import clock
from app.access import PARTIES, may
from app.identity.api_edge import Acting, Reading, act_refusals, fingerprint_of, read_refusals
from app.licensing.approvals.asked import Asked, approval_of, approvals_of, with_answers
from app.licensing.approvals.on_record import use_asked
from app.licensing.decisions import approval_requests
from app.licensing.decisions.script_changes import voided_by_script_change
from app.licensing.errors import (
    AnswerRefused,
    ApprovalClosed,
    ApprovalNotFound,
    DecisionNotFound,
    NothingToAsk,
    ScriptDiffers,
)

router = APIRouter(prefix="/v1", tags=["approvals"])
SCRIPT = "I hold the light a little longer."
SHA256 = "2741adbc218de67ccaa38f71798bcee0fc69cc35c72a581ba5abe0485b1e5cf6"
Hash = Annotated[str, Field(min_length=1, max_length=120)]


class ApprovalCreate(BaseModel):
    """A wish for every human's yes that one decision found missing."""

    model_config = ConfigDict(extra="forbid")

    decision_id: Annotated[str, Field(max_length=64)] = Field(
        examples=["dec_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"]
    )
    script: Annotated[str, Field(max_length=200_000)] | None = Field(
        default=None,
        examples=[SCRIPT],
        description="The text whose SHA-256 is the decision's script_hash, for those asked to read",
    )


class AnswerCreate(BaseModel):
    """A human's yes or no, in a role that their organization is registered for."""

    model_config = ConfigDict(extra="forbid")

    role: Annotated[str, Field(min_length=1, max_length=64)] = Field(examples=["performer"])
    answer: Literal["approved", "rejected"] = Field(examples=["approved"])
    expires_at: AwareDatetime | None = Field(
        default=None, examples=[None], description="When a yes ends; by default it does not."
    )


class AnswerRead(BaseModel):
    """Who said what, in which role, when."""

    role: str = Field(examples=["performer"])
    organization_id: str = Field(examples=["org_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    answer: str = Field(examples=["approved"])
    answered_at: datetime
    expires_at: datetime | None = Field(examples=[None])


class ApprovalRead(BaseModel):
    """What was asked of whom, about which use, and what came of it so far."""

    id: str = Field(examples=["apr_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    state: str = Field(
        examples=["waiting"], description="waiting, approved, rejected, timed-out or expired"
    )
    kind: str = Field(
        examples=["use"],
        description="`use` needs a yes of every role; `content`, `sublicensee`, `transferee` and "
        "`training` of one of them, and a no of none.",
    )
    roles: list[str] = Field(examples=[["performer"]])
    you_may_answer_as: list[str] = Field(examples=[["performer"]])
    nobody_may_answer_as: list[str] = Field(
        examples=[[]], description="Roles nobody is registered for, so that nobody can say yes."
    )
    contract_id: str = Field(examples=["con_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    performer_id: str = Field(examples=["per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    decision_id: str = Field(examples=["dec_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    requested_by: str = Field(examples=["org_01JD3Z6N8Q4C0R2T5V7X9Y1B4E"])
    project: str = Field(examples=["NIGHTGLASS"])
    purpose: str = Field(examples=["film_scene"])
    medium: str = Field(examples=["svod"])
    territories: list[str] = Field(examples=[["DE", "FR"]])
    languages: list[str] = Field(examples=[["en"]])
    length_s: Decimal | None = Field(examples=["5"])
    script_hash: str = Field(examples=[SHA256])
    script: str | None = Field(examples=[SCRIPT])
    content_tags: list[str] = Field(examples=[[]])
    sublicensee: str | None = Field(examples=[None])
    transferee: str | None = Field(examples=[None])
    training_scope: str | None = Field(examples=[None])
    requested_at: datetime
    answer_due_at: datetime | None = Field(
        examples=["2026-11-24T21:00:00Z"],
        description="From here silence is a refusal; null where the contract waits.",
    )
    answers: list[AnswerRead]


class ApprovalList(BaseModel):
    """What one decision led to being asked, one for each contract and kind."""

    items: list[ApprovalRead]


class ApprovalPage(BaseModel):
    """Approvals, newest first; `next_before` continues the list."""

    items: list[ApprovalRead]
    next_before: str | None = Field(examples=[None])


def _read(asked: Asked, organization_id: str) -> ApprovalRead:
    request, now = asked.request, clock.now()
    use = use_asked(request)
    same = set(ApprovalRead.model_fields) & set(type(request).model_fields)
    return ApprovalRead(
        **request.model_dump(include=same),
        state=asked.state(now),
        you_may_answer_as=asked.open_to(organization_id, now),
        nobody_may_answer_as=[role for role in request.roles if role not in asked.holders],
        performer_id=asked.performer_id,
        requested_by=request.organization_id,
        purpose=use.purpose or "",
        medium=use.medium or "",
        territories=list(use.territories or ()),
        languages=list(use.languages or ()),
        length_s=use.seconds,
        answers=[
            AnswerRead(
                role=answer.role,
                organization_id=answer.organization_id,
                answer=answer.status,
                answered_at=answer.answered_at,
                expires_at=answer.expires_at,
            )
            for answer in asked.answers
        ],
    )


@router.post(
    "/approvals",
    status_code=201,
    response_model=ApprovalList,
    responses=act_refusals(DecisionNotFound, NothingToAsk, ScriptDiffers),
)
@may("organization", to="approve")
def request_approvals(body: ApprovalCreate, act: Acting) -> Response:
    """Ask everybody whose yes is missing for a use that was decided. Asked twice, it is one."""

    def ask(session: Session) -> tuple[int, BaseModel]:
        requests = approval_requests.request_approvals(
            session, act.organization_id, body.decision_id, script=body.script
        )
        asked = with_answers(session, requests)
        return 201, ApprovalList(items=[_read(each, act.organization_id) for each in asked])

    return act.once(fingerprint_of(body), ask)


@router.get("/approvals", responses=read_refusals())
@may("organization", to="read")
def list_approvals(
    read: Reading,
    state: Annotated[
        Literal["waiting", "approved", "rejected", "timed-out", "expired"] | None, Query()
    ] = None,
    before: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ApprovalPage:
    """List what was asked under the caller's contracts: what waits, and for whom."""
    found = approvals_of(
        read.session, read.organization_id, state=state, before=before, limit=limit
    )
    more = found[-1].request.id if len(found) == limit else None
    return ApprovalPage(
        items=[_read(asked, read.organization_id) for asked in found], next_before=more
    )


@router.get("/approvals/{approval_id}", responses=read_refusals(ApprovalNotFound))
@may(*PARTIES, to="read")
def read_approval(approval_id: str, read: Reading) -> ApprovalRead:
    """Show one thing that was asked, with the script where it was sent, and its answers."""
    request = approval_of(read.session, read.organization_id, approval_id)
    return _read(with_answers(read.session, [request])[0], read.organization_id)


@router.post(
    "/approvals/{approval_id}/answers",
    status_code=201,
    response_model=ApprovalRead,
    responses=act_refusals(ApprovalNotFound, AnswerRefused, ApprovalClosed),
)
@may(*PARTIES, to="approve")
def answer_approval(approval_id: str, body: AnswerCreate, act: Acting) -> Response:
    """Say yes or no. Answer again to change one's mind: of several the latest counts."""

    def answer(session: Session) -> tuple[int, BaseModel]:
        request = approval_requests.answer_approval(
            session,
            act.principal,
            approval_id,
            role=body.role,
            status=body.answer,
            expires_at=body.expires_at,
        )
        return 201, _read(with_answers(session, [request])[0], act.organization_id)

    return act.once(fingerprint_of(body), answer)


@router.get("/scripts/changes", responses=read_refusals())
@may("organization", to="read")
def preview_script_change(
    read: Reading,
    *,
    project: Annotated[str, Query(min_length=1, max_length=120)],
    old_hash: Annotated[Hash, Query()],
    new_hash: Annotated[Hash, Query()],
    before: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> ApprovalPage:
    """Say which of the caller's approvals would no longer hold under a new script.

    Nothing is changed by asking. A page may be empty although `next_before` leads on.
    """
    voided, more = voided_by_script_change(
        read.session,
        read.organization_id,
        project=project,
        old_hash=old_hash,
        new_hash=new_hash,
        before=before,
        limit=limit,
    )
    return ApprovalPage(
        items=[_read(asked, read.organization_id) for asked in voided], next_before=more
    )
