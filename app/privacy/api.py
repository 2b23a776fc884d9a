"""Routes for a performer's desk, or their estate: take all out; see what erasing does; erase."""

from contextlib import suppress
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from app import db, vault
from app.access import may
from app.errors import Outage
from app.identity.api_edge import Acting, Reading, act_refusals, fingerprint_of, read_refusals
from app.privacy import erasure, export
from app.privacy.errors import (
    ErasureHeld,
    ErasureNotConfirmed,
    ErasureNotFound,
    ErasureNotYours,
    EstateMustWait,
)
from app.privacy.models import Erasure
from app.registry import lives
from app.registry.errors import DeathDisputed, PerformerUnknown
from app.sandbox import private_directory
from app.vault import LikenessErased

router = APIRouter(prefix="/v1", tags=["privacy"])
PERFORMER = "per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"
CONTRACT = "con_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"
GENERATION = "gen_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"
ZIP = "application/zip"
CHUNK_BYTES = 1 << 20


class LostRead(BaseModel):
    """A sealed object that is, or would be, unreadable for ever."""

    object_id: str = Field(examples=["vob_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    kind: str = Field(examples=["portrait"])
    size_bytes: int = Field(examples=[181022])


class StoppedRead(BaseModel):
    """What an erasure ended."""

    contracts: list[str] = Field(examples=[[CONTRACT]])
    offers: list[str] = Field(examples=[[]])
    generations: list[str] = Field(examples=[[]])


class StaysRead(BaseModel):
    """Something that is kept, by what right, and, where it can be listed or counted, what."""

    why: str = Field(examples=["the books, which tax law keeps"])
    what: list[str] | int | None = Field(None, examples=[12])


STAYS = Field(
    examples=[{"journal_entries": {"why": "the books, which tax law keeps", "what": 12}}],
    description="What is kept, and by what right.",
)


class ErasureConsequences(BaseModel):
    """What an erasure would do now; nothing is changed by asking."""

    lost: list[LostRead]
    contracts_withdrawn: list[str] = Field(examples=[[CONTRACT]])
    standing_offers_closed: list[str] = Field(examples=[[]])
    generations_stopped: list[str] = Field(examples=[[]])
    outputs_that_stay: list[str] = Field(examples=[[GENERATION]])
    stays: dict[str, StaysRead] = STAYS
    held_by_cases: list[str] = Field(
        examples=[[]], description="Open cases: nothing is erased until they have ended."
    )


class ErasureRequest(BaseModel):
    """The performer's id once more: erasure is final."""

    model_config = ConfigDict(extra="forbid")

    confirm: str = Field(max_length=40, examples=[PERFORMER])


class ErasureRead(BaseModel):
    """The record of an erasure."""

    id: str = Field(examples=["era_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    performer_id: str = Field(examples=[PERFORMER])
    decided_at: datetime = Field(description="Nothing of the likeness opens from here on.")
    lost: list[LostRead]
    stopped: StoppedRead
    stays: dict[str, StaysRead] = STAYS


class ErasureWhole(ErasureRead):
    """The record, and the certificate once the key is destroyed: moments later, as a rule."""

    destroyed_at: datetime | None
    certificate: str | None = Field(
        examples=["eyJhbGciOiJFUzI1NiJ9.eyJ2IjoxfQ.c2lnbmF0dXJl"],
        description="A compact JWS (ES256), by the key published for consent status.",
    )


@router.get(
    "/performers/{performer_id}/export",
    responses={
        200: {"content": {ZIP: {}}, "description": "Everything held, as a zip."},
        **read_refusals(PerformerUnknown, ErasureNotYours, LikenessErased, DeathDisputed),
    },
    response_class=Response,
)
@may("performer", "representative", to="likeness")
def export_performer(performer_id: str, read: Reading) -> Response:
    """Take out everything held about a performer: for their own desk, after a death the estate.

    Each opening is on record.
    """
    performer = erasure.held_by(read.session, read.organization_id, performer_id)
    lives.check_not_disputed(read.session, performer.id)
    with private_directory() as directory:
        path = directory / "export.zip"
        with db.writing() as session:
            export.export(session, performer, path)
        file = path.open("rb")  # outlives its name: nothing is left when it was sent, or was not
    return StreamingResponse(
        iter(lambda: file.read(CHUNK_BYTES), b""),
        media_type=ZIP,
        headers={
            "Content-Disposition": f'attachment; filename="{performer.id}.zip"',
        },
    )


@router.get(
    "/performers/{performer_id}/erasure/consequences",
    responses=read_refusals(PerformerUnknown, ErasureNotYours),
)
@may("performer", "representative", to="read")
def preview_erasure(performer_id: str, read: Reading) -> ErasureConsequences:
    """Say what would be lost, what stops and what stays, before anybody erases."""
    performer = erasure.held_by(read.session, read.organization_id, performer_id)
    found = erasure.consequences(read.session, performer)
    return ErasureConsequences(
        lost=[
            LostRead(object_id=each.id, kind=each.kind, size_bytes=each.size_bytes)
            for each in found.lost
        ],
        contracts_withdrawn=list(found.contracts),
        standing_offers_closed=list(found.offers),
        generations_stopped=list(found.in_flight),
        outputs_that_stay=list(found.outputs),
        stays={name: StaysRead(**each) for name, each in found.stays.items()},
        held_by_cases=list(found.held_by),
    )


@router.post(
    "/performers/{performer_id}/erasure",
    status_code=201,
    response_model=ErasureRead,
    responses=act_refusals(
        PerformerUnknown,
        ErasureNotYours,
        ErasureNotConfirmed,
        ErasureHeld,
        EstateMustWait,
        DeathDisputed,
    ),
)
@may("performer", "representative", to="consent")
def erase_performer(performer_id: str, body: ErasureRequest, act: Acting) -> Response:
    """Erase a performer's likeness for ever, with every consent. Final.

    For their own desk; after a death for the estate, thirty days after its mandate was filed.
    """

    def erase(session: Session) -> tuple[int, BaseModel]:
        performer = erasure.held_by(session, act.organization_id, performer_id)
        made = erasure.erase(session, performer, by=act.principal, confirmed=body.confirm)
        return 201, ErasureRead(**_fields(made))

    answer = act.once(fingerprint_of(body), erase)
    with suppress(Outage), db.writing() as session:  # else the worker does it, moments later
        if performer_id in vault.unfinished_erasures(session):
            erasure.finish(session, performer_id)
    return answer


@router.get(
    "/performers/{performer_id}/erasure",
    responses=read_refusals(PerformerUnknown, ErasureNotYours, ErasureNotFound),
)
@may("performer", "representative", to="read")
def read_erasure(performer_id: str, read: Reading) -> ErasureWhole:
    """Show an erasure with its signed certificate: what was destroyed, and what stays."""
    performer = erasure.held_by(read.session, read.organization_id, performer_id)
    made = erasure.erasure_of(read.session, performer)
    return ErasureWhole(
        **_fields(made),
        destroyed_at=erasure.gone_at(read.session, made),
        certificate=erasure.certificate(read.session, made),
    )


def _fields(made: Erasure) -> dict[str, Any]:
    return made.model_dump(include=set(ErasureRead.model_fields))
