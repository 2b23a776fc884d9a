"""The mark in files of sound: written again track by track in bounded memory, and found again."""

from pathlib import Path
from typing import Any

import av
import numpy as np

from watermark import audio, film, sound
from watermark import payload as message
from watermark.arrays import Floats
from watermark.audio import Detection
from watermark.errors import MediaTooLarge, UnreadableMedia, UnsuitableMedia, UnsupportedMedia
from watermark.soundtrack import Soundtrack
from watermark.transcode import Progress

MAX_S = 3 * 3600


def embed(
    src: Path, dst: Path, payload: bytes, key: bytes, *, progress: Progress | None = None
) -> int:
    """Write `src` to `dst` with every track of sound marked; returns how many there are.

    `dst` appears whole or not at all; its codec is that of `src` where its format has it. Raises
    BadPayload, UnsuitableMedia, UnsupportedMedia or UnreadableMedia.
    """
    message.check(payload, key)
    with film.opened(src) as source, film.replacing(dst) as part:
        _sound_of(source)
        total_s = float(source.duration or 0) / av.time_base
        try:
            target = av.open(str(part), "w")
        except (ValueError, av.error.FFmpegError) as e:
            raise UnsupportedMedia(f"{dst.name}: no such format can be written: {e}") from e
        with target:
            target.metadata.update(source.metadata)
            tracks = {
                stream.index: Soundtrack(target, stream, payload, key)
                for stream in source.streams.audio
            }
            for packet in source.demux(source.streams.audio):
                if packet.dts is None:
                    continue
                for ready in tracks[packet.stream.index].take(packet):
                    target.mux(ready)
                if progress and total_s:
                    at = float(packet.pts or 0) * float(packet.time_base)
                    progress(min(1.0, max(0.0, at / total_s)))
            for track in tracks.values():
                for ready in track.finish():
                    target.mux(ready)
        return len(tracks)


def detect(src: Path, *keys: bytes) -> Detection | None:
    """The payload that the first of one to three `keys` finds in a file's first track of sound.

    Raises BadPayload, UnsuitableMedia, MediaTooLarge (above three hours) or UnreadableMedia.
    """
    message.check_keys(keys)
    with film.opened(src) as source:
        samples = _mono(source, _sound_of(source))
    return audio.detect(samples[:, None], sound.RATE, *keys)


def _sound_of(source: Any) -> Any:
    if not source.streams.audio:
        raise UnsuitableMedia("the file has no track of sound")
    return source.streams.audio[0]


def _mono(source: Any, track: Any) -> Floats:
    """All of a track at the rate that the detector listens at."""
    even = av.AudioResampler(format="fltp", layout="mono", rate=sound.RATE)
    pieces: list[Floats] = []
    count = 0
    for frame in source.decode(track):
        pieces += [piece.to_ndarray()[0] for piece in even.resample(frame)]
        count += len(pieces[-1]) if pieces else 0
        if count > MAX_S * sound.RATE:
            raise MediaTooLarge(f"the sound is longer than {MAX_S // 3600} hours; cut it first")
    pieces += [piece.to_ndarray()[0] for piece in even.resample(None)]
    if not pieces:
        raise UnreadableMedia("the track of sound has nothing that can be decoded")
    return np.asarray(np.concatenate(pieces), np.float32)
