"""How a stored output is sent: in pieces, never kept by anybody on the way."""

import re
from collections.abc import Callable, Iterator
from typing import Annotated

from fastapi import Header, Response
from fastapi.responses import StreamingResponse

from app import storage
from app.gateway import outputs
from app.gateway.models import Generation

CHUNK_BYTES = 1 << 20
_SPAN = re.compile(r"bytes=(?=\d|-\d)(\d{0,15})-(\d{0,15})", re.ASCII)
Wanted = Annotated[str, Header(alias="range")]


def send_output(
    generation: Generation, name: str, *, once_sent: Callable[[], None] = lambda: None
) -> StreamingResponse:
    """Stream a generation's signed file; `once_sent` is called after its last byte, if it comes."""
    key, size = generation.output_key or "", generation.output_size_bytes or 0
    return StreamingResponse(
        _chunks(key, 0, size, once_sent),
        media_type=outputs.media_type_of(key),
        headers={
            "Content-Length": str(size),
            "Content-Disposition": f'attachment; filename="{name}{outputs.suffix_of(key)}"',
        },
    )


def play_output(
    generation: Generation, wanted: str, *, once_seen: Callable[[], None] = lambda: None
) -> Response:
    """Send what a player asks for of a signed file: the span a `Range` names, or all of it.

    Players jump, so each span is asked for anew, and whoever answers checks anew. More spans than
    one, and what is no span, are answered with the whole file; a span behind its end with 416
    (RFC 9110, 14). `once_seen` is called after one answer that held nine tenths, to the last byte:
    players read the head of a file apart.
    """
    key, size = generation.output_key or "", generation.output_size_bytes or 0
    span = _span(wanted, size)
    plain = {"Accept-Ranges": "bytes", "Content-Disposition": "inline"}
    if span is None:
        return Response(status_code=416, headers={**plain, "Content-Range": f"bytes */{size}"})
    start, end = span
    whole = end == size and 10 * (end - start) >= 9 * size
    named = {"Content-Range": f"bytes {start}-{end - 1}/{size}"} if _SPAN.fullmatch(wanted) else {}
    return StreamingResponse(
        _chunks(key, start, end, once_seen if whole else lambda: None),
        status_code=206 if named else 200,
        media_type=outputs.media_type_of(key),
        headers={**plain, **named, "Content-Length": str(end - start)},
    )


def play_bytes(content: bytes, media_type: str, wanted: str) -> Response:
    """Send what a player asks for of something small, as `play_output` does of a signed file."""
    span = _span(wanted, len(content))
    plain = {"Accept-Ranges": "bytes", "Content-Disposition": "inline"}
    if span is None:
        return Response(
            status_code=416, headers={**plain, "Content-Range": f"bytes */{len(content)}"}
        )
    start, end = span
    is_part = bool(_SPAN.fullmatch(wanted))
    if is_part:
        plain["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
    return Response(content[start:end], 206 if is_part else 200, plain, media_type=media_type)


def _chunks(key: str, start: int, end: int, once_sent: Callable[[], None]) -> Iterator[bytes]:
    for at in range(start, end, CHUNK_BYTES):
        yield storage.open_range(key, at, min(CHUNK_BYTES, end - at))
    once_sent()


def _span(wanted: str, size: int) -> tuple[int, int] | None:
    """Return from where to where a `Range` asks, half-open; None where there is nothing to send."""
    found = _SPAN.fullmatch(wanted)
    first, last = found.groups() if found else ("0", "")
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    return (start, end) if start < end else None
