"""Film files: reading frames, and writing a film again with everything else kept.

One video track is encoded anew. Size, pixel format, color description, sample aspect, rotation,
time stamps and metadata stay.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from watermark import image
from watermark.arrays import Floats, Luma
from watermark.errors import UnreadableMedia, UnsuitableMedia, UnsupportedMedia, WatermarkError

_ATTACHED_PICTURE = 0x0400
_FORMATS = {  # what the encoder takes; anything else without alpha becomes the nearest of these
    "yuv420p",
    "yuvj420p",
    "yuv422p",
    "yuvj422p",
    "yuv444p",
    "yuvj444p",
    "yuv420p10le",
    "yuv422p10le",
    "yuv444p10le",
    "gray",
    "gray10le",
}
_NEAREST = {"nv12": "yuv420p", "nv21": "yuv420p", "p010le": "yuv420p10le", "nv16": "yuv422p"}


@contextmanager
def opened(src: Path) -> Iterator[Any]:
    """A film open for reading; whatever its bytes do wrong is an UnreadableMedia."""
    try:
        with av.open(str(src), metadata_errors="ignore") as container:
            yield container
    except WatermarkError:
        raise
    except (av.error.FFmpegError, ValueError, EOFError) as e:
        raise UnreadableMedia(f"{src.name} cannot be decoded to its end: {e}") from e


def picture_track(container: Any) -> Any:
    """The film's video track, cover pictures passed over. Raises UnsuitableMedia."""
    for stream in container.streams.video:
        if not int(stream.disposition) & _ATTACHED_PICTURE:
            if not stream.width or not stream.height:
                raise UnreadableMedia("the video track does not say its size")
            image.check_size(stream.height, stream.width)
            stream.thread_type = "AUTO"
            return stream
    raise UnsuitableMedia("the file has no video track")


@contextmanager
def replacing(dst: Path) -> Iterator[Path]:
    """A path beside `dst` to write to; it becomes `dst` in one step, or nothing does."""
    part = dst.with_name(f".{dst.stem}.{secrets.token_hex(6)}.part{dst.suffix}")
    try:
        yield part
        with part.open("rb+") as written:
            os.fsync(written.fileno())
        part.replace(dst)
    finally:
        part.unlink(missing_ok=True)


def written_format(frame: Any) -> str:
    """The pixel format a frame is encoded in. Raises UnsupportedMedia for transparency."""
    name = frame.format.name
    if any(component.is_alpha for component in frame.format.components):
        raise UnsupportedMedia(
            f"the film has transparency ({name}), which H.264 cannot hold; flatten it first"
        )
    name = _NEAREST.get(name, name)
    if name not in _FORMATS:
        deep = max(component.bits for component in frame.format.components) > 8
        name = "yuv444p10le" if deep else "yuv444p"
    if frame.width % 2 or frame.height % 2:  # H.264 has odd sizes only without subsampling
        name = name.replace("420", "444").replace("422", "444")
    return str(name)


def add_picture_track(target: Any, seen: Any, first: Any, crf: int, preset: str) -> Any:
    """An H.264 track in `target` like the track `seen`, whose first frame is `first`."""
    out = target.add_stream("libx264", rate=seen.average_rate or seen.guessed_rate or 25)
    out.width, out.height, out.pix_fmt = first.width, first.height, written_format(first)
    out.options = {"crf": str(crf), "preset": preset}
    if first.interlaced_frame:
        out.options = {**out.options, "flags": "+ildct+ilme"}
    context = out.codec_context
    context.time_base = seen.time_base
    if seen.sample_aspect_ratio:
        context.sample_aspect_ratio = seen.sample_aspect_ratio
    for name in ("color_range", "color_primaries", "color_trc", "colorspace"):
        setattr(context, name, getattr(seen.codec_context, name))
    if first.rotation:
        out.set_display_rotation(first.rotation)
    out.metadata.update(seen.metadata)
    return out


def luma_plane(frame: Any) -> Luma:
    """A view of a frame's luma [height, width]: uint8, or uint16 for deeper formats."""
    plane, depth = frame.planes[0], frame.format.components[0].bits
    kind = np.uint8 if depth == 8 else np.uint16
    rows = np.frombuffer(plane, kind).reshape(plane.height, -1)
    return np.asarray(rows[:, : plane.width])


def eight_bits(frame: Any) -> Luma:
    """A frame's luma [height, width] at eight bits, for looking at."""
    name = frame.format.name
    if not (name.startswith(("yuv", "gray", "nv1", "nv2"))) or name.endswith("be"):
        return np.asarray(frame.to_ndarray(format="gray"), np.uint8)
    luma = luma_plane(frame)
    if luma.dtype == np.uint8:
        return luma
    return np.asarray(luma >> (frame.format.components[0].bits - 8), np.uint8)


def reduced(luma: Luma, pixels: float) -> Luma:
    """The picture no larger than about `pixels`; where it can be, by a whole number, at once."""
    height, width = luma.shape
    scale = float(np.sqrt(luma.size / pixels))
    whole = round(scale) if scale > 1 and abs(scale / round(scale) - 1) < 0.1 else int(scale)
    if whole > 1 and height % whole == width % whole == 0:
        size = (width // whole, height // whole)
        luma = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA))
        scale /= whole
    if scale <= 1 / 0.95:
        return luma
    size = (max(1, round(luma.shape[1] / scale)), max(1, round(luma.shape[0] / scale)))
    near = cv2.INTER_LINEAR if scale < 1.5 else cv2.INTER_AREA
    return np.asarray(cv2.resize(luma, size, interpolation=near))


def thumbnail(luma: Luma) -> Floats:
    """A picture of 32 x 18, by which one scene is told from another."""
    some = np.ascontiguousarray(luma[::4, ::4])
    return cv2.resize(some, (32, 18), interpolation=cv2.INTER_AREA).astype(np.float32)
