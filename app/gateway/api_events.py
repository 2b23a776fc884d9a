"""The route that streams the states of a generation, as server-sent events."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from app import db
from app.access import may
from app.errors import AppError
from app.gateway import events, progress, service
from app.gateway.errors import GenerationNotFound
from app.identity import authentication
from app.identity.api_edge import Reading, read_refusals
from app.identity.errors import NotAuthenticated
from app.identity.principal import Principal

router = APIRouter(prefix="/v1", tags=["gateway"])
STREAMS_MOST = 16  # of one organization at this server: each looks twice a second
_open: Counter[str] = Counter()


class TooManyStreams(AppError):
    """One organization follows too many generations at once; end a stream, or ask instead."""

    status, code = 429, "too-many-streams"


class GenerationEvent(BaseModel):
    """One state: what it waits for and who can move it on, and why it ended if it did."""

    id: str = Field(examples=["gen_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    state: str = Field(examples=["rendering"])
    waits_for: str = Field(examples=["the generator"])
    reason: str = Field(examples=[""])
    progress_percent: progress.Percent = None


EVENT = {  # the schema describes each event, as OpenAPI 3.1 leaves streams to its readers
    "type": "object",
    "required": ["id", "event", "data"],
    "properties": {
        "id": {"type": "string"},
        "event": {"type": "string"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": GenerationEvent.model_json_schema(),
        },
    },
}
EXAMPLE = (
    "id: rendering 40\nevent: rendering\ndata: "
    '{"id":"gen_01JD3Z6N8Q4C0R2T5V7X9Y1B3D","state":"rendering","waits_for":"the generator",'
    '"reason":"","progress_percent":40}\n\n'
)


@router.get(
    "/generations/{generation_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Server-sent events: `event` is the state, `id` the state and, while it "
            "renders, the percent done; `data` is JSON.",
            "content": {"text/event-stream": {"schema": EVENT, "example": EXAMPLE}},
        },
        **read_refusals(GenerationNotFound, TooManyStreams),
    },
)
@may("requester", to="read")
def follow_generation(
    generation_id: str,
    read: Reading,
    last_event_id: Annotated[
        str, Header(max_length=40, description="The `id` seen last; it is not told again.")
    ] = "",
) -> StreamingResponse:
    """Tell each state of a generation, and how far its render is, as it comes.

    Ends with the last state, or after a minute.
    """
    service.generation_of(read.session, read.organization_id, generation_id)
    who = read.principal
    return streamed(who.organization_id, lambda: _look(who, generation_id), known=last_event_id)


def streamed(
    organization_id: str, look: Callable[[], events.Stands | None], *, known: str
) -> StreamingResponse:
    """Stream what `look` says, as it changes; None ends it. Raises TooManyStreams."""
    if _open[organization_id] >= STREAMS_MOST:
        raise TooManyStreams(f"{STREAMS_MOST} streams of yours are open here; end one of them")
    return StreamingResponse(
        _stream(organization_id, look, known=known),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


async def _stream(
    organization_id: str, look: Callable[[], events.Stands | None], *, known: str
) -> AsyncIterator[str]:
    _open[organization_id] += 1
    try:
        async for event in events.follow(
            lambda: run_in_threadpool(look),
            known=known,
            now_s=time.monotonic,
            sleep=asyncio.sleep,
        ):
            yield event
    finally:
        _open[organization_id] -= 1


def _look(who: Principal, generation_id: str) -> GenerationEvent | None:
    """Say how far it is now; None once the key that asked stands no more."""
    with db.reading() as session:
        try:
            authentication.check_standing(session.connection(), who)
        except NotAuthenticated:
            return None
        found = service.generation_of(session, who.organization_id, generation_id)
        return GenerationEvent(
            id=found.id,
            state=found.state,
            waits_for=events.WAITS_FOR[found.state],
            reason=found.reason,
            progress_percent=progress.of(found),
        )
