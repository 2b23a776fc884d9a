"""Routes of identity: how far it is proven who a performer is; who vouches; ids of other houses."""

from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from app import clock
from app.access import may
from app.identity.api_edge import Acting, Reading, act_refusals, fingerprint_of, read_refusals
from app.licensing.errors import SignatureRefused
from app.licensing.mandates import vouching
from app.registry import identities
from app.registry import service as registry
from app.registry.errors import ExternalIdRefused, IdentityRefused, PerformerUnknown
from app.registry.models import Performer
from app.vault_text import TextAltered

router = APIRouter(prefix="/v1/performers/{performer_id}", tags=["identity"])
PERFORMER_ID = "per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"
DOCUMENT = {
    "v": 1,
    "type": "understudy-vouching",
    "performer": PERFORMER_ID,
    "replica": "rep_01JD3Z6N8Q4C0R2T5V7X9Y1B3D",
    "says": "I know this person, and they are who the registry says they are.",
}


class VouchingCreate(BaseModel):
    """A vouching as it is signed, and the voucher's signature."""

    model_config = ConfigDict(extra="forbid")

    document: dict[str, Any] = Field(examples=[DOCUMENT], description="See docs/identity.md.")
    jws: str = Field(
        max_length=4096,
        examples=["eyJhbGciOiJFUzI1NiJ9..c2lnbmF0dXJl"],
        description="Detached JWS over the document's RFC 8785 form; `role` in its header is "
        "`voucher`, `kid` the registered key.",
    )


class ExternalIdCreate(BaseModel):
    """By which number another house knows the performer."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["hand", "isni", "imdb", "union"] = Field(examples=["isni"])
    value: str = Field(max_length=100, examples=["0000 0001 2103 2683"])


class ProofRead(BaseModel):
    """One proof that stands."""

    level: str = Field(examples=["vouched"])
    organization_id: str | None = Field(
        examples=["org_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"],
        description="Null: of a live check, or the operator's.",
    )
    proven_at: datetime
    ends_at: datetime


class IdentityRead(BaseModel):
    """How far it is proven who a performer is, to their own side."""

    performer_id: str = Field(examples=[PERFORMER_ID])
    level: str = Field(
        examples=["vouched"], description="self_asserted, vouched, live or document."
    )
    proofs: list[ProofRead]
    external_ids: dict[str, str] = Field(examples=[{"isni": "0000000121032683"}])


@router.get("/identity", responses=read_refusals(PerformerUnknown, TextAltered))
@may("performer", "agent", to="read")
def read_identity(performer_id: str, read: Reading) -> IdentityRead:
    """Say how far it is proven who a performer is, by whom, and their ids elsewhere."""
    return _read(
        read.session, registry.performer_of(read.session, read.organization_id, performer_id)
    )


@router.post(
    "/vouchings",
    status_code=201,
    response_model=ProofRead,
    responses=act_refusals(PerformerUnknown, IdentityRefused, SignatureRefused),
)
@may("agent", "representative", to="sign")
def vouch(performer_id: str, body: VouchingCreate, act: Acting) -> Response:
    """Vouch for a performer whose agency or union you are, by your signature."""

    def keep(session: Session) -> tuple[int, BaseModel]:
        performer = vouching.spoken_for(session, act.organization_id, performer_id)
        proof = vouching.vouch(
            session, performer, act.organization_id, document=body.document, jws=body.jws
        )
        return 201, ProofRead(**proof.model_dump(include=set(ProofRead.model_fields)))

    return act.once(fingerprint_of(body), keep)


@router.post(
    "/vouchings/revocation",
    response_model=IdentityRead,
    responses=act_refusals(PerformerUnknown, TextAltered),
)
@may("agent", "representative", to="sign")
def take_vouching_back(performer_id: str, act: Acting) -> Response:
    """Take your word for a performer back, at once."""

    def end(session: Session) -> tuple[int, BaseModel]:
        performer = vouching.word_of(session, act.organization_id, performer_id)
        vouching.take_back(session, performer, act.organization_id)
        shown = _read(session, performer)
        return 200, shown.model_copy(update={"external_ids": {}})

    return act.once(b"", end)


@router.post(
    "/external-ids",
    status_code=201,
    response_model=ExternalIdCreate,
    responses=act_refusals(PerformerUnknown, ExternalIdRefused),
)
@may("performer", to="likeness")
def keep_external_id(performer_id: str, body: ExternalIdCreate, act: Acting) -> Response:
    """Keep by which number another house knows a performer; a membership number is sealed."""

    def keep(session: Session) -> tuple[int, BaseModel]:
        performer = registry.performer_of(
            session, act.organization_id, performer_id, themselves=True
        )
        row = identities.keep_external_id(session, performer, body.kind, body.value)
        shown = "" if body.kind == "union" else row.value  # what is answered is kept in plain
        return 201, ExternalIdCreate(kind=body.kind, value=shown)

    return act.once(fingerprint_of(body), keep)


def _read(session: Session, performer: Performer) -> IdentityRead:
    found = identities.standing(session, performer.id, clock.now())
    return IdentityRead(
        performer_id=performer.id,
        level=identities.HERE[identities.level_of(session, performer.id)],
        proofs=[
            ProofRead(**each.model_dump(include=set(ProofRead.model_fields))) for each in found
        ],
        external_ids=dict(identities.external_ids_of(session, performer.id)),
    )
