"""Routes about notices: what an organization was told, and what proves that it arrived."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from app.access import may
from app.identity.api_edge import Reading, read_refusals
from app.identity.models import Organization
from app.notices import service, words

router = APIRouter(prefix="/v1", tags=["notices"])


class DeliveryRead(BaseModel):
    """One notice on its way to one person's address; the address itself is theirs to know."""

    channel: str = Field(examples=["email"])
    state: str = Field(examples=["sent"], description="waiting, sent or failed.")
    message_id: str = Field(examples=["<ntd_01jd3z6n8q4c0r2t5v7x9y1b3d@understudy.example>"])
    attempts: int = Field(examples=[1])
    reply: str = Field(examples=["250 OK"], description="What the other side said last.")
    settled_at: datetime | None = Field(examples=["2026-11-28T10:00:00Z"])


class NoticeRead(BaseModel):
    """One thing the organization was told."""

    id: str = Field(examples=["ntc_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    kind: str = Field(examples=["approval-requested"])
    says: str = Field(examples=[words.SENTENCES["approval-requested"]])
    subject_id: str = Field(examples=["apr_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    page: str = Field(examples=["/performer"], description="Where a person reads it.")
    due_at: datetime | None = Field(examples=[None])
    created_at: datetime
    deliveries: list[DeliveryRead]
    seen_at: datetime | None = Field(
        examples=[None], description="When the first person had it on their page."
    )


class NoticePage(BaseModel):
    """Notices, newest first; `next_before` continues the list."""

    items: list[NoticeRead]
    next_before: str | None = Field(examples=[None])


@router.get("/notices", responses=read_refusals())
@may("organization", to="read")
def list_notices(
    read: Reading,
    before: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> NoticePage:
    """List what the caller's organization was told, and what came of telling it."""
    session = read.session
    house = session.get_one(Organization, read.organization_id).kind
    found = service.notices_for(session, [read.organization_id], before=before, limit=limit)
    deliveries, seen = service.deliveries_of(session, found), service.seen_of(session, found)
    items = [
        NoticeRead(
            id=each.id,
            kind=each.kind,
            says=words.sentence_of(each.kind),
            subject_id=each.subject_id,
            page=words.path_of(each.kind, each.subject_id, house),
            due_at=each.due_at,
            created_at=each.created_at,
            deliveries=[
                DeliveryRead(channel=channel, **delivery.model_dump(
                    include={"state", "message_id", "attempts", "reply", "settled_at"}))
                for delivery, channel in deliveries[each.id]
            ],
            seen_at=min((row.seen_at for row in seen[each.id]), default=None),
        )
        for each in found
    ]  # fmt: skip
    return NoticePage(items=items, next_before=found[-1].id if len(found) == limit else None)
