"""Routes of audit events: who opened what is sealed for the caller, and what the operator did."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from app.access import may
from app.audit import events
from app.identity.api_edge import Reading, read_refusals

router = APIRouter(prefix="/v1", tags=["audit"])
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
EVENT = {
    "v": 1,
    "id": "vop_01JD3Z6N8Q4C0R2T5V7X9Y1B3D",
    "kind": "vault-opened",
    "at": "2026-11-28T10:00:00.000000+00:00",
    "purpose": "render",
    "for": "gen_01JD3Z6N8Q4C0R2T5V7X9Y1B3D",
    "object": "vob_01JD3Z6N8Q4C0R2T5V7X9Y1B3D",
    "holds": "portrait",
    "about": ["per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"],
}


class AuditEventRead(BaseModel):
    """One audit event, and where it is chained."""

    event: dict[str, Any] = Field(
        examples=[EVENT],
        description="What happened; of what a command named, `about` says what is the caller's.",
    )
    sha256: str | None = Field(
        examples=[SHA256],
        description="Of the whole event as canonical JSON (RFC 8785); null until it is closed.",
    )
    segment_id: str | None = Field(
        examples=["asg_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"],
        description="The closed segment it is in; null for about a minute. Its leaf has this id.",
    )


class AuditEventPage(BaseModel):
    """Audit events, newest first; `next_before` continues the list."""

    items: list[AuditEventRead]
    next_before: str | None = Field(examples=[None])


@router.get("/audit-events", responses=read_refusals())
@may("organization", to="read")
def list_audit_events(
    read: Reading,
    before: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> AuditEventPage:
    """List who opened what is sealed for the caller or their performers, and the operator's acts.

    The operator's name is what the host states of its user, and not proven.
    """
    found = events.events_for(read.session, read.organization_id, before=before, limit=limit)
    return AuditEventPage(
        items=[
            AuditEventRead(
                event=each.said,
                sha256=place and place.sha256,
                segment_id=place and place.segment_id,
            )
            for each, place in found
        ],
        next_before=found[-1][0].place if len(found) == limit else None,
    )
