"""Routes of acts that take two people: an API key is to be replaced."""

from datetime import datetime, timedelta
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from app import clock
from app.access import may
from app.identity import api_keys
from app.identity.api_api_keys import Secret
from app.identity.api_edge import Acting, act_refusals, fingerprint_of
from app.identity.errors import ApiKeyNotFound, ApiKeyRefused
from app.twofold import rotation
from app.twofold.errors import TooManyProposals

router = APIRouter(prefix="/v1", tags=["identity"])


class ApiKeyRotate(BaseModel):
    """A key to be put in the place of one."""

    model_config = ConfigDict(extra="forbid")

    secret_sha256: Secret
    overlap_s: int = Field(
        3600,
        ge=0,
        le=int(api_keys.LONGEST_OVERLAP.total_seconds()),
        examples=[3600],
        description="How long the replaced key goes on to work.",
    )


class ApiKeyRotation(BaseModel):
    """That a key is to be replaced: both work from when two people agreed until the overlap."""

    id: str = Field(examples=["two_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    replaces_id: str = Field(examples=["key_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    prefix: str = Field(examples=["9f86d081"], description="Of the new key, once it is one.")
    state: Literal["proposed", "agreed", "refused", "lapsed"]
    lapses_at: datetime


@router.post(
    "/api-keys/{api_key_id}/rotation",
    status_code=201,
    response_model=ApiKeyRotation,
    responses=act_refusals(ApiKeyNotFound, ApiKeyRefused, TooManyProposals),
)
@may("subject", to="keys")
def rotate_api_key(api_key_id: str, body: ApiKeyRotate, act: Acting) -> Response:
    """Propose a new key in the place of one. Two members of yours agree on their account page."""

    def rotate(session: Session) -> tuple[int, BaseModel]:
        proposed = rotation.propose_rotation(
            session,
            act.principal,
            api_keys.key_of(session, act.organization_id, api_key_id),
            secret_sha256=body.secret_sha256,
            overlap=timedelta(seconds=body.overlap_s),
        )
        return 201, ApiKeyRotation(
            id=proposed.id,
            replaces_id=proposed.subject_id,
            prefix=proposed.asked["prefix"],
            state=proposed.state(clock.now()),
            lapses_at=proposed.lapses_at,
        )

    return act.once(fingerprint_of(body), rotate)
