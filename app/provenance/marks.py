"""Mark one file with a payload, or find the marks in one: picture, film or sound.

Marking decodes in this process, as the pipeline does: it is for files of one's own. Finding is for
files of strangers, and happens in a child that is given the watermark key and nothing else.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image
from pydantic import BaseModel, ValidationError

from app import sandbox
from app.errors import AppError
from app.provenance.content import BROKEN
from app.provenance.media import sniff
from watermark.errors import UnreadableMedia, UnsuitableMedia, UnsupportedMedia, WatermarkError

LIMITS = {"wall_s": 7200, "cpu_s": 14400, "memory_bytes": 1536 << 20}
_DEEP = ("I", "F")  # modes of PIL that hold more than eight bits
_QUALITY = 95  # of pictures in lossy formats

Medium = Literal["image", "video", "audio"]


class MarkRefused(AppError):
    """The file cannot be marked or looked into; the detail begins with the library's reason."""

    status, code = 422, "mark-refused"


class Mark(BaseModel):
    """A payload that was read; instants, in seconds, where it was read in a film's pictures."""

    payload: str
    false_positive_log10: float
    start_s: float | None = None
    end_s: float | None = None
    region: tuple[int, int, int, int] | None = None


class Found(BaseModel):
    """The marks of one key in one file: of the pictures, and of the sound."""

    medium: Medium
    pictures: list[Mark] = []
    sound: list[Mark] = []


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
        medium = _medium(src)
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
        "app.provenance.marks:read_marks",
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


def read_marks(*, path: str, watermark_key_hex: str, thorough: bool) -> dict[str, Any]:
    """Look for marks; plain data in and out, for the child. Gives `found` or `refused`."""
    file, key = Path(path), bytes.fromhex(watermark_key_hex)
    try:
        return {"found": _read_marks(file, key, thorough).model_dump()}
    except WatermarkError as refusal:
        return {"refused": f"{refusal.code}: {refusal}"}
    except BROKEN as error:
        return {"refused": f"{UnreadableMedia.code}: {type(error).__name__}"}


def _medium(file: Path) -> Medium:
    """The medium by the first bytes; containers of film without pictures are sound."""
    kind = sniff(file)
    if kind is None:
        raise UnreadableMedia("this is no picture, film or sound that we know")
    if kind.medium == "image":
        return "image"
    from watermark import film

    with film.opened(file) as source:
        if kind.medium == "video" and source.streams.video:
            return "video"
        if source.streams.audio:
            return "audio"
    raise UnsuitableMedia("the file has neither pictures nor sound")


def _read_marks(file: Path, key: bytes, thorough: bool) -> Found:
    medium = _medium(file)
    if medium == "image":
        import watermark.image

        with _opened(file) as picture:
            bgr = np.ascontiguousarray(np.asarray(picture.convert("RGB"))[..., ::-1])
        seen = watermark.image.detect(bgr, key)
        return Found(medium=medium, pictures=[_mark(seen)] if seen else [])
    import watermark.recording
    import watermark.video

    found = Found(medium=medium)
    if medium == "video":
        effort: Literal["normal", "thorough"] = "thorough" if thorough else "normal"
        found.pictures = [_mark(one) for one in watermark.video.detect(file, key, effort=effort)]
    try:
        heard = watermark.recording.detect(file, key)
    except WatermarkError:
        if medium == "audio":
            raise
        heard = None  # a film without sound, or with too little of it
    found.sound = [_mark(heard)] if heard else []
    return found


def _mark(one: Any) -> Mark:
    return Mark(
        payload=one.payload.hex(),
        false_positive_log10=round(one.false_positive_log10, 2),
        start_s=getattr(one, "start_s", None),
        end_s=getattr(one, "end_s", None),
        region=getattr(one, "region", None),
    )


def _opened(file: Path) -> Image.Image:
    """A picture whose header is read and whose size is bearable. Raises WatermarkError."""
    import watermark.image

    Image.MAX_IMAGE_PIXELS = None  # our own cap, below, comes first
    try:
        picture = Image.open(file)
        watermark.image.check_size(picture.height, picture.width)
        picture.load()
    except BROKEN as error:
        raise UnreadableMedia(f"the picture cannot be decoded: {error}") from None
    return picture


def _embed_picture(src: Path, dst: Path, payload: bytes, key: bytes) -> None:
    """The mark in the pixels as they are stored; a turn that EXIF asks for is left to viewers."""
    import watermark.image
    from watermark import film

    with _opened(src) as picture:
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
