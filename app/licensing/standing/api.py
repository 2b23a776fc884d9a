"""Routes about standing offers: drafted, signed, found, accepted, retracted."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from app import clock
from app.access import may
from app.identity.api_edge import Acting, Reading, act_refusals, fingerprint_of, read_refusals
from app.licensing.boundaries import service as boundaries
from app.licensing.boundaries.api import FindingRead, found
from app.licensing.contracts.api import SignatureCreate
from app.licensing.contracts.shown import ContractRead, shown
from app.licensing.document.example import DOCUMENT
from app.licensing.errors import (
    AlreadySigned,
    BoundariesCrossed,
    BoundariesNotAcknowledged,
    SignatureRefused,
    StandingOfferInvalid,
    StandingOfferNotFound,
    StandingOfferNotOpen,
    StandingOfferSpent,
)
from app.licensing.standing import acceptance, standing_document
from app.licensing.standing import service as standing
from app.licensing.standing.models import StandingOffer
from app.licensing.words import plain_language
from app.licensing.words.api_words import SectionRead, told
from app.problems import shows
from app.registry import mandates
from app.registry import service as registry
from app.registry.errors import DeathDisputed, PerformerUnknown

router = APIRouter(prefix="/v1", tags=["standing offers"])
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
OFFER: dict[str, Any] = {
    "v": 1,
    "type": "standing-offer",
    "terms": {name: value for name, value in DOCUMENT.items() if name != "licensee"},
    "licensees": {"kinds": ["production"]},
    "caps": {"executions": 20, "fees_minor": 500_000},
    "closes_at": "2027-06-30T00:00:00Z",
}
ACCEPTED: dict[str, Any] = {**DOCUMENT, "standing_offer": SHA256}
ANYBODY = "whoever accepts it"
Before = Annotated[str | None, Query(max_length=40)]
Limit = Annotated[int, Query(ge=1, le=200)]


class StandingOfferCreate(BaseModel):
    """A standing offer's document: terms without a licensee, for whom, caps, and its end."""

    model_config = ConfigDict(extra="forbid")

    document: dict[str, Any] = Field(
        description="As `/v1/schemas/standing-offer` describes it.", examples=[OFFER]
    )


class AcceptanceCreate(BaseModel):
    """The licensee's signature over the contract that the acceptance makes."""

    model_config = ConfigDict(extra="forbid")

    jws: str = Field(
        max_length=4096,
        examples=["eyJhbGciOiJFUzI1NiIsImtpZCI6InNpZ18wMUpEIiwicm9sZSI6ImxpY2Vuc2VlIn0..MEUCIQ"],
        description="Detached, role `licensee`, over the bytes of `/acceptance/document`.",
    )


