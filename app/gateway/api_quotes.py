"""The route that prices planned uses: nothing is decided, recorded or held."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonDict
from sqlmodel import Session

from app import clock
from app.access import may
from app.gateway import quoting
from app.gateway.api_authorizations import AuthorizationCreate, performers_of, use_of
from app.gateway.errors import ReplicaNotFound
from app.identity.api_edge import Reading, read_refusals
from app.ledger.errors import RoyaltyRefused
from app.ledger.usage import UsageEvent
from app.licensing.errors import ContractInvalid, ContractNotFound, UseUnpriced

router = APIRouter(prefix="/v1", tags=["ledger"])
NOTE = (
    "Not a decision and not an offer: nothing is recorded, reserved or signed. Each use is asked "
    "about by itself, as of now, and priced after the ones before it. Without taxes of the invoice."
)
RENDERS_AT_ONCE = 2_000  # of one performer: about half a second
PLANNED: JsonDict = {
    "replicas": ["rep_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"],
    "project": "NIGHTGLASS",
    "purpose": "film_scene",
    "medium": "svod",
    "territories": ["DE", "FR"],
    "languages": ["en"],
    "generator": "local/puppet-1",
    "length_s": "5",
    "renders": 3,
}
Word = Annotated[str, Field(min_length=1, max_length=120)]


class PlannedUse(AuthorizationCreate):
    """One use that is planned, as for an authorization; `length_s` is of each render."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [PLANNED]})

    action: Literal["generate"] = "generate"
    length_s: Annotated[Decimal, Field(ge=0, le=10**6, decimal_places=3)]
    renders: Annotated[int, Field(ge=1, le=RENDERS_AT_ONCE)] = 1
    takes: Annotated[int, Field(ge=0, le=100)] = Field(
        default=0,
        description="Takes of each render's shot: so many drafts, and then one that is chosen.",
    )


class QuoteCreate(BaseModel):
    """A plan: uses, priced under whatever contracts govern them; or events under one document.

    The events of a plan are uses, reports and settlements in the words of the compensation terms
    (`GET /v1/schemas/compensation`), under a contract of one's own or a draft.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"uses": [PLANNED]}]})

    uses: Annotated[list[PlannedUse], Field(max_length=50)] = []
    contract_id: Word | None = None
    document: dict[str, Any] | None = None
    events: Annotated[list[UsageEvent], Field(max_length=200)] = []

    @model_validator(mode="after")
    def _one_plan(self) -> Self:
        named = (self.contract_id is not None) + (self.document is not None)
        if bool(self.uses) == bool(self.events) or named != bool(self.events):
            raise ValueError(
                "give `uses`, or else `events` with the `contract_id` or the `document` they are "
                "priced under"
            )
        if any(event.reverse is not None or event.refund_of is not None for event in self.events):
            raise ValueError("a correction has no price: it gives back what was posted")
        if any(event.id is not None for event in self.events):
            raise ValueError("a planned event has no id: it has not happened")
        asked = sum(
            use.renders * (use.takes + 1) * len(use.replicas or use.performers) for use in self.uses
        )
        if asked > RENDERS_AT_ONCE:
            raise ValueError(f"{asked} renders are too many for one quote: ask for fewer at once")
        return self


class PricedLineRead(BaseModel):
    """What one payee gets."""

    account: str = Field(examples=["performer:per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D:payable"])
    currency: str = Field(examples=["EUR"])
    amount_minor: int = Field(examples=[5625], description="Positive is paid to the payee.")
    clauses: list[str] = Field(
        examples=[["/compensation/rate_minor", "/compensation/parties/0"]],
        description="JSON pointers into the contract: what set it.",
    )


class PartRead(BaseModel):
    """What a use comes to under one contract."""

    contract_id: str = Field(
        examples=["con_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"], description="Empty for a draft."
    )
    performer_id: str = Field(examples=["per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    currency: str = Field(examples=["EUR"])
    licensee_minor: int = Field(examples=[6250], description="What the licensee pays.")
    hold_minor: int = Field(
        examples=[6250], description="What is set aside before the work; what is left comes back."
    )
    licensee_clauses: list[str] = Field(examples=[["/compensation/rate_minor"]])
    payees: list[PricedLineRead]
    unpriced: str = Field(examples=[""], description="Why there is no price; else empty.")


class PricedRead(BaseModel):
    """One planned use. Without an outcome the rules were not asked."""

    outcome: Literal["permit", "needs-approval", "deny"] | None
    codes: list[str] = Field(examples=[[]])
    explanations: list[dict[str, Any]] = Field(examples=[[]])
    parts: list[PartRead] = Field(
        description="One for each contract of the asking licensee that would govern the use."
    )


class TotalRead(BaseModel):
    """A sum over the plan: what the licensee pays, or a payee gets; both positive."""

    account: str = Field(examples=["licensee:receivable"])
    currency: str = Field(examples=["EUR"])
    amount_minor: int = Field(examples=[6250])


class MoneyRead(BaseModel):
    """What the holds of a whole plan would need, and what the licensee may spend now."""

    currency: str = Field(examples=["EUR"])
    needed_minor: int = Field(examples=[6250])
    available_minor: int = Field(examples=[100_000])


class QuoteRead(BaseModel):
    """A plan priced line by line, in the order it was given."""

    v: Literal[1] = 1
    is_decision: Literal[False] = False
    note: str = Field(examples=[NOTE])
    at: datetime
    items: list[PricedRead]
    totals: list[TotalRead]
    money: list[MoneyRead] = Field(description="For uses; empty for events under a document.")


@router.post(
    "/quotes",
    response_model=QuoteRead,
    responses=read_refusals(
        ReplicaNotFound, ContractInvalid, ContractNotFound, RoyaltyRefused, UseUnpriced
    ),
)
@may("organization", to="ask")
def quote(body: QuoteCreate, read: Reading) -> dict[str, Any]:
    """Ask what planned uses would cost and bring each payee, line by line. Nothing is kept."""
    session, asking = read.session, read.organization_id
    if body.uses:
        plan = [_planned(session, asking, use) for use in body.uses]
        items = quoting.price_uses(session, asking, plan)
        money = quoting.money(session, asking, items)
    else:
        items = _under_one_document(session, asking, body)
        money = []
    return {
        "note": NOTE,
        "at": clock.now(),
        "items": items,
        "totals": quoting.totals(items),
        "money": money,
    }


def _planned(session: Session, asking: str, planned: PlannedUse) -> quoting.Planned:
    """Return a use as the rules are asked: all its renders together; and how it is priced."""
    use = use_of(planned, performers_of(session.connection(), planned), asking)
    # A chosen take is its draft's rendering: it is counted once.
    rendered = planned.renders * max(1, planned.takes)
    whole = replace(use, seconds=planned.length_s * rendered)
    return quoting.Planned(whole, planned.length_s, planned.renders, planned.takes)


def _under_one_document(session: Session, asking: str, body: QuoteCreate) -> list[quoting.Priced]:
    if body.document is not None:
        return quoting.price_draft(session, body.document, body.events)
    return quoting.price_events(session, asking, body.contract_id or "", body.events)
