"""Routes about consents to materials: name who agreed, list, withdraw."""

from datetime import datetime

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlmodel import Session

from app.access import may
from app.config import settings
from app.gateway.errors import ReplicaNotFound
from app.gateway.materials import consents, service
from app.gateway.materials.errors import MaterialConsentRefused, MaterialNotFound
from app.gateway.materials.models_consents import MaterialConsent
from app.identity.api_edge import Acting, Reading, act_refusals, fingerprint_of, read_refusals
from app.licensing.errors import SignatureRefused

router = APIRouter(prefix="/v1/materials/{material_id}", tags=["materials"])


class ConsentRead(BaseModel):
    """One consent to a material, and whether it was withdrawn."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(examples=["mco_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    replica_id: str | None = Field(examples=["rep_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    document: str = Field(examples=[""], description="The signed declaration, where it is one.")
    withdrawal_page: str | None = Field(
        examples=[None],
        description="Of a declaration: give this address to the person. Whoever holds it can take "
        "the consent back there, without an account.",
    )
    given_at: datetime
    withdrawn_at: datetime | None = Field(examples=[None])


class ConsentList(BaseModel):
    """Every consent to a material, oldest first."""

    items: list[ConsentRead]


class ConsentCreate(BaseModel):
    """A licensed performer's replica, or a signed declaration about somebody else."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"replica_id": "rep_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"}]},
    )

    replica_id: str | None = Field(default=None, max_length=64)
    document: consents.Declaration | None = None
    jws: str | None = Field(
        default=None, max_length=4096, description="Detached, role `declarant`, your own key."
    )

    @model_validator(mode="after")
    def _one_way(self) -> "ConsentCreate":
        declared = self.document is not None and self.jws is not None
        if (self.document is None) != (self.jws is None) or declared == (
            self.replica_id is not None
        ):
            raise ValueError("name a replica, or send a document with its jws")
        return self


@router.get("/consents", responses=read_refusals(MaterialNotFound))
@may("uploader", to="read")
def list_material_consents(material_id: str, read: Reading) -> ConsentList:
    """List who agreed to a material, and who took that back."""
    material = service.material_of(read.session, read.organization_id, material_id)
    return _list(read.session, material.id)


@router.post(
    "/consents",
    status_code=201,
    response_model=ConsentRead,
    responses=act_refusals(
        MaterialNotFound, MaterialConsentRefused, ReplicaNotFound, SignatureRefused
    ),
)
@may("uploader", to="generate")
def name_material_consent(material_id: str, body: ConsentCreate, act: Acting) -> Response:
    """Say whose performance or voice it is, and that they agreed."""

    def name(session: Session) -> tuple[int, BaseModel]:
        material = service.material_of(session, act.organization_id, material_id)
        if body.document is None:
            kept = consents.by_replica(session, material, body.replica_id or "", by=act.principal)
        else:
            kept = consents.by_declaration(
                session, material, body.document, body.jws or "", by=act.principal
            )
        return 201, _read(kept)

    return act.once(fingerprint_of(body), name)


@router.post(
    "/consent-withdrawal",
    response_model=ConsentList,
    responses=act_refusals(MaterialNotFound),
)
@may("uploader", to="generate")
def withdraw_material_consent(material_id: str, act: Acting) -> Response:
    """Take every consent to a material back: nothing that uses it is released from here on."""

    def withdraw(session: Session) -> tuple[int, BaseModel]:
        material = service.material_of(session, act.organization_id, material_id)
        consents.withdraw(session, material, by=act.organization_id)
        return 200, _list(session, material.id)

    return act.once(b"", withdraw)


def _list(session: Session, material_id: str) -> ConsentList:
    found: list[MaterialConsent] = list(consents.consents_of(session, material_id))
    return ConsentList(items=[_read(each) for each in found])


def _read(consent: MaterialConsent) -> ConsentRead:
    link = consents.link_of(consent)
    page = None if link is None else f"{settings().origin}/lent/{link}"
    return ConsentRead(**consent.model_dump(), withdrawal_page=page)
