"""The route that says what a withdrawal would do, before anybody withdraws."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from app.access import may
from app.gateway.withdrawal import Consequences, consequences
from app.identity.api_edge import Reading, read_refusals
from app.licensing.errors import ContractAlreadyWithdrawn, ContractNotFound

router = APIRouter(prefix="/v1", tags=["licensing"])
LATER = "2026-12-21T23:00:00Z"


class StopsRead(BaseModel):
    """A generation that would be refused, and by which codes."""

    generation_id: str = Field(examples=["gen_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    state: str = Field(examples=["rendering"])
    codes: list[str] = Field(examples=[["REVOKED"]])


class FinishesRead(BaseModel):
    """A generation that may still be released; until when, where there is an end to it."""

    generation_id: str = Field(examples=["gen_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    state: str = Field(examples=["signed"])
    until_at: datetime | None = Field(examples=[LATER])


class OutputRead(BaseModel):
    """A released output: from when it may no longer be shown, or null where it stays."""

    generation_id: str = Field(examples=["gen_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    released_at: datetime | None
    comes_down_at: datetime | None = Field(examples=[LATER])


class FreedRead(BaseModel):
    """A promise of exclusivity that would end, with any holdback days still to come."""

    category: str | None = Field(examples=["cola"], description="Null is the whole person.")
    territories: list[str] | None = Field(examples=[["DE"]], description="Null is everywhere.")
    media: list[str] | None = Field(examples=[None], description="Null is every medium.")
    ends_at: datetime | None
    holdback_days: int = Field(examples=[0])


class VoidedRead(BaseModel):
    """Money and seconds held for what stops, in one currency; nobody is charged them."""

    currency: str = Field(examples=["EUR"])
    amount_minor: int = Field(examples=[6250])
    seconds: str = Field(examples=["5"])


class ConsequencesRead(BaseModel):
    """What would happen if consent were withdrawn at `snapshot_at`; nothing is changed yet."""

    contract_id: str = Field(examples=["con_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    snapshot_at: datetime
    new_uses_end_at: datetime = Field(description="From here every new use is refused.")
    stops: list[StopsRead]
    finishes: list[FinishesRead]
    outputs: list[OutputRead]
    exclusives_freed: list[FreedRead]
    held_voided: list[VoidedRead]
    next_before: str | None = Field(examples=[None], description="Continues `outputs`.")


@router.get(
    "/contracts/{contract_id}/withdrawal/consequences",
    responses=read_refusals(ContractNotFound, ContractAlreadyWithdrawn),
)
@may("performer", "agent", to="read")
def preview_withdrawal(
    contract_id: str,
    read: Reading,
    before: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ConsequencesRead:
    """Say what stops, what finishes, what comes down and when. For the performer's side only.

    `POST` to the withdrawal itself acts at once, whether or not this was asked.
    """
    found = consequences(
        read.session, read.organization_id, contract_id, before=before, limit=limit
    )
    more = found.outputs[-1].generation.id if len(found.outputs) == limit else None
    return _read(found, contract_id, more)


def _read(found: Consequences, contract_id: str, more: str | None) -> ConsequencesRead:
    return ConsequencesRead(
        contract_id=contract_id,
        snapshot_at=found.snapshot_at,
        new_uses_end_at=found.new_uses_end_at,
        stops=[
            StopsRead(
                generation_id=each.generation.id,
                state=each.generation.state,
                codes=list(each.codes),
            )
            for each in found.in_flight
            if not each.finishes
        ],
        finishes=[
            FinishesRead(
                generation_id=each.generation.id,
                state=each.generation.state,
                until_at=each.until_at,
            )
            for each in found.in_flight
            if each.finishes
        ],
        outputs=[
            OutputRead(
                generation_id=each.generation.id,
                released_at=each.generation.released_at,
                comes_down_at=each.comes_down_at,
            )
            for each in found.outputs
        ],
        exclusives_freed=[
            FreedRead(
                category=each.category,
                territories=None if each.territories is None else list(each.territories),
                media=None if each.media is None else list(each.media),
                ends_at=each.until_at,
                holdback_days=each.holdback_days,
            )
            for each in found.freed
        ],
        held_voided=[
            VoidedRead(currency=currency, amount_minor=minor, seconds=format(seconds, "f"))
            for currency, minor, seconds in found.voided
        ],
        next_before=more,
    )
