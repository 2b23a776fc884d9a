"""Hear a voice recording that drives the puppet: the sound of the clip is this recording itself.

Runs behind the shut doors of the render. Nothing says where its phonemes begin, so that the mouth
follows its loudness and brightness (acting.py).
"""

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from app.gateway.generators.fitting import LENGTH_TOLERANCE_S
from app.gateway.generators.puppet.film import SOUND_RATE
from app.gateway.generators.puppet.speech import Spoken, Unspeakable
from app.provenance.media import CONTAINERS, sniff

SILENT_BELOW = 0.003  # the loudest sample, of 1


def hear(path: Path, length_s: float) -> Spoken:
    """Return `length_s` seconds of a recording, as one channel; what is missing is silence.

    Raises Unspeakable("recording-unreadable") where it is no WAV, FLAC, Ogg, MP3 or M4A or
    cannot be read, "recording-too-long" where more than a quarter of a second would be cut off,
    "no-voice" where nothing is to be heard.
    """
    kind = sniff(path)
    if kind is None or kind.media_type not in CONTAINERS:
        raise Unspeakable("recording-unreadable", "This is no recording. Upload one.")
    most = round((length_s + LENGTH_TOLERANCE_S) * SOUND_RATE)
    try:
        parts = _decode(path, CONTAINERS[kind.media_type], most)
    except (av.error.FFmpegError, IndexError, ValueError) as error:  # ValueError: its rate changes
        raise Unspeakable(
            "recording-unreadable", "The recording cannot be read to its end. Upload it again."
        ) from error
    heard = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    if heard.size > most:
        raise Unspeakable(
            "recording-too-long",
            f"The recording is longer than the clip of {length_s:g} s. Ask for its own length.",
        )
    if not heard.size or float(np.abs(heard).max()) < SILENT_BELOW:
        raise Unspeakable("no-voice", "Nothing is to be heard in the recording.")
    samples = np.zeros(round(length_s * SOUND_RATE), np.float32)
    fits = min(samples.size, heard.size)
    samples[:fits] = np.clip(heard[:fits], -1, 1)
    return Spoken(samples, SOUND_RATE)


def _decode(path: Path, container: str, most: int) -> list[NDArray[np.float32]]:
    """Decode until the end, or until more than `most` samples are there."""
    with av.open(str(path), format=container, options={"protocol_whitelist": "file"}) as media:
        stream = media.streams.audio[0]
        stream.codec_context.thread_count = 1
        to_mono = av.AudioResampler(format="fltp", layout="mono", rate=SOUND_RATE)
        parts: list[NDArray[np.float32]] = []
        count = 0
        for frame in media.decode(stream):
            for part in to_mono.resample(frame):
                parts.append(part.to_ndarray()[0])
                count += parts[-1].size
            if count > most:
                return parts
        return parts + [part.to_ndarray()[0] for part in to_mono.resample(None)]
