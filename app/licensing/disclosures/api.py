"""Routes of disclosure grants: a side signs that a named verifier is shown more, or ends that."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from app.access import PARTIES, may
from app.identity.api_edge import Acting, Reading, act_refusals, fingerprint_of, read_refusals
from app.licensing.contracts.service import contract_of
from app.licensing.contracts.shown import CONTRACT_ID, ORGANIZATION_ID, SHA256
from app.licensing.disclosures import service
from app.licensing.errors import (
    AlreadySigned,
    ContractNotFound,
    DisclosureGrantInvalid,
    DisclosureGrantNotFound,
    DisclosureGrantRefused,
    SignatureRefused,
)

router = APIRouter(prefix="/v1", tags=["licensing"])
GRANT = {
    "v": 1,
    "contract": CONTRACT_ID,
    "side": "performer",
    "verifier": {"role": "court", "organization": ORGANIZATION_ID},
    "level": "use",
    "until": "2027-12-31T23:00:00Z",
}


class DisclosureGrantCreate(BaseModel):
    """A grant as it is signed, and the signature of the side it names."""

    model_config = ConfigDict(extra="forbid")

    document: dict[str, Any] = Field(examples=[GRANT], description="See docs/disclosure.md.")
    jws: str = Field(
        max_length=4000,
        examples=["eyJhbGciOiJFUzI1NiJ9..c2lnbmF0dXJl"],
        description="Detached JWS over the document's RFC 8785 form; `role` in its header is the "
        "side, `kid` the registered key.",
    )


class DisclosureGrantRead(BaseModel):
    """A grant, to the parties of its contract."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(examples=["dgr_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    contract_id: str = Field(validation_alias="series_id", examples=[CONTRACT_ID])
    side: str = Field(examples=["performer"])
    verifier: str = Field(
        examples=[ORGANIZATION_ID], description="An organization, or a key's RFC 7638 thumbprint."
    )
    level: str = Field(examples=["use"])
    document_sha256: str = Field(examples=[SHA256])
    granted_at: datetime
    ends_at: datetime
    revoked_at: datetime | None = Field(examples=[None])


class DisclosureGrantList(BaseModel):
    """Every grant under a contract, of both sides, oldest first."""

    items: list[DisclosureGrantRead]


@router.post(
    "/contracts/{contract_id}/disclosure-grants",
    status_code=201,
    response_model=DisclosureGrantRead,
    responses=act_refusals(
        ContractNotFound,
        DisclosureGrantInvalid,
        DisclosureGrantRefused,
        SignatureRefused,
        AlreadySigned,
    ),
)
@may("performer", "licensee", "representative", to="sign")
def grant_disclosure(contract_id: str, body: DisclosureGrantCreate, act: Acting) -> Response:
    """Show a named verifier more of what is made under a contract, by your side's signature."""

    def grant(session: Session) -> tuple[int, BaseModel]:
        made = service.grant_disclosure(
            session,
            contract_of(session, act.organization_id, contract_id),
            act.organization_id,
            document=body.document,
            jws=body.jws,
            api_key_id=act.principal.api_key_id,
        )
        return 201, DisclosureGrantRead.model_validate(made)

    return act.once(fingerprint_of(body), grant)


@router.get("/contracts/{contract_id}/disclosure-grants", responses=read_refusals(ContractNotFound))
@may(*PARTIES, to="read")
def list_disclosure_grants(contract_id: str, read: Reading) -> DisclosureGrantList:
    """List who was granted more under a contract of yours, by either side."""
    contract = contract_of(read.session, read.organization_id, contract_id)
    found = service.grants_on(read.session, [contract.series_id])
    return DisclosureGrantList(items=[DisclosureGrantRead.model_validate(each) for each in found])


@router.post(
    "/disclosure-grants/{grant_id}/revocation",
    status_code=201,
    response_model=DisclosureGrantRead,
    responses=act_refusals(DisclosureGrantNotFound),
)
@may("performer", "licensee", "representative", to="sign")
def revoke_disclosure_grant(grant_id: str, act: Acting) -> Response:
    """End a grant of your side's at once; what was told stays told."""

    def revoke(session: Session) -> tuple[int, BaseModel]:
        grant = service.grant_of(session, act.organization_id, grant_id)
        return 201, DisclosureGrantRead.model_validate(service.revoke_grant(session, grant))

    return act.once(b"", revoke)
