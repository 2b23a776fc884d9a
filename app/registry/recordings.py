"""A recording of a voice: is it long, loud and clean enough, and does anybody speak in it?

`hear` decodes and runs inside the sandbox only; a format is opened by its own reader, never
guessed. `judge` is pure: it says everything that is to be done better, as codes. How the thresholds
were chosen, and what they are worth: docs/faces.md.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.registry.errors import SoundDamaged, SoundNotSupported, SoundTooLong
from app.registry.listening import Ear

MAX_SOUND_S = 180  # what is decoded at all
WINDOW_S = 0.02  # in which loudness is measured
SUFFIXES = {
    "audio/wav": ".wav",
    "audio/flac": ".flac",
    "audio/ogg": ".ogg",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/webm": ".webm",
}
SHORTEST_S, LONGEST_S = 4.0, 120.0
VOICED_FROM_S = 1.5  # seconds with the pitch of a voice
QUIET_BELOW = 0.02  # root mean square of what is spoken, of 1: -34 dB
CLIPPED_FROM = 0.001  # part of the samples at the end of the scale
NOISY_BELOW = 8.0  # what is spoken, in parts of what is heard between: 18 dB


@dataclass(frozen=True)
class Recording:
    """What was heard in one recording."""

    media_type: str
    size_bytes: int
    sha256: str
    length_ms: int
    voiced_s: float
    spoken: float
    between: float
    clipped: float


def hear(path: str) -> dict[str, Any]:
    """Decode a recording to its end and measure it. Call it through the sandbox.

    Returns `media_type`, `length_ms`, `voiced_s`, the loudness of what is `spoken` and of what is
    heard `between` (root mean square in windows: 95th and 10th percentile), and which part of the
    samples is `clipped`. Raises what `errors.SOUND_ERRORS` lists.
    """
    import av

    container, media_type = _kind_of(Path(path))
    try:
        with av.open(path, format=container, options={"protocol_whitelist": "file"}) as media:
            if len(media.streams) != 1 or not media.streams.audio:
                raise SoundNotSupported("the file holds no sound alone; send a recording")
            return {"media_type": media_type, **_measured(media)}
    except av.error.MemoryError:
        raise MemoryError from None
    except av.error.FFmpegError:
        raise SoundDamaged("the recording cannot be read to its end; send it again") from None


def _kind_of(path: Path) -> tuple[str, str]:
    """Tell a recording by its own first bytes: the reader for it, and its media type."""
    with path.open("rb") as file:
        head = file.read(12)
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav", "audio/wav"
    if head[4:8] == b"ftyp":
        return "mov", "audio/mp4"
    if head[:3] == b"ID3" or head[:2] in {b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"}:
        return "mp3", "audio/mpeg"
    known = {b"fLaC": ("flac", "audio/flac"), b"OggS": ("ogg", "audio/ogg")}
    known[b"\x1aE\xdf\xa3"] = ("matroska", "audio/webm")
    if head[:4] not in known:
        raise SoundNotSupported("the bytes are no WAV, FLAC, Ogg, MP3, M4A or WebM recording")
    return known[head[:4]]


def _measured(media: Any) -> dict[str, Any]:
    import av
    import numpy as np

    stream = media.streams.audio[0]
    stream.codec_context.thread_count = 1
    to_mono, ear = av.AudioResampler(format="flt", layout="mono"), Ear()
    parts, samples, clipped, rate = [], 0, 0, 0
    for frame in media.decode(stream):
        rate = rate or frame.sample_rate
        ear.hear(frame)
        for part in to_mono.resample(frame):
            heard = part.to_ndarray()[0]
            samples += heard.size
            clipped += int((np.abs(heard) >= 0.99).sum())
            parts.append(heard)
        if samples > MAX_SOUND_S * rate:
            raise SoundTooLong(f"the recording is longer than {MAX_SOUND_S} s; cut it")
    if not samples:
        raise SoundDamaged("the recording holds no sample; send it again")
    ear.finish()
    window = max(1, int(rate * WINDOW_S))
    whole = np.concatenate(parts)
    whole = whole[: samples - samples % window] if samples >= window else np.resize(whole, window)
    loudness = np.sqrt((whole.reshape(-1, window).astype(np.float64) ** 2).mean(1))
    return {
        "length_ms": round(1000 * samples / rate),
        "voiced_s": ear.voiced_s,
        "spoken": float(np.percentile(loudness, 95)),
        "between": float(np.percentile(loudness, 10)),
        "clipped": clipped / samples,
    }


def judge(recording: Recording) -> list[str]:
    """Say everything that is to be done better, as codes; nothing where the recording is good."""
    wrong = []
    if recording.length_ms < 1000 * SHORTEST_S:
        wrong.append("too-short")
    if recording.length_ms > 1000 * LONGEST_S:
        wrong.append("too-long")
    if recording.spoken < QUIET_BELOW:
        wrong.append("too-quiet")
    elif recording.voiced_s < VOICED_FROM_S:
        wrong.append("no-voice")
    if recording.clipped >= CLIPPED_FROM:
        wrong.append("too-loud")
    if recording.spoken < NOISY_BELOW * recording.between:
        wrong.append("noisy")
    return wrong
