"""What is in an uploaded material. Runs in the sandbox; PyAV and dlib are imported when used.

A still is read like a portrait, a film like a generator's result (frames.py), a recording here.
Formats are told by their first bytes; only those that hold their own samples are opened.
"""

from pathlib import Path
from typing import Any

from app.gateway import frames
from app.gateway.materials.errors import MaterialDamaged, MaterialNotSupported, MaterialTooLong
from app.registry import faces

prepare = frames.prepare
MAX_SOUND_S = 600
SOUNDS = {
    b"RIFF": ("wav", "audio/wav"),
    b"fLaC": ("flac", "audio/flac"),
    b"OggS": ("ogg", "audio/ogg"),
    b"ID3": ("mp3", "audio/mpeg"),
}
MP3_FRAMES = (b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")


def look_at_still(path: str) -> dict[str, Any]:
    """Read a picture and describe every face in it. Call it through the sandbox."""
    found = faces.find_faces(path, describe=True)
    return {
        "media_type": found["media_type"],
        "width": found["width"],
        "height": found["height"],
        "templates": [face["template"] for face in found["faces"]],
    }


def look_at_film(path: str) -> dict[str, Any]:
    """Read a film and describe every face in its sampled frames. Call it through the sandbox."""
    seen = frames.look_at_video(path, listen=False)
    refused = seen.get("unreadable")
    if refused == "too-large":
        raise MaterialTooLong("the film has more frames, or larger ones, than are read; cut it")
    if refused == "damaged":
        raise MaterialDamaged("the film cannot be read to its end; send it again")
    if refused or not seen["frame_count"]:
        raise MaterialNotSupported("the bytes are no MP4, QuickTime or Matroska film with a frame")
    return {
        "media_type": _film_type(Path(path)),
        "width": seen["width"],
        "height": seen["height"],
        "seconds": seen["duration_s"],
        "streams": seen["streams"],
        "frames_sampled": seen["frames_sampled"],
        "templates": [face["template"] for face in seen["described"]],
    }


def look_at_sound(path: str) -> dict[str, Any]:
    """Read a recording to its end and measure it. Call it through the sandbox."""
    import av

    container, media_type = _sound_type(Path(path))
    try:
        with av.open(path, format=container, options={"protocol_whitelist": "file"}) as media:
            if not media.streams.audio or any(s.type == "video" for s in media.streams):
                raise MaterialNotSupported("the file holds no sound alone; send a recording")
            return {"media_type": media_type, **_listen(media)}
    except av.error.MemoryError:
        raise MemoryError from None
    except av.error.FFmpegError:
        raise MaterialDamaged("the recording cannot be read to its end; send it again") from None


def _listen(media: Any) -> dict[str, Any]:
    import av
    import numpy as np

    stream = media.streams.audio[0]
    stream.codec_context.thread_count = 1
    to_mono = av.AudioResampler(format="fltp", layout="mono")
    samples, squares, peak, rate = 0, 0.0, 0.0, 0
    for frame in media.decode(stream):
        rate = rate or frame.sample_rate
        for part in to_mono.resample(frame):
            heard = part.to_ndarray().astype(np.float64)
            samples += heard.size
            squares += float((heard**2).sum())
            peak = max(peak, float(np.abs(heard).max(initial=0)))
        if samples > MAX_SOUND_S * rate:
            raise MaterialTooLong(f"the recording is longer than {MAX_SOUND_S} s; cut it")
    if not samples:
        raise MaterialDamaged("the recording holds no sample; send it again")
    return {
        "seconds": samples / rate,
        "streams": [f"audio {stream.codec_context.name}"],
        "sample_rate": rate,
        "channels": stream.codec_context.channels,
        "loudness": (squares / samples) ** 0.5,
        "peak": peak,
        "templates": [],
    }


def _film_type(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] != b"ftyp":
        return "video/x-matroska"
    return "video/quicktime" if head[8:12] == b"qt  " else "video/mp4"


def _sound_type(path: Path) -> tuple[str, str]:
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp":
        return "mov", "audio/mp4"
    if head[:2] in MP3_FRAMES:
        return SOUNDS[b"ID3"]
    known = next((found for mark, found in SOUNDS.items() if head.startswith(mark)), None)
    if known is None or (known[0] == "wav" and head[8:12] != b"WAVE"):
        raise MaterialNotSupported("the bytes are no WAV, FLAC, Ogg, MP3 or M4A recording")
    return known
