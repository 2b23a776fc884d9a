"""May this be done? A recorded, signed answer without a generation and without holds."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

import sqlalchemy as sa
from fastapi import APIRouter, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import to_json
from sqlmodel import Session, select

from app import clock
from app.access import may
from app.commits import TooBusy
from app.gateway.errors import ReplicaNotFound
from app.gateway.generators import catalogue
from app.identity.api_edge import Acting, act_refusals, fingerprint_of, together
from app.identity.api_quick import Quick
from app.identity.principal import Principal
from app.identity.service import Kept
from app.licensing.deciding.inputs import UseRequest
from app.licensing.decisions import service as decisions
from app.licensing.decisions.api import DecisionRead
from app.licensing.decisions.approval_requests import what_to_ask
from app.licensing.decisions.models import Decision
from app.licensing.decisions.recording import Recorded
from app.registry.models import Replica
from app.statements import Statement

router = APIRouter(prefix="/v1", tags=["licensing"])
Word = Annotated[str, Field(min_length=1, max_length=120)]
Modality = Literal["face", "voice", "body"]
_PERFORMER_OF = Statement(select(Replica.performer_id).where(Replica.id == sa.bindparam("id")))
_ANSWERED = tuple(each.name for each in fields(Recorded))
_NOT_OF_THE_USE = {"replicas", "performers", "length_s", "content_tags", "takes"}


class AuthorizationCreate(BaseModel):
    """One use of one or more replicas, as for a generation; what is left open counts as unknown.

    Name who is in it by `replicas` or by `performers`.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "performers": ["per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"],
                    "action": "generate",
                    "project": "NIGHTGLASS",
                    "purpose": "film_scene",
                    "medium": "svod",
                    "territories": ["DE", "FR"],
                    "languages": ["en"],
                    "modalities": ["face", "voice"],
                    "generator": "local/puppet-1",
                    "length_s": "5",
                    "content_tags": [],
                }
            ]
        },
    )

    replicas: Annotated[list[Word], Field(max_length=8)] = []
    performers: Annotated[list[Word], Field(max_length=8)] = []
    action: Literal[
        "generate",
        "train",
        "edit_existing",
        "distribute_existing",
        "retain_model",
        "transfer_model",
        "biometric_use",
        "scan_session",
    ] = "generate"
    project: Word | None = None
    purpose: Word | None = None
    medium: Word | None = None
    territories: Annotated[list[Word], Field(max_length=300)] | None = None
    languages: Annotated[list[Word], Field(max_length=50)] | None = None
    modalities: Annotated[list[Modality], Field(max_length=3)] | None = ["face", "voice"]
    generator: Word | None = None
    length_s: Annotated[Decimal, Field(ge=0, le=10**6, decimal_places=3)] | None = None
    renders: Annotated[int, Field(ge=1, le=10**6)] = 1
    content_tags: Annotated[list[Word], Field(max_length=100)] | None = Field(
        default=[], description="What the scene shows that a contract may prohibit."
    )
    brand_category: Word | None = None
    script_hash: Word | None = None
    depicted_age: Annotated[int, Field(ge=0, le=150)] | None = None
    realtime: bool = False
    training: bool = False
    training_scope: Word | None = None
    is_dub: bool = False
    principal_photography_start: date | None = None
    sublicensed_from: Word | None = None
    exhibit_until: AwareDatetime | None = None
    background_count_shortfall: Annotated[int, Field(ge=0, le=10**6)] = 0
    role: Word | None = None
    edit_kind: Word | None = None
    transferee: Word | None = None
    services_at: AwareDatetime | None = None
    exemption_claim: Word | None = None

    @model_validator(mode="after")
    def _names_who_is_in_it(self) -> Self:
        if bool(self.replicas) == bool(self.performers):
            raise ValueError("name who is in it, by `replicas` or by `performers`")
        named = self.replicas or self.performers
        if len(set(named)) != len(named):
            raise ValueError("somebody is named twice")
        return self


@router.post(
    "/authorizations",
    status_code=201,
    response_model=DecisionRead,
    responses=act_refusals(ReplicaNotFound, TooBusy),
)
@may("organization", to="ask", checks=("project",))
async def authorize(body: AuthorizationCreate, act: Acting) -> Response:
    """Ask whether a use would be permitted now. Nothing is generated, nothing is held.

    Every outcome is an answer of this route, a denial too: the question is what succeeded. It is
    recorded and signed like any decision, and found again at `/v1/decisions/{id}`.
    """

    act.principal.insist_project(body.project)
    return await act.once_together(fingerprint_of(body), body, _answer)


def _decide(
    session: Session, asked: Sequence[tuple[Principal, AuthorizationCreate]]
) -> list[Kept | Exception]:
    """Decide what many ask, at one instant; who names a replica that is none is refused alone."""
    connection, refused, uses = session.connection(), {}, {}
    for place, (principal, body) in enumerate(asked):
        try:
            performers = performers_of(connection, body)
            uses[place] = use_of(body, performers, principal.organization_id)
        except ReplicaNotFound as error:
            refused[place] = error
    recorded = decisions.authorize(
        session, list(uses.values()), generators=catalogue.TRAINS_ON_INPUTS
    )
    told = {place: (201, _told(session, each)) for place, each in zip(uses, recorded, strict=True)}
    return [refused.get(place) or told[place] for place in range(len(asked))]


def _told(session: Session, recorded: Recorded) -> str:
    """Say of a decision what is shown of it."""
    needed = (
        []
        if recorded.outcome == "permit"
        else what_to_ask(session, session.get_one(Decision, recorded.id))
    )
    answer = {each: getattr(recorded, each) for each in _ANSWERED}
    return to_json({**answer, "approvals_needed": needed}).decode()


_answer = together(_decide)
quick = Quick("/v1/authorizations", authorize, AuthorizationCreate)


def performers_of(connection: sa.Connection, body: AuthorizationCreate) -> tuple[str, ...]:
    """Return who is in the use. Raises ReplicaNotFound."""
    found: dict[str, None] = dict.fromkeys(body.performers)
    for replica_id in body.replicas:
        row = _PERFORMER_OF.first(connection, id=replica_id)
        if row is None:
            raise ReplicaNotFound("a replica in this question is unknown; check the ids")
        found[row[0]] = None
    return tuple(found)


def use_of(
    body: AuthorizationCreate, performers: tuple[str, ...], organization_id: str
) -> UseRequest:
    """Return what is asked, as the policies understand it; who asks is the server's own fact."""
    said: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in body
        if name not in _NOT_OF_THE_USE
    }
    return UseRequest(
        requester_org=organization_id,
        performers=performers,
        at=clock.now(),
        seconds=body.length_s,
        tags=None if body.content_tags is None else tuple(body.content_tags),
        **said,
    )
