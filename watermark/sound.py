"""The pattern in sound: a keyed table of cells in time and frequency, four seconds long.

Everything happens at 16 kHz on a short-time Fourier transform of 64 frames a second. The plane of
time and frequency is divided into cells of two frames by one band; in each the magnitudes are
raised or lowered a little (patchwork: Bender et al., IBM Systems Journal 35, 1996; the same
domain as audiowmark, Westerfeld 2020). A fifth of the cells, the *sync* cells, follow from the
key alone; each of the others carries one code bit in its sign. After four seconds the table
begins again, so any five seconds hold all of it and longer recordings add up.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
import scipy.signal

from watermark import payload as message
from watermark.arrays import Complexes, Floats, Integers

RATE = 16_000
HOP = 250
SIZE = 500
FRAMES = 256  # of one period
FRAMES_PER_CELL = 2
CELLS = FRAMES // FRAMES_PER_CELL
_LOWEST_HZ, _HIGHEST_HZ = 400.0, 7600.0
_NARROWEST_HZ, _WIDENING = 96.0, 0.03
_SYNC_SHARE = 0.2
_SYNC_GROUPS = 112
GROUPS = message.CODED_BITS + _SYNC_GROUPS


@functools.cache
def band_edges() -> Floats:
    """Edges of the bands in Hz, about a third of a tone apart at the top."""
    edges = [_LOWEST_HZ]
    while edges[-1] < _HIGHEST_HZ:
        edges.append(edges[-1] + max(_NARROWEST_HZ, _WIDENING * edges[-1]))
    return np.array(edges)


@dataclass(frozen=True)
class Table:
    """What follows from the key: for each cell [CELLS, bands] its sign and its code bit."""

    signs: Floats  # +1 or -1; for data cells, the sign that stands for code bit +1
    bit_of: Integers  # index of the code bit, -1 for sync cells
    groups: Integers  # cells that are heard together: those of one code bit, or some of the sync


@functools.lru_cache(maxsize=8)
def of_key(key: bytes) -> Table:
    """The table of a key, always the same."""
    shape = (CELLS, len(band_edges()) - 1)
    count = shape[0] * shape[1]
    signs = np.where(message.keystream(key, "sound signs", count) & 1, 1.0, -1.0)
    order = message.permutation(key, "sound cells", count)
    data = order[int(_SYNC_SHARE * count) :]
    bit_of = np.full(count, -1)
    bit_of[data] = np.arange(len(data)) % message.CODED_BITS
    groups = bit_of.copy()
    groups[groups < 0] = message.CODED_BITS + np.arange(count - len(data)) % _SYNC_GROUPS
    return Table(
        signs.reshape(shape).astype(np.float32), bit_of.reshape(shape), groups.reshape(shape)
    )


def pattern(payload: bytes, key: bytes) -> Floats:
    """The sign of every cell [CELLS, bands] for a payload."""
    table = of_key(key)
    code = np.append(message.encode(payload, key), 1.0)  # index -1: sync cells keep their sign
    return np.asarray(table.signs * code[table.bit_of], np.float32)


def resample(samples: Floats, rate: int, to_rate: int) -> Floats:
    """Change the sample rate of [n] or [n, channels]."""
    if rate == to_rate:
        return samples
    common = math.gcd(rate, to_rate)
    up, down = to_rate // common, rate // common
    return np.asarray(scipy.signal.resample_poly(samples, up, down, axis=0), np.float32)


@functools.cache
def _window() -> Floats:
    """Root of a periodic Hann window: its square overlaps to one at half its length."""
    return np.asarray(np.sqrt(scipy.signal.get_window("hann", SIZE)), np.float32)


def analyze(samples: Floats) -> Complexes:
    """Short-time spectrum [frames, SIZE // 2 + 1]; frame m begins at sample m * HOP."""
    count = max(0, (len(samples) - SIZE) // HOP + 1)
    frames = np.lib.stride_tricks.as_strided(
        np.ascontiguousarray(samples),
        (count, SIZE),
        (samples.itemsize * HOP, samples.itemsize),
        writeable=False,
    )
    return np.asarray(np.fft.rfft(frames * _window(), axis=1))


def synthesize(spectrum: Complexes, length: int) -> Floats:
    """Samples [length] of a short-time spectrum, overlapped and added."""
    frames = np.fft.irfft(spectrum, SIZE, axis=1).astype(np.float32) * _window()
    out = np.zeros((max(length, (len(frames) + 1) * HOP)), np.float32)
    for half in (0, 1):
        piece = frames[:, half * HOP : (half + 1) * HOP].ravel()
        out[half * HOP : half * HOP + len(piece)] += piece
    return out[:length]
