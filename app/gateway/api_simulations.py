"""The route that asks "could they ...?": nothing is decided, recorded, reserved or signed."""

from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app import clock, db
from app.access import may
from app.gateway.generators import catalogue
from app.identity import authentication
from app.identity.api_edge import Caller, read_refusals
from app.licensing.decisions import rulebook
from app.licensing.errors import (
    ContractInvalid,
    ContractNotFound,
    SimulationBusy,
    SimulationUnfinished,
)
from app.licensing.simulations import facts, simulating
from app.licensing.simulations.forms import SimulationCreate
from app.licensing.simulations.simulation import legend

router = APIRouter(prefix="/v1", tags=["licensing"])
NOTE = "Not a decision: nothing is recorded, reserved or signed, and it permits nothing."
AS_IF = " The document is asked about as if everybody who must sign it had signed it now."
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class RowRead(BaseModel):
    """What would be decided about one use."""

    outcome: Literal["permit", "needs-approval", "deny"]
    codes: list[str] = Field(examples=[["TERRITORY_NOT_LICENSED"]])


class CodeRead(BaseModel):
    """What a code means here, where the contract says so, and the one step that would help."""

    outcome: Literal["needs-approval", "deny"]
    summary: str = Field(examples=["The use reaches a place the contract does not cover."])
    clause: str = Field(examples=["/grant/territories"], description="JSON pointer, or empty.")
    next_step: str = Field(examples=["Ask for fewer places, or agree an amendment."])


class SimulationRead(BaseModel):
    """The table "could they ...?": a row for each use in order, and each code explained once."""

    v: Literal[1] = 1
    is_decision: Literal[False] = False
    note: str = Field(examples=[NOTE + AS_IF])
    at: datetime = Field(description="The instant asked about, unless a use names another.")
    policy_digest: str = Field(examples=[SHA256])
    axes: dict[str, list[Any]] = Field(
        description="Where axes were crossed: their values; the last one runs fastest.",
        examples=[{"medium": ["svod", "social"]}],
    )
    rows: list[RowRead]
    codes: dict[str, CodeRead] = Field(
        examples=[
            {
                "TERRITORY_NOT_LICENSED": {
                    "outcome": "deny",
                    "summary": "The use reaches a place the contract does not cover.",
                    "clause": "/grant/territories",
                    "next_step": "Ask for fewer places, or agree an amendment that adds them.",
                }
            }
        ]
    )


@router.post(
    "/simulations",
    responses=read_refusals(
        ContractInvalid, ContractNotFound, SimulationBusy, SimulationUnfinished
    ),
)
@may("organization", to="ask")
def simulate(body: SimulationCreate, caller: Caller) -> SimulationRead:
    """Ask what would be decided about up to 10 000 uses of a draft or a contract of one's own."""
    with db.reading() as session:
        authentication.check_standing(session.connection(), caller)
    now, generators = clock.now(), catalogue.TRAINS_ON_INPUTS
    with simulating.turn(caller.organization_id):
        if body.document is not None:
            start = facts.from_draft(body.document, now, generators=generators)
        else:
            with db.reading() as session:
                start = facts.from_contract(
                    session,
                    caller.organization_id,
                    body.contract_id or "",
                    now,
                    generators=generators,
                )
        axes, uses = body.uses(start.terms, start.usual)
        contract = body.suppose.of_contract(start.contract)
        state = body.suppose.of_world(start.state)
        policies = rulebook.today()
        rows = simulating.table(policies, [contract], state, uses)
    return SimulationRead(
        note=NOTE + (AS_IF if start.as_if_signed else ""),
        at=body.base.at or start.usual.at,
        policy_digest=policies.digest,
        axes={name: list(values) for name, values in axes.items()} if body.axes is None else {},
        rows=[RowRead(outcome=row.outcome, codes=list(row.codes)) for row in rows],
        codes={code: CodeRead(**said) for code, said in legend(policies, rows).items()},
    )
