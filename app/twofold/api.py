"""Routes of acts that take two people: an API key is to be made, or replaced."""

from datetime import datetime, timedelta
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from app import clock
from app.access import may
from app.identity import api_keys
from app.identity.api_api_keys import ApiKeyCreate, Secret
from app.identity.api_edge import Acting, act_refusals, fingerprint_of
from app.identity.errors import ApiKeyNotFound, ApiKeyRefused
from app.twofold import making, rotation
from app.twofold.errors import TooManyProposals
from app.twofold.models import TwofoldAct

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


class ApiKeyProposal(BaseModel):
    """That a key is to be made, or put in the place of one: it opens once two people agreed."""

    id: str = Field(examples=["two_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    replaces_id: str | None = Field(
        examples=["key_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"],
        description="Which works beside it until the overlap is over; null where none is replaced.",
    )
    prefix: str = Field(examples=["9f86d081"], description="Of the new key, once it is one.")
    state: Literal["proposed", "agreed", "refused", "lapsed"]
    lapses_at: datetime


def _proposal(act: TwofoldAct) -> ApiKeyProposal:
    return ApiKeyProposal(
        id=act.id,
        replaces_id=act.subject_id if act.kind == rotation.KIND else None,
        prefix=act.asked["prefix"],
        state=act.state(clock.now()),
        lapses_at=act.lapses_at,
    )


@router.post(
    "/api-keys",
    status_code=201,
    response_model=ApiKeyProposal,
    responses=act_refusals(ApiKeyRefused, TooManyProposals),
)
@may("organization", to="keys")
def make_api_key(body: ApiKeyCreate, act: Acting) -> Response:
    """Propose a key that may do no more than the one that asks. You draw its secret.

    Two members of yours agree on their account page. One proposal of a house waits at a time.
    """

    def make(session: Session) -> tuple[int, BaseModel]:
        scope = body.scope().or_that_of(act.principal.scope)
        api_keys.insist_within(scope, act.principal.scope)
        proposed = making.propose_key(
            session,
            act.principal,
            name=body.name,
            secret_sha256=body.secret_sha256,
            scope=scope,
            expires_at=api_keys.within_life(session, act.principal.api_key_id, body.expires_at),
        )
        return 201, _proposal(proposed)

    return act.once(fingerprint_of(body), make)


@router.post(
    "/api-keys/{api_key_id}/rotation",
    status_code=201,
    response_model=ApiKeyProposal,
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
        return 201, _proposal(proposed)

    return act.once(fingerprint_of(body), rotate)
