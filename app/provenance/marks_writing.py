"""Mark one file: plain data in, plain data out, in a child that holds one key.

It imports nothing that opens keys or settings: children are forked from a process that has it.
"""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from app.provenance.content import BROKEN
from app.provenance.marks_reading import Medium, medium_of, opened
from watermark.errors import UnreadableMedia, UnsupportedMedia, WatermarkError

_DEEP = ("I", "F")  # modes of PIL that hold more than eight bits
_QUALITY = 95  # of pictures in lossy formats


def write_mark(
    *, path: str, target: str, payload_hex: str, watermark_key_hex: str, crf: int
) -> dict[str, Any]:
    """Write the file to `target` with the mark; gives its `medium`, or `refused` and why."""
    payload, key = bytes.fromhex(payload_hex), bytes.fromhex(watermark_key_hex)
    try:
        return {"medium": _write_mark(Path(path), Path(target), payload, key, crf)}
    except WatermarkError as refusal:
        return {"refused": f"{refusal.code}: {refusal}"}
    except BROKEN as error:
        return {"refused": f"{UnreadableMedia.code}: {type(error).__name__}"}


def _write_mark(src: Path, dst: Path, payload: bytes, key: bytes, crf: int) -> Medium:
    medium = medium_of(src)
    if medium == "image":
        _write_picture(src, dst, payload, key)
    elif medium == "video":
        import watermark.video

        watermark.video.embed(src, dst, payload, key, crf=crf)
    else:
        import watermark.recording

        watermark.recording.embed(src, dst, payload, key)
    return medium


def _write_picture(src: Path, dst: Path, payload: bytes, key: bytes) -> None:
    """The mark in the pixels as they are stored; a turn that EXIF asks for is left to viewers."""
    import watermark.image

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
    try:
        out.save(dst, quality=_QUALITY, **kept)
    except (*BROKEN, KeyError) as error:
        raise UnsupportedMedia(f"{dst.name} cannot be written: {error}") from None
