"""Routes about the caller: who am I, and which keys do I sign with."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from app.access import may
from app.identity import service
from app.identity.api_edge import Acting, Reading, act_refusals, fingerprint_of, read_refusals
from app.identity.errors import SigningKeyRefused
from app.identity.models import Organization

router = APIRouter(prefix="/v1", tags=["identity"])
JWK = {  # RFC 7517, appendix A.1
    "kty": "EC",
    "crv": "P-256",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
}


class OrganizationRead(BaseModel):
    """An organization as its own members see it."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(examples=["org_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    name: str = Field(examples=["Nightglass Pictures"])
    kind: str = Field(examples=["production"])
    created_at: datetime


class SigningKeyCreate(BaseModel):
    """A public key to sign contracts with; the private half stays with its owner."""

    model_config = ConfigDict(extra="forbid")

    public_jwk: dict[str, Any] = Field(
        examples=[JWK],
        description="RFC 7517 JWK of a P-256 or Ed25519 public key.",
    )


class SigningKeyRead(BaseModel):
    """A registered signing key."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(examples=["sig_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    algorithm: str = Field(examples=["ES256"])
    public_jwk: dict[str, Any] = Field(examples=[JWK])
    created_at: datetime
    revoked_at: datetime | None = Field(examples=[None])


@router.get("/organization", responses=read_refusals())
@may("organization", to="read")
def read_organization(read: Reading) -> OrganizationRead:
    """Say which organization this API key belongs to."""
    organization = read.session.get_one(Organization, read.organization_id)
    return OrganizationRead.model_validate(organization)


@router.post(
    "/signing-keys",
    status_code=201,
    response_model=SigningKeyRead,
    responses=act_refusals(SigningKeyRefused),
)
@may("organization", to="sign")
def register_signing_key(body: SigningKeyCreate, act: Acting) -> Response:
    """Register the public key this organization signs contracts with."""

    def register(session: Session) -> tuple[int, BaseModel]:
        key = service.register_signing_key(session, act.organization_id, body.public_jwk)
        return 201, SigningKeyRead.model_validate(key)

    return act.once(fingerprint_of(body), register)
