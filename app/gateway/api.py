"""Routes about generations: ask, watch, fetch."""

from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from app import clock, db
from app.access import may
from app.config import settings
from app.gateway import handing_out, progress, prompts, service, takes
from app.gateway.api_files import send_output
from app.gateway.budgets import BudgetExceeded
from app.gateway.errors import (
    GenerationNotFound,
    GeneratorUnavailable,
    JobNotOffered,
    LineRefused,
    LinkExpired,
    OutputNotReleased,
    ReplicaNotFound,
)
from app.gateway.generators import catalogue
from app.gateway.materials.errors import MaterialNotFound, MaterialNotUsable
from app.gateway.materials.models import Role
from app.gateway.models import Generation
from app.gateway.outputs import SENT
from app.gateway.stops import Stopped
from app.identity.api_edge import (
    Acting,
    Reading,
    act_refusals,
    fingerprint_of,
    read_refusals,
)
from app.identity.errors import BeyondScope, NotAllowed
from app.identity.principal import Principal
from app.ledger.errors import AmountTooLarge, EventIncomplete, FundsLacking, TermNotAgreed
from app.licensing.deciding.inputs import UseRequest
from app.licensing.decisions import service as decisions
from app.licensing.decisions.approval_requests import what_to_ask
from app.licensing.decisions.models import Decision
from app.licensing.errors import StandingOfferSpent, UseUnpriced
from app.problems import Problem, problems, shows

router = APIRouter(prefix="/v1", tags=["gateway"])

MODEL = {
    "vendor": "google",
    "model": "google/veo-3.1",
    "state": "not configured",
    "reason": "There are no credentials for google here.",
    "evidence": "wire-checked, never live",
    "output": "video",
    "seconds": [8, 8],
    "lengths_s": [],
    "sizes": [[1280, 720]],
    "reference_kinds": ["portrait"],
    "references": [1, 3],
    "materials": ["first_frame"],
    "materials_needed": [],
    "result_follows": [],
    "line_limit": 300,
    "audio": True,
    "lip_sync": True,
    "price": {
        "unit": "second",
        "amount": "0.40",
        "currency": "USD",
        "read_on": "2025-10-15",
        "source": "Vertex AI pricing, public page",
    },
    "trains_on_inputs": False,
    "attested_by": "Google Cloud Service Specific Terms, section Training Restriction",
    "attestation_read_on": "2026-11-27",
    "inbound_provenance": "SynthID; C2PA",
    "deletion": "",
    "retires_on": None,
    "license_notes": [],
}
Word = Annotated[str, Field(min_length=1, max_length=120)]


class Scene(BaseModel):
    """One use of one or more replicas: what, where, by which generator."""

    model_config = ConfigDict(extra="forbid")

    replicas: Annotated[list[Word], Field(min_length=1, max_length=8)]
    project: Word
    purpose: Word
    medium: Word
    territories: Annotated[list[Word], Field(min_length=1, max_length=300)]
    languages: Annotated[list[Word], Field(min_length=1, max_length=50)]
    modalities: Annotated[
        list[Literal["face", "voice", "body"]], Field(min_length=1, max_length=3)
    ] = Field(default=["face", "voice"])
    generator: Word
    width: Annotated[int, Field(ge=64, le=7680)] = 1280
    height: Annotated[int, Field(ge=64, le=4320)] = 720
    content_tags: Annotated[list[Word], Field(max_length=100)] = Field(
        default=[], description="What the scene shows that a contract may prohibit."
    )
    brand_category: Word | None = None
    script_hash: Word | None = None
    depicted_age: Annotated[int, Field(ge=0, le=150)] | None = None
    exhibit_until: datetime | None = None


class DerivedFrom(BaseModel):
    """The output that a new one is made from, and how: it is named in the new one's credentials."""

    model_config = ConfigDict(extra="forbid")

    generation: Word
    relation: Literal["remix", "extend", "edit"]


Line = Annotated[str, Field(min_length=1, max_length=1000)]
Length = Annotated[
    Decimal,
    Field(ge=0, le=3600, decimal_places=3, description="In seconds; a picture has none: 0."),
]


