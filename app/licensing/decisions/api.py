"""Routes about decisions."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.access import may
from app.identity.api_edge import Reading, read_refusals
from app.licensing.contracts.shown import (
    SHA256,
)
from app.licensing.decisions import service as decisions
from app.licensing.decisions.approval_requests import what_to_ask
from app.licensing.errors import (
    DecisionNotFound,
)

router = APIRouter(prefix="/v1", tags=["licensing"])


class ApprovalNeeded(BaseModel):
    """A human's yes that a use needs and has not."""

    contract_id: str = Field(examples=["con_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    performer_id: str = Field(examples=["per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    kind: str = Field(examples=["use"])
    roles: list[str] = Field(examples=[["performer"]])
    answer_within_hours: int | None = Field(
        examples=[48], description="Then silence is a refusal; null where the contract waits."
    )
    content_tags: list[str] = Field(examples=[[]])
    sublicensee: str | None = Field(examples=[None])
    transferee: str | None = Field(examples=[None])
    training_scope: str | None = Field(examples=[None])


class DecisionRead(BaseModel):
    """One answer of the policies, as the asking party sees it."""

    id: str = Field(examples=["dec_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    at: datetime
    outcome: Literal["permit", "needs-approval", "deny"]
    codes: list[str] = Field(examples=[["TERRITORY_NOT_LICENSED"]])
    obligations: list[str] = Field(examples=[["c2pa_sign", "watermark"]])
    explanations: list[dict[str, Any]] = Field(
        examples=[
            [
                {
                    "policy": "TERRITORY_NOT_LICENSED",
                    "outcome": "deny",
                    "summary": "The use reaches a place the contract does not cover.",
                    "source": "contract, grant.territories",
                    "contract_id": "con_01JD3Z6N8Q4C0R2T5V7X9Y1B3D",
                    "clause": "/grant/territories",
                    "next_step": "Leave those places out, or agree an amendment that adds them.",
                }
            ]
        ]
    )
    approvals_needed: list[ApprovalNeeded] = Field(
        description="Whose yes is missing now; `POST /v1/approvals` asks for it."
    )
    policy_digest: str = Field(examples=[SHA256])
    receipt: str = Field(
        description="Signed statement (JWS) of this decision, free of terms.",
        examples=["eyJhbGciOiJFUzI1NiJ9.eyJ2IjoxLCJvdXRjb21lIjoiZGVueSJ9.MEUCIQ"],
    )


@router.get("/decisions/{decision_id}", responses=read_refusals(DecisionNotFound))
@may("requester", to="read")
def read_decision(decision_id: str, read: Reading) -> DecisionRead:
    """Show a decision the caller asked for: codes, clauses, and its signed receipt."""
    decision = decisions.decision_of(read.session, read.organization_id, decision_id)
    shown = decision.model_dump(include=set(DecisionRead.model_fields) - {"codes"})
    needed = [ApprovalNeeded(**asdict(ask)) for ask in what_to_ask(read.session, decision)]
    return DecisionRead(**shown, codes=decision.shown_codes, approvals_needed=needed)
