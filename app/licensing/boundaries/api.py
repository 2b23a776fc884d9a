"""Routes about a performer's boundaries: read, set, looked back on, and tried out."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from app import clock
from app.access import may
from app.identity.api_edge import Acting, Reading, act_refusals, fingerprint_of, read_refusals
from app.identity.errors import NotAllowed
from app.licensing.boundaries import service as boundaries
from app.licensing.boundaries.models import Boundaries
from app.licensing.contracts import life
from app.licensing.document.limits import Finding, Limits
from app.licensing.standing import service as standing
from app.registry import service as registry
from app.registry.errors import PerformerUnknown

router = APIRouter(prefix="/v1", tags=["boundaries"])
LIMITS: dict[str, Any] = {
    "v": 1,
    "purposes": {"advertising": "ask", "political_campaign": "never"},
    "content": {"nudity": "never", "smoking": "ask"},
    "territories": {"EU": "allowed", "WORLD": "ask"},
    "training": "never",
}


class FindingRead(BaseModel):
    """One boundary that a document crosses."""

    model_config = ConfigDict(from_attributes=True)

    pointer: str = Field(
        examples=["/grant/content/prohibited"], description="The place in the document."
    )
    boundary: str = Field(examples=["/content/nudity"], description="The limit it crosses.")
    level: Literal["never", "ask"]
    message: str = Field(
        examples=["It does not rule out nudity; the performer's standing word is: never."]
    )


class BoundariesCreate(BaseModel):
    """What the performer wants, whole: it replaces what was said before."""

    model_config = ConfigDict(extra="forbid")

    limits: Limits = Field(examples=[LIMITS])
    published: bool = Field(
        default=False, description="Show it to everybody as machine-readable preferences."
    )


class BoundariesTried(BaseModel):
    """Limits to try out; nothing is changed by it."""

    model_config = ConfigDict(extra="forbid")

    limits: Limits = Field(examples=[LIMITS])


class BoundariesRead(BaseModel):
    """One version of a performer's boundaries: what, by whom, since when."""

    performer_id: str = Field(examples=["per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    number: int = Field(examples=[3], description="0 where the performer never set any.")
    limits: dict[str, Any] | None = Field(examples=[LIMITS])
    published: bool = Field(examples=[False])
    organization_id: str | None = Field(examples=["org_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    api_key_id: str | None = Field(examples=["key_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    set_at: datetime | None


class BoundariesPage(BaseModel):
    """Versions, newest first; `next_before` continues the list."""

    items: list[BoundariesRead]
    next_before: int | None = Field(examples=[None])


class CrossingRead(BaseModel):
    """A contract that would cross the limits, and where."""

    contract_id: str = Field(examples=["con_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    status: str = Field(examples=["active"])
    findings: list[FindingRead]


class CrossingOfferRead(BaseModel):
    """An open standing offer that would cross the limits, and where."""

    standing_offer_id: str = Field(examples=["sto_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    findings: list[FindingRead]


class CrossingPage(BaseModel):
    """Contracts that would cross the limits, newest first; `next_before` continues the look.

    The standing offers stand on the first page.
    """

    items: list[CrossingRead]
    standing_offers: list[CrossingOfferRead]
    next_before: str | None = Field(examples=[None])


def found(findings: list[Finding]) -> list[FindingRead]:
    """Render findings."""
    return [FindingRead.model_validate(each) for each in findings]


@router.get("/performers/{performer_id}/boundaries", responses=read_refusals(PerformerUnknown))
@may("performer", "agent", to="read")
def read_boundaries(performer_id: str, read: Reading) -> BoundariesRead:
    """Show a performer's boundaries as they stand. For the performer's desk and agency."""
    performer = registry.performer_of(read.session, read.organization_id, performer_id)
    newest = boundaries.current(read.session, performer.id)
    if newest is not None:
        return _read(newest)
    return BoundariesRead(
        performer_id=performer.id,
        number=0,
        limits=None,
        published=False,
        organization_id=None,
        api_key_id=None,
        set_at=None,
    )


@router.get(
    "/performers/{performer_id}/boundaries/versions", responses=read_refusals(PerformerUnknown)
)
@may("performer", "agent", to="read")
def list_boundaries(
    performer_id: str,
    read: Reading,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> BoundariesPage:
    """List what a performer's boundaries were, newest first: who set them, and when."""
    performer = registry.performer_of(read.session, read.organization_id, performer_id)
    listed = boundaries.versions(read.session, performer.id, before=before, limit=limit)
    more = listed[-1].number if len(listed) == limit else None
    return BoundariesPage(items=[_read(each) for each in listed], next_before=more)


@router.post(
    "/performers/{performer_id}/boundaries",
    status_code=201,
    response_model=BoundariesRead,
    responses=act_refusals(PerformerUnknown, NotAllowed),
)
@may("performer", to="consent")
def set_boundaries(performer_id: str, body: BoundariesCreate, act: Acting) -> Response:
    """Replace a performer's boundaries from now on. Only the performer's own desk may.

    Contracts already signed stay as they are; try the change out first to see which would cross it.
    """

    def set_them(session: Session) -> tuple[int, BaseModel]:
        performer = registry.performer_of(session, act.organization_id, performer_id)
        made = boundaries.set_boundaries(
            session, performer, body.limits, published=body.published, by=act.principal
        )
        return 201, _read(made)

    return act.once(fingerprint_of(body), set_them)


@router.post(
    "/performers/{performer_id}/boundaries/preview", responses=read_refusals(PerformerUnknown)
)
@may("performer", "agent", to="ask")
def try_boundaries(
    performer_id: str,
    body: BoundariesTried,
    read: Reading,
    before: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 200,
) -> CrossingPage:
    """Say which contracts, offered or in force, and which open standing offers would cross these.

    Nothing is changed by it.
    """
    fingerprint_of(body)  # refuses text that no answer could hold
    performer = registry.performer_of(read.session, read.organization_id, performer_id)
    crossing, more = boundaries.consequences(
        read.session, performer, body.limits, before=before, limit=limit
    )
    items = [
        CrossingRead(
            contract_id=contract.series_id,
            status=life.state_of(contract, at=clock.now()),
            findings=found(findings),
        )
        for contract, findings in crossing
    ]
    offers = (
        []
        if before
        else standing.crossing_offers(read.session, performer, body.limits, limit=limit)
    )
    return CrossingPage(
        items=items,
        standing_offers=[
            CrossingOfferRead(standing_offer_id=offer.id, findings=found(findings))
            for offer, findings in offers
        ],
        next_before=more,
    )


def _read(version: Boundaries) -> BoundariesRead:
    return BoundariesRead.model_validate(version, from_attributes=True)
