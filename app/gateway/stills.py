"""A small still of a film or picture of ours, to be shown beside a file. Runs in the sandbox."""

import base64
import io
from pathlib import Path
from typing import Any

from app.gateway.frames import MAX_FRAME_PIXELS, PICTURES
from app.provenance.media import sniff

LONGEST_SIDE = 320
QUALITY = 80


def prepare() -> None:
    """Load what reading needs; the sandbox's zygote calls it once, before there is a file."""
    import av  # noqa: F401
    from PIL import Image

    Image.preinit()


def still_of(*, path: str) -> dict[str, Any]:
    """Return a JPEG of at most 320 pixels a side, as base64; null of what has no pictures.

    Of a film it shows a frame from its first third. JSON in, JSON out.
    """
    from PIL import Image

    kind = sniff(Path(path))
    if kind is None or kind.medium == "audio":
        return {"jpeg": None}
    if kind.medium == "video":
        picture = _frame(path)
    else:
        with Image.open(path, formats=PICTURES) as opened:
            too_large = opened.width * opened.height > MAX_FRAME_PIXELS
            picture = None if too_large else opened.convert("RGB")
    if picture is None:
        return {"jpeg": None}
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    picture.info.clear()  # else Pillow passes a comment on
    with io.BytesIO() as written:
        picture.save(written, "JPEG", quality=QUALITY)
        return {"jpeg": base64.b64encode(written.getvalue()).decode()}


def _frame(path: str) -> Any:
    import av
    from PIL import Image

    with av.open(path, format="mov", options={"protocol_whitelist": "file"}) as film:
        stream = film.streams.video[0]
        if stream.codec_context.width * stream.codec_context.height > MAX_FRAME_PIXELS:
            return None
        film.seek((film.duration or 0) // 3)
        for frame in film.decode(stream):
            return Image.fromarray(frame.to_ndarray(format="rgb24"))
    return None
