"""Routes of mandates: the performer's side grants one by its signature, lists them, ends them."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from app import clock
from app.access import may
from app.identity.api_edge import Acting, Reading, act_refusals, fingerprint_of, read_refusals
from app.licensing.contracts.shown import CONTRACT_ID, ORGANIZATION_ID, SHA256
from app.licensing.errors import (
    AlreadySigned,
    MandateInvalid,
    MandateNotFound,
    MandateRefused,
    SignatureRefused,
)
from app.licensing.mandates import service
from app.registry import lives
from app.registry import service as registry
from app.registry.errors import BirthRefused, DeathDisputed, PerformerUnknown
from app.registry.models_mandates import Mandate
from app.vault import LikenessErased

router = APIRouter(prefix="/v1", tags=["mandates"])
PERFORMER_ID = "per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"
DOCUMENT = {
    "v": 1,
    "type": "understudy-mandate",
    "performer": PERFORMER_ID,
    "holder": ORGANIZATION_ID,
    "role": "agent",
    "acts": ["negotiate", "pause"],
    "contract": None,
    "starts_at": "2026-12-01T00:00:00Z",
    "ends_at": "2028-12-01T00:00:00Z",
    "papers": [],
    "died_on": None,
}


class MandateCreate(BaseModel):
    """A mandate as it is signed, and the signature of who gives it."""

    model_config = ConfigDict(extra="forbid")

    document: dict[str, Any] = Field(examples=[DOCUMENT], description="See docs/mandates.md.")
    jws: str = Field(
        max_length=4096,
        examples=["eyJhbGciOiJFUzI1NiJ9..c2lnbmF0dXJl"],
        description="Detached JWS over the document's RFC 8785 form; `role` in its header is "
        "`grantor`, `kid` the registered key.",
    )


class BirthCreate(BaseModel):
    """When a performer was born: kept sealed; what stays readable is the day they come of age."""

    model_config = ConfigDict(extra="forbid")

    born_on: date = Field(examples=["2011-05-04"])


class LifeRead(BaseModel):
    """What is readable of a performer's age."""

    performer_id: str = Field(examples=[PERFORMER_ID])
    majority_on: date | None = Field(examples=["2029-05-04"])


class MandateRead(BaseModel):
    """A mandate, to its holder, to who granted it, and to the performer's own desk."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(examples=["man_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    performer_id: str = Field(examples=[PERFORMER_ID])
    holder_id: str = Field(examples=[ORGANIZATION_ID])
    grantor_id: str = Field(examples=[ORGANIZATION_ID])
    role: str = Field(examples=["agent"])
    acts: list[str] = Field(examples=[["negotiate", "pause"]])
    contract_id: str | None = Field(examples=[CONTRACT_ID], description="Null: under all.")
    state: str = Field(examples=["standing"])
    starts_at: datetime
    ends_at: datetime
    document_sha256: str = Field(examples=[SHA256])
    granted_at: datetime
    revoked_at: datetime | None = Field(examples=[None])


class MandatePage(BaseModel):
    """Mandates, newest first; `next_before` continues the list."""

    items: list[MandateRead]
    next_before: str | None = Field(examples=[None])


@router.post(
    "/performers/{performer_id}/mandates",
    status_code=201,
    response_model=MandateRead,
    responses=act_refusals(
        PerformerUnknown,
        MandateInvalid,
        MandateRefused,
        SignatureRefused,
        AlreadySigned,
        DeathDisputed,
    ),
)
@may("performer", "representative", to="sign")
def grant_mandate(performer_id: str, body: MandateCreate, act: Acting) -> Response:
    """Let somebody act for a performer, by the signature of who may give that away."""

    def grant(session: Session) -> tuple[int, BaseModel]:
        registry.performer_in_place(session, act.organization_id, performer_id)
        if body.document.get("performer") != performer_id:
            raise MandateRefused("/performer is another than the one in the address")
        made = service.grant(session, act.organization_id, body.document, jws=body.jws)
        return 201, _read(made)

    return act.once(fingerprint_of(body), grant)


@router.post(
    "/performers/{performer_id}/birth",
    status_code=201,
    response_model=LifeRead,
    responses=act_refusals(PerformerUnknown, BirthRefused, LikenessErased),
)
@may("performer", to="likeness")
def record_birth(performer_id: str, body: BirthCreate, act: Acting) -> Response:
    """Record when a performer was born, once: the date is sealed, the day of majority is not."""

    def record(session: Session) -> tuple[int, BaseModel]:
        registry.performer_of(session, act.organization_id, performer_id, themselves=True)
        performer = service.lock(session, performer_id)
        life = lives.record_birth(session, performer, body.born_on)
        return 201, LifeRead(performer_id=performer.id, majority_on=life.majority_on)

    return act.once(fingerprint_of(body), record)


@router.get("/mandates", responses=read_refusals())
@may("organization", to="read")
def list_mandates(
    read: Reading,
    before: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> MandatePage:
    """List the mandates the caller holds, has granted, or is bound by, newest first."""
    found = service.mandates_of(read.session, read.organization_id, before=before, limit=limit)
    more = found[-1].id if len(found) == limit else None
    return MandatePage(items=[_read(each) for each in found], next_before=more)


@router.get("/mandates/{mandate_id}", responses=read_refusals(MandateNotFound))
@may("performer", "representative", to="read")
def read_mandate(mandate_id: str, read: Reading) -> MandateRead:
    """Show one mandate of the caller's."""
    return _read(service.mandate_of(read.session, read.organization_id, mandate_id))


@router.post(
    "/mandates/{mandate_id}/revocation",
    status_code=201,
    response_model=MandateRead,
    responses=act_refusals(MandateNotFound, MandateRefused),
)
@may("performer", "representative", to="pause")
def revoke_mandate(mandate_id: str, act: Acting) -> Response:
    """End a mandate at once; what was done under it stands."""

    def revoke(session: Session) -> tuple[int, BaseModel]:
        mandate = service.mandate_of(session, act.organization_id, mandate_id)
        if not service.revocable_by(mandate, act.organization_id):
            raise MandateRefused("a guardian's or an estate's mandate is not the desk's to end")
        return 201, _read(service.revoke(session, mandate, by=act.organization_id))

    return act.once(b"", revoke)


def _read(mandate: Mandate) -> MandateRead:
    facts = mandate.model_dump(include=set(MandateRead.model_fields))
    return MandateRead(**facts, state=service.state_of(mandate, at=clock.now()))
