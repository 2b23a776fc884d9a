"""Look for the marks in one file: plain data in, plain data out, in a child that holds their keys.

It imports nothing that opens keys or settings: children are forked from a process that has it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image
from pydantic import BaseModel

from app.provenance.content import BROKEN
from app.provenance.media import sniff
from watermark.errors import UnreadableMedia, UnsuitableMedia, WatermarkError

Medium = Literal["image", "video", "audio"]


class Mark(BaseModel):
    """A payload that was read, and the epoch of its key; instants, in seconds, where it was read
    in a film's pictures. A key that was given by hand has no epoch."""

    payload: str
    false_positive_log10: float
    epoch: int | None = None
    start_s: float | None = None
    end_s: float | None = None
    region: tuple[int, int, int, int] | None = None


class Found(BaseModel):
    """The marks in one file: of the pictures, and of the sound."""

    medium: Medium
    pictures: list[Mark] = []
    sound: list[Mark] = []


def read_marks(*, path: str, watermark_keys_hex: dict[str, str], thorough: bool) -> dict[str, Any]:
    """Look for marks; plain data in and out, for the child. Gives `found` or `refused`.

    Keys (hex) go by their epochs, in the order they are tried; one without an epoch is 0.
    """
    keys = {int(epoch): bytes.fromhex(key) for epoch, key in watermark_keys_hex.items()}
    try:
        return {"found": _read_marks(Path(path), keys, thorough).model_dump()}
    except WatermarkError as refusal:
        return {"refused": f"{refusal.code}: {refusal}"}
    except BROKEN as error:
        return {"refused": f"{UnreadableMedia.code}: {type(error).__name__}"}


def medium_of(file: Path) -> Medium:
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


def _read_marks(file: Path, keys: Mapping[int, bytes], thorough: bool) -> Found:
    medium, known = medium_of(file), keys.values()
    if medium == "image":
        import watermark.image

        with opened(file) as picture:
            bgr = np.ascontiguousarray(np.asarray(picture.convert("RGB"))[..., ::-1])
        seen = watermark.image.detect(bgr, *known)
        return Found(medium=medium, pictures=[_mark(seen, keys)] if seen else [])
    import watermark.recording
    import watermark.video

    found = Found(medium=medium)
    if medium == "video":
        effort: Literal["normal", "thorough"] = "thorough" if thorough else "normal"
        read = watermark.video.detect(file, *known, effort=effort)
        found.pictures = [_mark(one, keys) for one in read]
    try:
        heard = watermark.recording.detect(file, *known)
    except WatermarkError:
        if medium == "audio":
            raise
        heard = None  # a film without sound, or with too little of it
    found.sound = [_mark(heard, keys)] if heard else []
    return found


def _mark(one: Any, keys: Mapping[int, bytes]) -> Mark:
    return Mark(
        payload=one.payload.hex(),
        epoch=list(keys)[one.key_index] or None,
        false_positive_log10=round(one.false_positive_log10, 2),
        start_s=getattr(one, "start_s", None),
        end_s=getattr(one, "end_s", None),
        region=getattr(one, "region", None),
    )


def opened(file: Path) -> Image.Image:
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