class GenerationCreate(Scene):
    """One use of one or more replicas: what, where, for how long, saying which line.

    Of a picture the line is what it shows.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "replicas": ["rep_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"],
                    "project": "NIGHTGLASS",
                    "purpose": "film_scene",
                    "medium": "svod",
                    "territories": ["DE", "FR"],
                    "languages": ["en"],
                    "generator": "local/puppet-1",
                    "line": "I hold the light a little longer.",
                    "length_s": "5",
                }
            ]
        },
    )

    line: Line
    length_s: Length = Decimal(0)
    materials: dict[Role, Word] = Field(
        default={}, description="What was uploaded for this scene (`/v1/materials`), by role."
    )
    shot: Word | None = Field(
        default=None,
        description="The name of a shot of the project that this is a take of. It is then a draft, "
        "under the contract's terms of takes: slated, not for distribution, at the draft's price.",
    )
    derives_from: DerivedFrom | None = None


class GenerationRead(BaseModel):
    """How far a generation has come, and why it stopped if it did."""

    id: str = Field(examples=["gen_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    decision_id: str = Field(examples=["dec_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    state: str = Field(
        examples=["rendering"],
        description="held, submitting, rendering, rendered, inspected, marked, signed, "
        "awaiting-preview, previewed; at the end released, refused, quarantined or failed.",
    )
    progress_percent: progress.Percent = None
    reason: str = Field(examples=[""], description="Why it ended without a release.")
    generator: str = Field(examples=["local/puppet-1"])
    line: str = Field(examples=["I hold the light a little longer."])
    length_ms: int = Field(examples=[5000])
    output_sha256: str | None = Field(examples=[None])
    output_size_bytes: int | None = Field(examples=[None])
    shot_id: str | None = Field(default=None, examples=[None])
    take: int | None = Field(default=None, examples=[None], description="Of its shot, from 1.")
    is_draft: bool = Field(
        default=False,
        examples=[False],
        description="A take that may be looked at and chosen, and not distributed; once released "
        "it can be downloaded, and `released_at` stays empty.",
    )
    parent_id: str | None = Field(
        default=None, examples=[None], description="The output this one derives from."
    )
    relation: str | None = Field(
        default=None, examples=[None], description="How: take, remix, extend or edit."
    )
    created_at: datetime
    released_at: datetime | None = Field(examples=[None])
    delete_at: datetime | None = Field(
        default=None, examples=[None], description="When a draft is deleted."
    )
    deleted_at: datetime | None = Field(default=None, examples=[None])


class GenerationPage(BaseModel):
    """Generations, newest first; `next_before` continues the list."""

    items: list[GenerationRead]
    next_before: str | None = Field(examples=[None])


class DownloadLink(BaseModel):
    """A link to a released file; it lasts a minute and is issued after a fresh check."""

    url: str = Field(examples=["/v1/downloads/gen_01JD?expires=1795370000&seal=9f"])
    expires_at: datetime
    is_draft: bool = Field(examples=[False], description="True: not for distribution.")


class GenerationDenied(NotAllowed):
    """The rules do not permit this use; `codes` say which, `decision_id` finds the record."""

    status, code = 403, "generation-denied"


def _read(generation: Generation) -> GenerationRead:
    shown = generation.model_dump(include=set(GenerationRead.model_fields))
    return GenerationRead(**{**shown, "progress_percent": progress.of(generation)})


@router.get("/generators", responses={**shows([MODEL]), **read_refusals()})
@may("organization", to="read")
def list_generators(_read: Reading) -> list[dict[str, Any]]:
    """List every model: whose it is, whether it is available here, what it can do."""
    return catalogue.listing()


@router.post(
    "/generations",
    status_code=201,
    response_model=GenerationRead,
    responses=act_refusals(
        GenerationDenied,
        ReplicaNotFound,
        GeneratorUnavailable,
        JobNotOffered,
        LineRefused,
        MaterialNotFound,
        MaterialNotUsable,
        Stopped,
        GenerationNotFound,
        takes.ParentRefused,
        takes.TakesNotAgreed,
        takes.TakesSpent,
        takes.TakeChosen,
        takes.ShotDiffers,
        BudgetExceeded,
        UseUnpriced,
        StandingOfferSpent,
        AmountTooLarge,
        FundsLacking,
        EventIncomplete,
        TermNotAgreed,
    ),
)
@may("organization", to="generate", checks=("project", "contract"))
def request_generation(body: GenerationCreate, act: Acting) -> Response:
    """Ask for a generation. A permit holds quota and money at once; a denial says which clause."""
    return act.once(
        fingerprint_of(body), lambda session: answer_request(session, act.principal, body)
    )


def answer_request(
    session: Session, principal: Principal, body: GenerationCreate
) -> tuple[int, BaseModel]:
    """Decide one request in this transaction; return the status and what is answered."""
    asked = service.Asked(
        replicas=tuple(body.replicas),
        generator=body.generator,
        line=body.line,
        length_s=body.length_s,
        size=(body.width, body.height),
        materials=dict(body.materials.items()),
        shot=body.shot or "",
        parent_id=body.derives_from.generation if body.derives_from else "",
        relation=body.derives_from.relation if body.derives_from else "",
    )
    use = UseRequest(
        action="generate",
        requester_org=principal.organization_id,
        performers=(),
        at=clock.now(),
        project=body.project,
        purpose=body.purpose,
        medium=body.medium,
        territories=tuple(body.territories),
        languages=tuple(body.languages),
        modalities=tuple(body.modalities),
        tags=tuple(body.content_tags),
        script_hash=body.script_hash,
        brand_category=body.brand_category,
        depicted_age=body.depicted_age,
        generator=body.generator,
        seconds=body.length_s,
        exhibit_until=body.exhibit_until,
    )
    principal.insist_project(body.project)
    decision, generation = service.request_generation(
        session, principal.organization_id, asked, use
    )
    return answer_decided(session, principal, decision, generation, line=body.line)


def answer_decided(
    session: Session,
    principal: Principal,
    decision: Decision,
    generation: Generation | None,
    *,
    line: str,
) -> tuple[int, BaseModel]:
    """Return what is answered to a permit, or to a denial; within the limits of the key."""
    if generation is not None:
        if not service.is_within(session, generation, principal.scope):
            raise BeyondScope("this API key is for other contracts; nothing was kept")
        return 201, _read(generation)
    if principal.scope.contract_ids is not None:
        raise BeyondScope("what this API key is for does not permit it; nothing was kept")
    denial = decisions.denial(decision)
    return 403, Problem(
        title="Generation denied",
        status=403,
        code=GenerationDenied.code,
        **denial | {"detail": denial["detail"] + prompts.said_of(line)},
        approvals_needed=[asdict(ask) for ask in what_to_ask(session, decision)],
    )


@router.get("/generations", responses=read_refusals())
@may("organization", to="read")
def list_generations(
    read: Reading,
    before: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> GenerationPage:
    """List the caller's generations, newest first."""
    found = service.generations_of(read.session, read.organization_id, before=before, limit=limit)
    more = found[-1].id if len(found) == limit else None
    return GenerationPage(items=[_read(generation) for generation in found], next_before=more)


