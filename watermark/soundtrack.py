"""One sound track of a film: decoded, marked in chunks, encoded again as it was, in order."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np

from watermark import audio, sound
from watermark.arrays import Floats
from watermark.errors import UnsupportedMedia

_ENCODERS = {"mp3": "libmp3lame", "mp3float": "libmp3lame", "opus": "libopus", "vorbis": "libopus"}
_GAP_S = 0.05  # a jump of time stamps longer than this ends a stretch
_LEAST_BIT_RATE = 128_000


def add_track(target: Any, seen: Any) -> Any:
    """A track in `target` for sound like `seen`: the same codec where it can be written."""
    codec = seen.codec_context
    name = _ENCODERS.get(codec.name, codec.name)
    known = target.supported_codecs
    plain = {"libmp3lame": "mp3", "libopus": "opus"}
    if name not in av.codecs_available or plain.get(name, name) not in known:
        name = target.default_audio_codec
    rate = 48_000 if name in {"opus", "libopus"} else codec.sample_rate
    try:
        track = target.add_stream(name, rate=rate, layout=codec.layout.name)
    except (ValueError, TypeError, av.error.FFmpegError) as e:
        raise UnsupportedMedia(f"sound cannot be written to this format: {e}") from e
    if not name.startswith(("pcm", "flac", "alac")):
        track.bit_rate = max(_LEAST_BIT_RATE, int(codec.bit_rate or 0))
    track.metadata.update(seen.metadata)
    return track


class Soundtrack:
    """Takes packets of one track and gives back packets of the marked one."""

    def __init__(self, target: Any, seen: Any, payload: bytes, key: bytes) -> None:
        self._seen, self._track = seen, add_track(target, seen)
        self._signs, self._table = sound.pattern(payload, key), sound.of_key(key)
        self._rate = int(seen.codec_context.sample_rate)
        self._layout = seen.codec_context.layout.name
        self._even = av.AudioResampler(format="fltp", layout=self._layout, rate=self._rate)
        self._held: list[Floats] = []  # each [channels, n]
        self._held_samples = 0
        self._before = 0  # samples at the head of what is held that are already written
        self._second = 0  # of the stretch, where what is held begins
        self._pts = 0  # of the next sample to write
        self._expected: float | None = None  # seconds, of the next sample to come

    def take(self, packet: Any) -> Iterator[Any]:
        """Packets that are ready once this one has been heard."""
        for frame in packet.decode():
            yield from self._hear(frame)

    def finish(self) -> Iterator[Any]:
        """The packets that are left."""
        yield from self._write(everything=True)
        yield from self._track.encode(None)

    def _hear(self, frame: Any) -> Iterator[Any]:
        at = float(frame.time) if frame.time is not None else (self._expected or 0.0)
        if self._expected is None or abs(at - self._expected) > _GAP_S:
            yield from self._write(everything=True)
            start = round(at * self._rate)
            self._pts = start if self._expected is None else max(start, self._pts)
            self._second, self._before, self._expected = 0, 0, at
        for even in self._even.resample(frame):
            samples = even.to_ndarray()
            self._held.append(samples)
            self._held_samples += samples.shape[1]
            self._expected += samples.shape[1] / self._rate
        if self._held_samples >= self._before + (audio.CHUNK_S + audio.PAD_S) * self._rate:
            yield from self._write(everything=False)

    def _write(self, *, everything: bool) -> Iterator[Any]:
        """Mark and encode a chunk, or all that is held; keep a pad to hear before the next."""
        if not self._held:
            return
        held = np.concatenate(self._held, axis=1)
        chunk = audio.CHUNK_S * self._rate
        while True:
            end = min(held.shape[1], self._before + chunk)
            pad = audio.PAD_S * self._rate
            yield from self._encode(held[:, : end + pad], end)
            kept = min(end, pad)
            held, self._second = held[:, end - kept :], self._second + (end - kept) // self._rate
            self._before = kept
            if not everything or held.shape[1] <= kept:
                break
        self._held = [] if everything else [held]
        self._held_samples = 0 if everything else held.shape[1]

    def _encode(self, heard: Floats, end: int) -> Iterator[Any]:
        samples = np.ascontiguousarray(heard.T)
        written = slice(self._before, end)
        marked = samples[written] + audio.chunk_change(
            samples, self._rate, self._signs, self._table, self._second, written=written
        )
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(np.clip(marked, -1, 1).T), "fltp", self._layout
        )
        frame.rate, frame.pts, frame.time_base = self._rate, self._pts, Fraction(1, self._rate)
        self._pts += len(marked)
        yield from self._track.encode(frame)
