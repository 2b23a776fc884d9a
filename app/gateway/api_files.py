"""How a stored output is sent: in pieces, never kept by anybody on the way."""

from collections.abc import Callable, Iterator

from fastapi.responses import StreamingResponse

from app import storage
from app.gateway import outputs
from app.gateway.models import Generation

CHUNK_BYTES = 1 << 20


def send_output(
    generation: Generation, name: str, *, once_sent: Callable[[], None] = lambda: None
) -> StreamingResponse:
    """Stream a generation's signed file; `once_sent` is called after its last byte, if it comes."""
    size, key = generation.output_size_bytes or 0, generation.output_key or ""

    def chunks() -> Iterator[bytes]:
        for start in range(0, size, CHUNK_BYTES):
            yield storage.open_range(key, start, min(CHUNK_BYTES, size - start))
        once_sent()

    return StreamingResponse(
        chunks(),
        media_type=outputs.media_type_of(key),
        headers={
            "Content-Length": str(size),
            "Content-Disposition": f'attachment; filename="{name}{outputs.suffix_of(key)}"',
        },
    )