@router.get("/generations/{generation_id}", responses=read_refusals(GenerationNotFound))
@may("requester", to="read", checks=("project", "contract"))
def read_generation(generation_id: str, read: Reading) -> GenerationRead:
    """Say how far a generation has come."""
    scope = read.principal.scope
    return _read(
        service.generation_of(read.session, read.organization_id, generation_id, scope=scope)
    )


@router.get(
    "/generations/{generation_id}/download",
    responses=read_refusals(GenerationNotFound, OutputNotReleased),
)
@may("requester", to="generate", checks=("project", "contract"))
def issue_download_link(generation_id: str, read: Reading) -> DownloadLink:
    """Issue a link to the released file, after a fresh check; it lasts a minute."""
    generation = service.generation_of(
        read.session, read.organization_id, generation_id, scope=read.principal.scope
    )
    handing_out.check_handing_out(read.session, generation)
    expires_at = clock.now() + timedelta(seconds=settings().download_link_s)
    return DownloadLink(
        url=handing_out.download_link(generation, expires_at=expires_at),
        expires_at=expires_at,
        is_draft=generation.is_draft,
    )


@router.get(
    "/downloads/{generation_id}",
    tags=["public"],
    response_class=StreamingResponse,
    responses={
        200: {"content": SENT},
        **problems(LinkExpired, OutputNotReleased),
    },
)
@may("link")
def download(
    generation_id: str,
    expires: Annotated[int, Query(ge=0, lt=1 << 40)],
    seal: Annotated[str, Query(pattern="^[0-9a-f]{64}$")],
) -> StreamingResponse:
    """Stream a released file to whoever holds a link that has not expired."""
    with db.reading() as session:
        generation = handing_out.open_link(session, generation_id, expires, seal)
    name = f"DRAFT-{generation_id}" if generation.is_draft else generation_id
    return send_output(generation, name)
