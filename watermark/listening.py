"""Hearing the mark: find speed, tempo and beginning from the sync cells, then decode.

Speed moves frequencies and times together, tempo only times. One short-time spectrum serves all
hypotheses: frequencies are regrouped into shifted bands, times resampled, periods folded, and the
sync cells correlated over every beginning at once with an FFT.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.ndimage

from watermark import payload as message
from watermark import sound
from watermark.arrays import Floats

_WINDOW_S = 30
_STEP = 0.001
_WIDEST = 0.06
_KEEP = 6
_TRIES = 128  # messages tried in one decode, the likeliest first
_SLOW_FRAMES, _SLOW_BANDS = 21, 7


@dataclass(frozen=True)
class Place:
    """A hypothesis: factors of speed (pitch) and tempo, the first frame, its sync score."""

    score: float
    pitch: float
    tempo: float
    start: int


class Listener:
    """Reads one recording with one key, and counts every decode it spends on it."""

    def __init__(self, key: bytes, *, limit: int = message.MAX_ATTEMPTS) -> None:
        self.key = key
        self.attempts = 0
        self._limit = limit
        self._table = sound.of_key(key)
        self._sync = np.repeat(
            np.where(self._table.bit_of < 0, self._table.signs, 0), sound.FRAMES_PER_CELL, axis=0
        )

    def read(self, samples: Floats, rate: int) -> bytes | None:
        """The payload in a recording [n, channels], or None."""
        mono = sound.resample(samples.mean(1), rate, sound.RATE)
        step = _WINDOW_S * sound.RATE
        for start in range(0, max(1, len(mono) - 2 * sound.RATE), step):
            payload = self._read_window(mono[start : start + step + 5 * sound.RATE])
            if payload is not None:
                return payload
        return None

    def _read_window(self, mono: Floats) -> bytes | None:
        if not mono.any():
            return None
        logs = logs_of(np.abs(sound.analyze(mono)) ** 2)
        for pairs in _hypotheses():
            tried = [self._place(logs, pitch, tempo) for pitch, tempo in pairs]
            tried.sort(key=lambda p: -p.score)
            for place in tried[:_KEEP]:
                payload = self._decode(logs, self._refined(logs, place))
                if payload is not None:
                    return payload
        return None

    def _refined(self, logs: Floats, place: Place) -> Place:
        best = place
        for step in (_STEP / 2, _STEP / 4):
            for pitch, tempo in (
                (best.pitch, best.tempo + step),
                (best.pitch, best.tempo - step),
                (best.pitch + 2 * step, best.tempo),
                (best.pitch - 2 * step, best.tempo),
            ):
                tried = self._place(logs, pitch, tempo)
                if tried.score > best.score:
                    best = tried
        return best

    def _place(self, logs: Floats, pitch: float, tempo: float) -> Place:
        folded = _folded(features(logs, pitch), tempo)
        seen = np.fft.rfft(folded, axis=0)
        known = np.fft.rfft(self._sync, axis=0)
        match = np.fft.irfft((seen * np.conj(known)).sum(1), sound.FRAMES)
        start = int(match.argmax())
        return Place(float(match[start] / (match.std() + 1e-9)), pitch, tempo, start)

    def _decode(self, logs: Floats, place: Place) -> bytes | None:
        tries = min(_TRIES, self._limit - self.attempts)
        if tries <= 0:
            return None
        folded = np.roll(_folded(features(logs, place.pitch), place.tempo), -place.start, axis=0)
        cells = folded.reshape(sound.CELLS, sound.FRAMES_PER_CELL, -1).sum(1) * self._table.signs
        data = self._table.bit_of >= 0
        soft = np.bincount(self._table.bit_of[data], cells[data], message.CODED_BITS)
        payload, tried = message.decode(soft / (soft.std() + 1e-9), self.key, tries)
        self.attempts += tried
        return payload


def _hypotheses() -> Iterator[list[tuple[float, float]]]:
    """Factors of pitch and tempo to try, the likely first."""
    yield [(1.0, 1.0)]
    steps = np.arange(1, round(_WIDEST / _STEP) + 1) * _STEP
    factors = [float(f) for f in np.concatenate([1 + steps, 1 - steps])]
    yield [(f, f) for f in factors]
    yield [(1.0, f) for f in factors]


def logs_of(power: Floats) -> Floats:
    """Log of power [frames, bins], with a floor far below anything heard."""
    return np.asarray(np.log(power + 1e-10 + 1e-9 * power.max()))


def features(logs: Floats, pitch: float) -> Floats:
    """Log magnitude of each band [frames, bands], slow changes removed, evened and clipped."""
    edges = sound.band_edges() * pitch / (sound.RATE / sound.SIZE)
    sums = np.concatenate([np.zeros((len(logs), 1)), np.cumsum(logs, axis=1)], axis=1)
    limit = np.clip(edges + 0.5, 0, logs.shape[1])
    low = np.floor(limit).astype(int)
    share = limit - low
    at = sums[:, low] + share * (sums[:, np.minimum(low + 1, logs.shape[1])] - sums[:, low])
    bands = np.diff(at, axis=1) / np.maximum(np.diff(limit), 1e-3)
    bands -= scipy.ndimage.uniform_filter(bands, (_SLOW_FRAMES, 1))
    bands -= scipy.ndimage.uniform_filter(bands, (1, _SLOW_BANDS))
    power = scipy.ndimage.uniform_filter(bands**2, (2 * _SLOW_FRAMES, 1))
    spread = np.sqrt(np.maximum(power, 0.0)) + 1e-3  # running sums may end just below zero
    return np.asarray(np.clip(bands / spread, -2.5, 2.5))


def _folded(features: Floats, tempo: float) -> Floats:
    """Features at the original tempo, all periods added up [FRAMES, bands]."""
    count = int(len(features) * tempo)
    at = np.arange(count) / tempo
    low = np.minimum(at.astype(int), len(features) - 1)
    high = np.minimum(low + 1, len(features) - 1)
    share = (at - low)[:, None]
    steady = (1 - share) * features[low] + share * features[high]
    periods = -(-count // sound.FRAMES)
    padded = np.zeros((periods * sound.FRAMES, features.shape[1]))
    padded[:count] = steady
    return np.asarray(padded.reshape(periods, sound.FRAMES, -1).sum(0))
