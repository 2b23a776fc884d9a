"""Routes of the strike switch, for unions that keep an agreement."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlmodel import Session

from app import clock
from app.access import may
from app.identity.api_edge import Acting, Reading, act_refusals, fingerprint_of, read_refusals
from app.licensing.errors import (
    AgreementNotKept,
    ProposalLapsed,
    SecondKeyNeeded,
    StrikeInstantRefused,
    StrikeNotFound,
    StrikeSettled,
)
from app.licensing.strikes import service as strikes
from app.licensing.strikes.models import StrikeSwitch

router = APIRouter(prefix="/v1", tags=["licensing"])


class StrikeCreate(BaseModel):
    """A proposal to suspend consent under an agreement, or to lift a suspension."""

    model_config = ConfigDict(extra="forbid")

    agreement: str = Field(min_length=1, max_length=300, examples=["SAG-AFTRA-TVT-2026"])
    act: Literal["suspend", "lift"]
    takes_effect_at: AwareDatetime | None = Field(
        default=None, examples=[None], description="Now or within a year; null means at once."
    )


class StrikeRead(BaseModel):
    """One turn of the strike switch, as the union sees it."""

    id: str = Field(examples=["stk_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    agreement: str = Field(examples=["SAG-AFTRA-TVT-2026"])
    act: Literal["suspend", "lift"]
    state: Literal["proposed", "lapsed", "scheduled", "in-effect"]
    takes_effect_at: datetime | None = Field(examples=[None])
    proposed_by: str = Field(examples=["key_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    proposed_at: datetime
    lapses_at: datetime
    confirmed_by: str | None = Field(examples=[None])
    confirmed_at: datetime | None = Field(examples=[None])
    effective_at: datetime | None = Field(examples=[None])


class StrikePage(BaseModel):
    """Turns of the switch, newest first; `next_before` continues the list."""

    items: list[StrikeRead]
    next_before: str | None = Field(examples=[None])


def _read(switch: StrikeSwitch) -> StrikeRead:
    return StrikeRead(**switch.model_dump(), state=switch.state(clock.now()))


@router.post(
    "/strikes",
    status_code=201,
    response_model=StrikeRead,
    responses=act_refusals(AgreementNotKept, StrikeInstantRefused),
)
@may("union", to="strike")
def propose_strike(body: StrikeCreate, act: Acting) -> Response:
    """Propose a strike, or its end. Nothing happens until another API key confirms it."""

    def propose(session: Session) -> tuple[int, BaseModel]:
        switch = strikes.propose_switch(
            session,
            act.principal,
            agreement=body.agreement,
            act=body.act,
            takes_effect_at=body.takes_effect_at,
        )
        return 201, _read(switch)

    return act.once(fingerprint_of(body), propose)


@router.post(
    "/strikes/{strike_id}/confirmation",
    status_code=201,
    response_model=StrikeRead,
    responses=act_refusals(StrikeNotFound, SecondKeyNeeded, ProposalLapsed, StrikeSettled),
)
@may("union", to="strike")
def confirm_strike(strike_id: str, act: Acting) -> Response:
    """Confirm a proposal with another key of the same union: it is in force when this answers."""

    def confirm(session: Session) -> tuple[int, BaseModel]:
        return 201, _read(strikes.confirm_switch(session, act.principal, strike_id))

    return act.once(f"{strike_id} {act.principal.api_key_id}".encode(), confirm)


@router.get("/strikes", responses=read_refusals())
@may("organization", to="read")
def list_strikes(
    read: Reading,
    before: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> StrikePage:
    """List what was proposed and confirmed for the agreements the caller keeps, newest first."""
    found = strikes.switches_of(read.session, read.organization_id, before=before, limit=limit)
    more = found[-1].id if len(found) == limit else None
    return StrikePage(items=[_read(switch) for switch in found], next_before=more)


@router.get("/strikes/{strike_id}", responses=read_refusals(StrikeNotFound))
@may("union", to="read")
def read_strike(strike_id: str, read: Reading) -> StrikeRead:
    """Show one turn of the switch."""
    return _read(strikes.switch_of(read.session, read.organization_id, strike_id))
