"""What is in a recording, from its first sample to its last. Runs in the sandbox, for inspect.py.

PyAV is imported when first used; a format is opened by its own reader, never guessed.
"""

from pathlib import Path
from typing import Any

from app.registry.listening import Ear

FORMATS = {"mp3": "mp3", "wav": "wav", "mov": "m4a"}  # demuxers, of what can be signed and released
MP3_FRAMES = {b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2"}
MAX_SOUND_S = 3600


def look_at_sound(path: str) -> dict[str, Any]:
    """Decode an MP3, WAV or M4A recording and say what is in it. Call it through the sandbox.

    Returns fields of OutputFacts, or `unreadable`: "not-a-sound", "too-large" or "damaged".
    """
    import av

    container = _container_of(Path(path))
    if container is None:
        return {"unreadable": "not-a-sound"}
    try:
        with av.open(path, format=container, options={"protocol_whitelist": "file"}) as media:
            if len(media.streams) != 1 or not media.streams.audio:
                return {"unreadable": "not-a-sound"}
            return _listen(media, container)
    except av.error.MemoryError:
        raise MemoryError from None
    except av.error.FFmpegError:
        return {"unreadable": "damaged"}


def _container_of(path: Path) -> str | None:
    with path.open("rb") as file:
        head = file.read(12)
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if head[4:8] == b"ftyp":
        return "mov"
    is_mp3 = head[:3] == b"ID3" or (
        head[:1] == b"\xff" and head[1:2] in {b"\xfb", b"\xfa", b"\xf3"}
    )
    return "mp3" if is_mp3 else None


def _listen(media: Any, container: str) -> dict[str, Any]:
    import av
    import numpy as np

    stream = media.streams.audio[0]
    stream.codec_context.thread_count = 1
    to_mono = av.AudioResampler(format="fltp", layout="mono")
    samples, squares, rate, ear = 0, 0.0, 0, Ear()
    for frame in media.decode(stream):
        rate = rate or frame.sample_rate
        ear.hear(frame)
        for part in to_mono.resample(frame):
            heard = part.to_ndarray().astype(np.float64)
            samples += heard.size
            squares += float((heard**2).sum())
        if samples > MAX_SOUND_S * rate:
            return {"unreadable": "too-large"}
    if not samples:
        return {"unreadable": "damaged"}
    ear.finish()
    return {
        "duration_s": samples / rate,
        "container": FORMATS[container],
        "audio_codec": stream.codec_context.codec.canonical_name,
        "streams": [f"audio {stream.codec_context.codec.canonical_name}"],
        "sample_rate": rate,
        "loudness": (squares / samples) ** 0.5,
        "voiced_s": ear.voiced_s,
        "speech_s": ear.speech_s,
    }
