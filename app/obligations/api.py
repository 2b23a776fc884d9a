"""Routes of obligations: each side reads its own."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from app import db
from app.access import may
from app.identity.api_edge import Reading, read_refusals
from app.obligations import service
from app.obligations.errors import CursorUnknown

router = APIRouter(prefix="/v1/obligations", tags=["obligations"])
Kind = Literal["approval", "preview", "label", "deletion", "report", "payout", "invoice", "case"]
State = Literal["open", "done", "missed", "lasting"]


class ObligationRead(BaseModel):
    """One thing owed: what, by whom, until when, and what proves that it was done."""

    model_config = ConfigDict(from_attributes=True)

    kind: Kind
    what: str = Field(examples=["use"], description="Of its kind: what exactly.")
    key: str = Field(
        examples=["apr_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"], description="The id of what it follows from."
    )
    owed_by: list[str] = Field(
        examples=[["performer"]],
        description="Roles of the contract; or operator, licensee, or a vendor by name.",
    )
    due_at: datetime | None = Field(description="null: no day is named.")
    done_at: datetime | None = Field(examples=[None])
    proof: str | None = Field(examples=[None], description="The id of what shows that it was done.")
    contract_id: str | None = Field(examples=["con_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    performer_id: str | None = Field(examples=["per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    currency: str | None = Field(examples=[None])
    amount_minor: int | None = Field(examples=[None])


class ObligationPage(BaseModel):
    """What is owed, what is due first at the top; `next_after` continues the list."""

    items: list[ObligationRead]
    next_after: str | None = Field(examples=[None])


@router.get("", responses=read_refusals(CursorUnknown))
@may("organization", to="read")
def list_obligations(
    read: Reading,
    state: Annotated[
        State,
        Query(
            description="`done`: newest first. `missed`: an answer no longer counts. `lasting`: "
            "owed for as long as something is shown or kept."
        ),
    ] = "open",
    kind: Annotated[Kind | None, Query(description="Of this kind alone.")] = None,
    after: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ObligationPage:
    """List what you owe, and what is owed to you: derived at this moment from what is on record."""
    with db.reading() as house:
        found = service.owed(
            read.session,
            read.organization_id,
            state=state,
            kind=kind,
            after=after,
            limit=limit,
            house=house,
        )
    return ObligationPage(
        items=[ObligationRead.model_validate(each) for each in found],
        next_after=service.mark(found[-1]) if len(found) == limit else None,
    )
