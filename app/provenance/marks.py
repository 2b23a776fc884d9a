"""Mark one file with a payload, or find the marks in one: picture, film or sound.

Marking decodes in this process, as the pipeline does: it is for files of one's own. Finding is for
files of strangers, and happens in a child that is given the watermark key and nothing else.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from pydantic import BaseModel, ValidationError

from app import sandbox
from app.errors import AppError
from app.provenance.content import BROKEN
from app.provenance.marks_reading import Found, Medium, medium_of, opened
from watermark.errors import UnsupportedMedia, WatermarkError

LIMITS = {"wall_s": 7200, "cpu_s": 14400, "memory_bytes": 1536 << 20}
_DEEP = ("I", "F")  # modes of PIL that hold more than eight bits
_QUALITY = 95  # of pictures in lossy formats


class MarkRefused(AppError):
    """The file cannot be marked or looked into; the detail begins with the library's reason."""

    status, code = 422, "mark-refused"


class _Answer(BaseModel):
    found: Found | None = None
    refused: str = ""


def embed(
    src: Path,
    dst: Path,
    payload: bytes,
    key: bytes,
    *,
    crf: int = 18,
    progress: Callable[[float], None] | None = None,
) -> Medium:
    """Write `src` to `dst` with the mark; `dst` appears whole or not at all. Raises MarkRefused.

    Pictures keep alpha, color profile and EXIF; films are encoded with H.264 at `crf`.
    """
    try:
        medium = medium_of(src)
        if medium == "image":
            _embed_picture(src, dst, payload, key)
        elif medium == "video":
            import watermark.video

            watermark.video.embed(src, dst, payload, key, crf=crf, progress=progress)
        else:
            import watermark.recording

            watermark.recording.embed(src, dst, payload, key, progress=progress)
    except WatermarkError as refusal:
        raise MarkRefused(f"{refusal.code}: {refusal}") from None
    return medium


def find(path: Path, key: bytes, *, thorough: bool = False) -> Found:
    """The marks that `key` finds in a file of whatever origin.

    Raises MarkRefused, and what `sandbox.run` raises.
    """
    said = sandbox.run(
        "app.provenance.marks_reading:read_marks",
        {"path": str(path.resolve()), "watermark_key_hex": key.hex(), "thorough": thorough},
        wall_s=LIMITS["wall_s"],
        cpu_s=LIMITS["cpu_s"],
        memory_bytes=LIMITS["memory_bytes"],
        reads=[path],
    )
    try:
        answer = _Answer.model_validate(said)
    except ValidationError:
        raise MarkRefused("what came back from reading the file makes no sense") from None
    if answer.found is None:
        raise MarkRefused(answer.refused)
    return answer.found


def _embed_picture(src: Path, dst: Path, payload: bytes, key: bytes) -> None:
    """The mark in the pixels as they are stored; a turn that EXIF asks for is left to viewers."""
    import watermark.image
    from watermark import film

    with opened(src) as picture:
        if getattr(picture, "n_frames", 1) > 1:
            raise UnsupportedMedia("the picture moves; make a film of it first")
        if picture.mode.startswith(_DEEP):
            raise UnsupportedMedia("the picture has more than eight bits; bring it to eight first")
        alpha = picture.convert("RGBA").getchannel("A") if picture.has_transparency_data else None
        rgb = np.asarray(picture.convert("RGB"))
        marked = watermark.image.embed(np.ascontiguousarray(rgb[..., ::-1]), payload, key)
        out = Image.fromarray(np.ascontiguousarray(marked[..., ::-1]))
        if alpha is not None:
            out.putalpha(alpha)
        elif picture.mode in ("L", "1"):
            out = out.convert("L")
        kept = {
            name: picture.info[name] for name in ("icc_profile", "exif") if name in picture.info
        }
    with film.replacing(dst) as part:
        try:
            out.save(part, quality=_QUALITY, **kept)
        except (*BROKEN, KeyError) as error:
            raise UnsupportedMedia(f"{dst.name} cannot be written: {error}") from None
