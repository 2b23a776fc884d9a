"""Routes for unions: what was refused, overridden or kept too long under their agreements."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from app import db
from app.access import may
from app.identity.api_edge import Read, Reading, read_refusals
from app.identity.models import Organization
from app.unions import evidence, service
from app.unions.errors import NotAUnion
from app.unions.scope import union_of

router = APIRouter(prefix="/v1/union", tags=["unions"])
ZIP = "application/zip"
PERFORMER, PRODUCTION = "per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D", "org_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"
Limit = Annotated[int, Query(ge=1, le=200)]


class DenialRead(BaseModel):
    """A use that the rules refused, with its signed receipt."""

    model_config = ConfigDict(from_attributes=True)

    decision_id: str = Field(examples=["dec_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    at: datetime
    production_id: str = Field(examples=[PRODUCTION])
    performer_ids: list[str] = Field(examples=[[PERFORMER]])
    project: str = Field(examples=["NIGHTGLASS"])
    codes: list[str] = Field(examples=[["PURPOSE_NOT_LICENSED"]])
    receipt: str = Field(examples=["eyJhbGciOiJFUzI1NiJ9..."])


class OverrideRead(BaseModel):
    """An output that was held for a doubt, and that a person let go on."""

    model_config = ConfigDict(from_attributes=True)

    review_id: str = Field(examples=["rev_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    at: datetime
    generation_id: str = Field(examples=["gen_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    production_id: str = Field(examples=[PRODUCTION])
    findings: list[str] = Field(examples=[["more-faces"]])
    answered_as: str = Field(examples=["operator"])
    reason: str = Field(examples=["The second face is a poster."])


class BreachRead(BaseModel):
    """Something that should be gone by now and is not, as far as is on record."""

    model_config = ConfigDict(from_attributes=True)

    key: str = Field(examples=["vcp_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    what: str = Field(examples=["vendor-copy"], description="`draft` or `vendor-copy`.")
    performer_id: str = Field(examples=[PERFORMER])
    contract_id: str = Field(examples=["con_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    due_at: datetime = Field(description="By when it had to be gone.")
    where: str = Field(examples=["runway"], description="`here`, or the vendor by name.")


class DenialPage(BaseModel):
    """Refusals, newest first."""

    items: list[DenialRead]
    next_before: str | None = Field(examples=[None])


class OverridePage(BaseModel):
    """Overrides, newest first."""

    items: list[OverrideRead]
    next_before: str | None = Field(examples=[None])


class BreachPage(BaseModel):
    """Breaches, oldest first."""

    items: list[BreachRead]
    next_after: str | None = Field(examples=[None])


@contextmanager
def _as_union(read: Read) -> Iterator[tuple[Session, Organization]]:
    """Look past whose rows are whose, as a union: what it learns is what `service` chooses.

    A union owns none of these rows; the caller was proven to be one. Raises NotAUnion.
    """
    union = union_of(read.session, read.organization_id)
    with db.reading() as session:
        yield session, union


@router.get("/denials", responses=read_refusals(NotAUnion))
@may("union", to="read")
def list_denials(
    read: Reading,
    before: Annotated[str | None, Query(max_length=40)] = None,
    limit: Limit = 50,
) -> DenialPage:
    """List what was refused of performers under your agreements, newest first."""
    with _as_union(read) as (session, union):
        found = service.denials(session, union, before=before, limit=limit)
    return DenialPage(
        items=[DenialRead.model_validate(each) for each in found],
        next_before=found[-1].decision_id if len(found) == limit else None,
    )


@router.get("/overrides", responses=read_refusals(NotAUnion))
@may("union", to="read")
def list_overrides(
    read: Reading,
    before: Annotated[str | None, Query(max_length=40)] = None,
    limit: Limit = 50,
) -> OverridePage:
    """List the outputs under your agreements that were held, and that a person let go on."""
    with _as_union(read) as (session, union):
        found = service.overrides(session, union, before=before, limit=limit)
    return OverridePage(
        items=[OverrideRead.model_validate(each) for each in found],
        next_before=found[-1].review_id if len(found) == limit else None,
    )


@router.get("/retention-breaches", responses=read_refusals(NotAUnion))
@may("union", to="read")
def list_breaches(
    read: Reading,
    after: Annotated[str | None, Query(max_length=80)] = None,
    limit: Limit = 50,
) -> BreachPage:
    """List what of performers under your agreements should be gone by now and is not."""
    with _as_union(read) as (session, union):
        found = service.breaches(session, union, after=after, limit=limit)
    return BreachPage(
        items=[BreachRead.model_validate(each) for each in found],
        next_after=found[-1].place if len(found) == limit else None,
    )


@router.get(
    "/evidence",
    responses={
        200: {"content": {ZIP: {}}, "description": "The archive, with a SHA-256 of each file."},
        **read_refusals(NotAUnion),
    },
    response_class=Response,
)
@may("union", to="read")
def export_evidence(read: Reading) -> Response:
    """Give reports of use, strikes, refusals, overrides and breaches as one archive with hashes."""
    with _as_union(read) as (session, union):
        packed = evidence.evidence(session, union)
    return Response(
        packed,
        media_type=ZIP,
        headers={
            "Content-Disposition": f'attachment; filename="evidence-{union.id}.zip"',
            "X-Content-Type-Options": "nosniff",
        },
    )
