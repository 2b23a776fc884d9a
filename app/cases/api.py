"""Routes of cases, for organizations; visitors use the pages (`app/web/cases.py`)."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from app import clock
from app.access import may
from app.cases import opening, reading
from app.cases import service as cases
from app.cases.errors import (
    CaseAboutNothing,
    CaseClosed,
    CaseNotFound,
    CaseNotYours,
    CaseOpenAlready,
    CaseRefused,
    TooManyCases,
)
from app.cases.models import Case
from app.identity.api_edge import (
    Act,
    Acting,
    Reading,
    act_refusals,
    fingerprint_of,
    read_refusals,
)

router = APIRouter(prefix="/v1", tags=["cases"])
GENERATION = "gen_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"
CASE = "cas_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"
Ground = Literal[
    "not-consented", "beyond-consent", "withdrawn", "passed-off", "money", "record", "other"
]
Asked = Literal["takedown", "reversal", "correction"]
Words = Annotated[
    str,
    Field(min_length=1, max_length=2000, examples=["My contract ended on 1 November."]),
]


class CaseCreate(BaseModel):
    """What is wrong, about an output by its id or a file by its SHA-256, and what is asked."""

    model_config = ConfigDict(extra="forbid")

    generation_id: str | None = Field(default=None, max_length=40, examples=[GENERATION])
    file_sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$", examples=[None])
    ground: Ground
    asked: Asked
    words: Words
    hold_payouts: bool = Field(
        default=False, description="Pay out nothing that this output earned until the case ends."
    )


class CaseSaid(BaseModel):
    """What a side says: an answer, why it accepts, or why it takes the case back."""

    model_config = ConfigDict(extra="forbid")

    words: Words


class CaseEventRead(BaseModel):
    """Something that happened in a case."""

    number: int = Field(examples=[1])
    kind: Literal["opened", "taken-up", "answered", "accepted", "extended", "closed"]
    side: Literal["performer", "production", "union", "visitor", "operator"]
    words: str = Field(examples=["My contract ended on 1 November."])
    at: datetime


class CaseRead(BaseModel):
    """A case as its sides see it."""

    id: str = Field(examples=[CASE])
    state: Literal["waiting", "open", "overdue", "closed"] = Field(
        description="`waiting`: a visitor's, which the operator has not taken up; it holds nothing."
    )
    generation_id: str | None = Field(examples=[GENERATION])
    file_sha256: str | None = Field(examples=[None])
    ground: Ground
    asked: Asked
    side: Literal["performer", "production", "union", "visitor"] = Field(
        description="As what it was opened."
    )
    yours: bool = Field(examples=[True], description="You opened it.")
    yours_to_accept: bool = Field(
        examples=[False], description="What is asked happens once you accept it."
    )
    holds_payouts: bool = Field(examples=[False])
    evidence_sha256: str = Field(
        examples=["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]
    )
    opened_at: datetime
    answer_by: datetime
    decide_by: datetime
    closed_at: datetime | None = Field(examples=[None])
    outcomes: list[str] = Field(examples=[[]])


class CaseWhole(CaseRead):
    """A case with what was frozen when it was opened, and everything said in it."""

    evidence: dict[str, Any] = Field(
        description="Digests of what was on record, as far as it is yours; the SHA-256 of the whole"
        " in RFC 8785 form is `evidence_sha256`.",
        examples=[{"v": 1, "file_sha256": None, "log": None, "output": None}],
    )
    events: list[CaseEventRead]


class CasePage(BaseModel):
    """Cases, newest first; `next_before` continues the list."""

    items: list[CaseRead]
    next_before: str | None = Field(examples=[None])


def _fields(session: Session, case: Case, organization_id: str) -> dict[str, Any]:
    seat = reading.side_of(session, case, organization_id)
    return {
        **case.model_dump(exclude={"organization_id", "api_key_id", "link_sha256"}),
        "state": reading.state_of(case, clock.now()),
        "yours": case.organization_id == organization_id,
        "yours_to_accept": seat.must_accept and case.closed_at is None,
    }


@router.post(
    "/cases",
    status_code=201,
    response_model=CaseRead,
    responses=act_refusals(CaseAboutNothing, CaseRefused, CaseOpenAlready, TooManyCases),
)
@may("organization", to="dispute")
def open_case(body: CaseCreate, act: Acting) -> Response:
    """Open a case. A side of the output freezes its evidence at once, and may hold its payouts."""

    def opened(session: Session) -> tuple[int, BaseModel]:
        complaint = opening.Complaint(
            ground=body.ground,
            asked=body.asked,
            words=body.words,
            generation_id=body.generation_id or "",
            file_sha256=body.file_sha256 or "",
            hold_payouts=body.hold_payouts,
        )
        made = opening.open_case(session, complaint, act.principal)
        return 201, CaseRead(**_fields(session, made, act.organization_id))

    return act.once(fingerprint_of(body), opened)


@router.get("/cases", responses=read_refusals())
@may("organization", to="read")
def list_cases(
    read: Reading,
    before: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> CasePage:
    """List the cases you are a side of, newest first."""
    found = reading.cases_of(read.session, read.organization_id, before=before, limit=limit)
    return CasePage(
        items=[CaseRead(**_fields(read.session, each, read.organization_id)) for each in found],
        next_before=found[-1].id if len(found) == limit else None,
    )


@router.get("/cases/{case_id}", responses=read_refusals(CaseNotFound))
@may("opener", "requester", "performer", "agent", "union", to="read")
def read_case(case_id: str, read: Reading) -> CaseWhole:
    """Show a case, what was frozen when it was opened, and everything said in it."""
    case = reading.case_of(read.session, read.organization_id, case_id)
    seat = reading.side_of(read.session, case, read.organization_id)
    shown = reading.shown_to(read.session, case, seat.side, read.organization_id)
    return CaseWhole(
        **_fields(read.session, case, read.organization_id) | {"evidence": shown.evidence},
        events=[
            CaseEventRead(**each.model_dump(include=set(CaseEventRead.model_fields)))
            for each in shown.events
        ],
    )


@router.post(
    "/cases/{case_id}/answers",
    status_code=201,
    response_model=CaseRead,
    responses=act_refusals(CaseNotFound, CaseClosed),
)
@may("opener", "requester", "performer", "agent", "union", to="dispute")
def answer_case(case_id: str, body: CaseSaid, act: Acting) -> Response:
    """Say something in a case: every side reads it."""
    return _say(cases.answer, case_id, body, act)


@router.post(
    "/cases/{case_id}/acceptance",
    status_code=201,
    response_model=CaseRead,
    responses=act_refusals(CaseNotFound, CaseClosed, CaseNotYours),
)
@may("opener", "requester", "performer", "agent", "union", to="dispute")
def accept_case(case_id: str, body: CaseSaid, act: Acting) -> Response:
    """Accept what is asked; once all who would bear it have, it happens and the case ends."""
    return _say(cases.accept, case_id, body, act)


@router.post(
    "/cases/{case_id}/withdrawal",
    status_code=201,
    response_model=CaseRead,
    responses=act_refusals(CaseNotFound, CaseClosed, CaseNotYours),
)
@may("opener", to="dispute")
def take_case_back(case_id: str, body: CaseSaid, act: Acting) -> Response:
    """Take back a case that you opened: what it held is let go."""
    return _say(cases.take_back, case_id, body, act)


def _say(said: Callable[..., Case], case_id: str, body: CaseSaid, act: Act) -> Response:
    def do(session: Session) -> tuple[int, BaseModel]:
        case = said(session, case_id, body.words, act.principal)
        return 201, CaseRead(**_fields(session, case, act.organization_id))

    return act.once(fingerprint_of(body), do)
