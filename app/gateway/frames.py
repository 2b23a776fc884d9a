"""What is in a film, frame by frame, or in a picture. Runs in the sandbox, for inspect.py.

PyAV and dlib are imported when first used; only file formats that hold their own frames are opened.
"""

import struct
from pathlib import Path
from typing import Any

from app.registry import faces
from app.registry.listening import Ear

MAX_FRAME_PIXELS = 3840 * 2160
MAX_FRAMES = 30_000
PICTURES = ("JPEG", "PNG", "WEBP")
# What Pillow raises over broken pictures, beside errors of its own.
BROKEN = (OSError, ValueError, ArithmeticError, LookupError, SyntaxError, EOFError, struct.error)
LISTENS_S = 3600  # to so much of all tracks of sound together
SAMPLES = 8  # frames in which faces are looked for, evenly spread


def prepare() -> None:
    """Load libraries and weights; the sandbox's zygote calls it once, before there is a file."""
    import av  # noqa: F401

    faces.prepare()


def look_at_video(path: str, *, listen: bool = True) -> dict[str, Any]:
    """Decode a video from first frame to last and describe its faces. Call it through the sandbox.

    Returns the fields of OutputFacts, with `described` faces (`at_s`, `box`, `template`), and with
    what `listen` heard; or `unreadable`: "not-a-video", "too-large" or "damaged".
    """
    import av

    container = _container_of(Path(path))
    if container is None:
        return {"unreadable": "not-a-video"}
    try:
        with av.open(path, format=container, options={"protocol_whitelist": "file"}) as media:
            if not media.streams.video:
                return {"unreadable": "not-a-video"}
            seen = _look(media)
            return seen | _hear(media) if listen and not seen.get("unreadable") else seen
    except av.error.MemoryError:
        raise MemoryError from None
    except av.error.FFmpegError:
        return {"unreadable": "damaged"}


def look_at_picture(path: str) -> dict[str, Any]:
    """Decode a JPEG, PNG or WebP picture, whole and upright; describe its faces. As above.

    Returns the fields of OutputFacts: one frame, which lasts no time.
    """
    import numpy as np
    from PIL import Image, ImageOps, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # the header is checked below, more strictly
    try:
        with Image.open(path, formats=PICTURES) as opened:
            if opened.width * opened.height > MAX_FRAME_PIXELS:
                return {"unreadable": "too-large"}
            if opened.format != "MPO" and getattr(opened, "n_frames", 1) > 1:
                return {"unreadable": "not-a-picture"}
            kind = str(opened.format).lower()
            picture = ImageOps.exif_transpose(opened).convert("RGB")
    except UnidentifiedImageError:
        return {"unreadable": "not-a-picture"}
    except BROKEN:
        return {"unreadable": "damaged"}
    return {
        "container": kind,
        "streams": [f"picture {kind}"],
        "width": picture.width,
        "height": picture.height,
        "frame_count": 1,
        "frames_sampled": 1,
        "described": _describe(np.asarray(picture), 0.0),
    }


def _container_of(path: Path) -> str | None:
    """Name the demuxer by the first bytes: never a playlist, which could name other files."""
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp":
        return "mov"
    return "matroska" if head[:4] == b"\x1aE\xdf\xa3" else None


def _look(media: Any) -> dict[str, Any]:
    stream = media.streams.video[0]
    stream.codec_context.thread_count = 1
    if stream.codec_context.width * stream.codec_context.height > MAX_FRAME_PIXELS:
        return {"unreadable": "too-large"}
    # The packets' own times, not the header's claim, say where the samples lie.
    times = [float(p.pts * p.time_base) for p in media.demux(stream) if p.pts is not None]
    step_s = max((max(times) - min(times)) / SAMPLES, 0.1) if times else 0.1
    media.seek(0)
    described: list[dict[str, Any]] = []
    count = sampled = 0
    first_s = last_s = 0.0
    for frame in media.decode(stream):
        if frame.width * frame.height > MAX_FRAME_PIXELS or count >= MAX_FRAMES:
            return {"unreadable": "too-large"}
        at_s = float(frame.time or 0)
        first_s = at_s if count == 0 else first_s
        last_s = max(last_s, at_s)
        count += 1
        if at_s - first_s >= sampled * step_s and sampled < 2 * SAMPLES:
            sampled += 1
            described += _describe(frame.to_ndarray(format="rgb24"), at_s - first_s)
    frame_s = float(1 / stream.average_rate) if stream.average_rate else 0.0
    sound = media.streams.audio
    return {
        "duration_s": last_s - first_s + frame_s if count else 0.0,
        "container": media.format.name[:40],
        "video_codec": stream.codec_context.name,
        "audio_codec": sound[0].codec_context.name if sound else "",
        "streams": [
            f"{s.type} {s.codec_context.name if s.codec_context else ''}".strip()
            for s in media.streams
        ],
        "width": stream.codec_context.width,
        "height": stream.codec_context.height,
        "frame_count": count,
        "frames_sampled": sampled,
        "described": described,
    }


def _hear(media: Any) -> dict[str, Any]:
    """Listen to every track of sound: a voice may be in any of them."""
    voiced_s = speech_s = heard_s = 0.0
    for stream in media.streams.audio:
        stream.codec_context.thread_count = 1
        media.seek(0)
        ear = Ear()
        for frame in media.decode(stream):
            heard_s += frame.samples / frame.sample_rate
            if heard_s > LISTENS_S:
                return {"unreadable": "too-large"}
            ear.hear(frame)
        ear.finish()
        voiced_s, speech_s = voiced_s + ear.voiced_s, speech_s + ear.speech_s
    return {"voiced_s": voiced_s, "speech_s": speech_s}


def _describe(pixels: Any, at_s: float) -> list[dict[str, Any]]:
    return [
        {"at_s": at_s, "box": box, "template": faces.template_of(pixels, box)}
        for box in faces.boxes_in(pixels)
    ]