class StandingOfferRead(BaseModel):
    """A standing offer as its performer's side sees it, and those it is open to."""

    id: str = Field(examples=["sto_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    performer_id: str = Field(examples=["per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    status: str = Field(
        examples=["open"], description="draft, open, exhausted, closed or retracted"
    )
    document_sha256: str = Field(examples=[SHA256])
    licensees: dict[str, Any] = Field(examples=[OFFER["licensees"]])
    executions: int = Field(examples=[3])
    max_executions: int = Field(examples=[20])
    fees_bound_minor: int = Field(
        examples=[62_500], description="Charged less given back, and held, under all its contracts."
    )
    max_fees_minor: int = Field(examples=[500_000])
    currency: str = Field(examples=["EUR"])
    closes_at: datetime
    signed_at: datetime | None
    retracted_at: datetime | None = Field(examples=[None])
    plain_language: list[SectionRead]
    crosses: list[FindingRead] = Field(
        description="The performer's boundaries it crosses, until they have signed it.",
        examples=[[]],
    )


class StandingOfferPage(BaseModel):
    """Standing offers, newest first; `next_before` continues the list."""

    items: list[StandingOfferRead]
    next_before: str | None = Field(examples=[None])


@router.get(
    "/schemas/standing-offer",
    tags=["public"],
    responses=shows({"title": "StandingOffer", "type": "object", "required": ["v", "type"]}),
)
@may("anyone")
def read_standing_offer_schema() -> dict[str, Any]:
    """Give the JSON Schema of a standing offer's document. Public."""
    return standing_document.json_schema()


@router.post(
    "/standing-offers",
    status_code=201,
    response_model=StandingOfferRead,
    responses=act_refusals(StandingOfferInvalid),
)
@may("performer", "agent", "representative", to="negotiate")
def draft_standing_offer(body: StandingOfferCreate, act: Acting) -> Response:
    """Draft a standing offer for one's performer, or by a mandate; a signature opens it."""

    def draft(session: Session) -> tuple[int, BaseModel]:
        made = standing.draft_offer(session, act.organization_id, body.document)
        return 201, _read(session, made)

    return act.once(fingerprint_of(body), draft)


@router.get("/standing-offers", responses=read_refusals())
@may("organization", to="read")
def list_standing_offers(
    read: Reading,
    performer_id: Annotated[str | None, Query(max_length=40)] = None,
    before: Before = None,
    limit: Limit = 50,
) -> StandingOfferPage:
    """List the standing offers that the caller could accept now, newest first."""
    listed = standing.open_offers(
        read.session, read.principal, performer_id=performer_id, before=before, limit=limit
    )
    more = listed[-1].id if len(listed) == limit else None
    return StandingOfferPage(items=[_read(read.session, each) for each in listed], next_before=more)


@router.get("/performers/{performer_id}/standing-offers", responses=read_refusals(PerformerUnknown))
@may("performer", "agent", "representative", to="read")
def list_own_standing_offers(
    performer_id: str, read: Reading, before: Before = None, limit: Limit = 50
) -> StandingOfferPage:
    """List a performer's standing offers, drafts and past ones too. For their side."""
    performer = registry.performer_to(
        read.session, read.organization_id, performer_id, mandates.NEGOTIATE
    )
    listed = standing.offers_of(read.session, performer, before=before, limit=limit)
    more = listed[-1].id if len(listed) == limit else None
    return StandingOfferPage(items=[_read(read.session, each) for each in listed], next_before=more)


@router.get("/standing-offers/{standing_offer_id}", responses=read_refusals(StandingOfferNotFound))
@may("performer", "agent", "addressee", "representative", to="read")
def read_standing_offer(standing_offer_id: str, read: Reading) -> StandingOfferRead:
    """Show a standing offer to its performer's side, and once signed to whom it is made."""
    offer = standing.offer_of(read.session, read.principal, standing_offer_id)
    return _read(read.session, offer)


@router.get(
    "/standing-offers/{standing_offer_id}/document",
    responses={**shows(OFFER), **read_refusals(StandingOfferNotFound)},
    response_class=Response,
)
@may("performer", "agent", "addressee", "representative", to="read")
def read_standing_offer_document(standing_offer_id: str, read: Reading) -> Response:
    """Give the canonical bytes (RFC 8785) that the performer signs."""
    offer = standing.offer_of(read.session, read.principal, standing_offer_id)
    return Response(offer.document, media_type="application/json")


@router.post(
    "/standing-offers/{standing_offer_id}/signatures",
    status_code=201,
    response_model=StandingOfferRead,
    responses=act_refusals(
        StandingOfferNotFound,
        AlreadySigned,
        StandingOfferNotOpen,
        SignatureRefused,
        BoundariesNotAcknowledged,
        DeathDisputed,
    ),
)
@may("performer", "representative", to="sign")
def sign_standing_offer(standing_offer_id: str, body: SignatureCreate, act: Acting) -> Response:
    """Sign a standing offer in advance: it is open from then on.

    As `performer` at their own desk; by a mandate as `guardian`, `estate_rep`, `union_for_estate`.
    """

    def sign(session: Session) -> tuple[int, BaseModel]:
        offer = standing.offer_of(session, act.principal, standing_offer_id, own=True)
        standing.sign_offer(
            session,
            offer,
            act.organization_id,
            role=body.role,
            made=standing.with_key(session, act.organization_id, body.jws, role=body.role),
            acknowledged=body.acknowledged,
        )
        return 201, _read(session, offer)

    return act.once(fingerprint_of(body), sign)


@router.post(
    "/standing-offers/{standing_offer_id}/retraction",
    status_code=201,
    response_model=StandingOfferRead,
    responses=act_refusals(StandingOfferNotFound, StandingOfferNotOpen),
)
@may("performer", "agent", "representative", to="negotiate")
def retract_standing_offer(standing_offer_id: str, act: Acting) -> Response:
    """Let nobody accept it any more, at once. The performer's desk or agency may.

    Contracts made from it stay in force: each is withdrawn by itself.
    """

    def retract(session: Session) -> tuple[int, BaseModel]:
        offer = standing.offer_of(session, act.principal, standing_offer_id, own=True)
        return 201, _read(session, standing.retract_offer(session, offer))

    return act.once(standing_offer_id.encode(), retract)


@router.get(
    "/standing-offers/{standing_offer_id}/acceptance/document",
    responses={**shows(ACCEPTED), **read_refusals(StandingOfferNotFound)},
    response_class=Response,
)
@may("addressee", to="read")
def read_acceptance_document(standing_offer_id: str, read: Reading) -> Response:
    """Give the contract that the caller would sign to accept: canonical bytes (RFC 8785)."""
    offer = standing.offer_of(read.session, read.principal, standing_offer_id)
    text = acceptance.contract_to_sign(offer, read.principal)
    return Response(text, media_type="application/json")


@router.post(
    "/standing-offers/{standing_offer_id}/acceptances",
    status_code=201,
    response_model=ContractRead,
    responses=act_refusals(
        StandingOfferNotFound,
        StandingOfferNotOpen,
        StandingOfferSpent,
        AlreadySigned,
        SignatureRefused,
        BoundariesCrossed,
    ),
)
@may("addressee", to="sign")
def accept_standing_offer(standing_offer_id: str, body: AcceptanceCreate, act: Acting) -> Response:
    """Accept a standing offer: the caller's signature alone puts the contract in force."""

    def accept(session: Session) -> tuple[int, BaseModel]:
        offer = standing.offer_of(session, act.principal, standing_offer_id)
        contract = acceptance.accept_offer(
            session,
            offer,
            act.principal,
            made=standing.with_key(session, act.organization_id, body.jws, role="licensee"),
        )
        return 201, shown(session, contract, act.organization_id)

    return act.once(fingerprint_of(body), accept)


def _read(session: Session, offer: StandingOffer) -> StandingOfferRead:
    document = standing.document_of(offer)
    text = standing_document.contract_from(offer.document.encode(), ANYBODY)
    crosses = boundaries.crossed(session, offer.performer_id, document.terms)
    compensation = document.terms.compensation
    return StandingOfferRead(
        id=offer.id,
        performer_id=offer.performer_id,
        status=offer.status(clock.now()),
        document_sha256=offer.document_sha256,
        licensees=document.licensees.model_dump(mode="json", exclude_unset=True),
        executions=offer.executions,
        max_executions=offer.max_executions,
        fees_bound_minor=acceptance.fees_bound(session, offer),
        max_fees_minor=document.caps.fees_minor,
        currency=compensation.currency if compensation else "",
        closes_at=offer.closes_at,
        signed_at=offer.signed_at,
        retracted_at=offer.retracted_at,
        plain_language=told(plain_language.sections(standing_document.as_contract(text))),
        crosses=[] if offer.signed_at else found(crosses),
    )
