"""The pattern: keyed harmonics of a square tile that is laid over the picture.

Coordinates are *tile units*: u runs over the columns of tiles, v over the rows, one unit per
tile, so the pattern is relative to the picture and survives any change of size. A harmonic
(p, q) is the wave cos(2 pi (p u + q v) + phase). Two sets share a ring of the spectrum:

- *pilots*, the same in every tile, known in advance: they tell a detector where the tiles are;
- *data* harmonics, each carrying one bit of the codeword in its sign. The whole data pattern of
  a tile is multiplied by +1 or -1, a keyed choice per tile (`signs`), so that averaging the
  tiles of one picture, which anyone can do, shows the pilots and not the data.

Spread spectrum: Cox et al., IEEE Trans. Image Processing 6, 1997; periodic tiles and pilots for
synchronization: Kutter, SPIE 3528, 1998, and Pereira and Pun, IEEE Trans. Image Proc. 9, 2000.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np

from watermark import payload as message
from watermark.arrays import Complexes, Floats, Integers

REACH = 28  # highest harmonic, cycles per tile
_LOWEST = 6.4  # lowest harmonic, cycles per tile
_PILOTS = 24
_PILOT_RING = (7.7, 21.8)
_PILOT_SHARE = 0.24  # of the energy
_SLOPE = 0.25  # amplitude of data falls as frequency ** -slope
SIGNS = 16  # the sign table is SIGNS x SIGNS tiles and repeats


@dataclass(frozen=True)
class Tile:
    """Everything about the pattern that follows from the key; `p` is across, `q` down."""

    pilots: Integers  # [n, 2]: p, q
    pilot_phases: Floats
    pilot_amplitudes: Floats
    data: Integers  # [m, 2], by rising frequency
    data_phases: Floats
    data_amplitudes: Floats
    bit_of: Integers  # [m]: which code bit a data harmonic carries
    signs: Floats  # [SIGNS, SIGNS], +1 or -1


def _ring() -> Integers:
    """One of each pair (p, q), (-p, -q) between the lowest and highest frequency."""
    p, q = np.meshgrid(np.arange(-REACH, REACH + 1), np.arange(REACH + 1))
    radius = np.hypot(p, q)
    inside = (radius >= _LOWEST) & (radius <= REACH) & ((q > 0) | (p > 0))
    return np.stack([p[inside], q[inside]], 1).astype(np.int64)


def _choose_pilots(ring: Integers) -> list[int]:
    """The first harmonics of a shuffled ring that keep apart and off the axes."""
    chosen: list[int] = []
    for at, (p, q) in enumerate(ring):
        in_ring = _PILOT_RING[0] <= np.hypot(p, q) <= _PILOT_RING[1]
        apart = all(np.hypot(*(ring[at] - ring[other])) > 2.2 for other in chosen)
        if in_ring and apart and abs(p) > 1 and abs(q) > 1:
            chosen.append(at)
        if len(chosen) == _PILOTS:
            break
    return chosen


def _balanced_signs(key: bytes) -> Floats:
    """As many +1 as -1 in every 2 x 2 block, so that averages over tiles cancel."""
    order = message.keystream(key, "signs", SIGNS * SIGNS).reshape(-1, 4)
    block = np.where(np.argsort(np.argsort(order, axis=1), axis=1) < 2, 1, -1)
    half = SIGNS // 2
    return block.reshape(half, half, 2, 2).swapaxes(1, 2).reshape(SIGNS, SIGNS).astype(np.float32)


@functools.lru_cache(maxsize=8)
def of_key(key: bytes) -> Tile:
    """The tile of a key, always the same."""
    ring = _ring()
    ring = ring[message.permutation(key, "harmonics", len(ring))]
    pilots = _choose_pilots(ring)
    data = np.delete(ring, pilots, axis=0)
    radius = np.hypot(data[:, 0], data[:, 1])
    by_radius = np.argsort(radius, kind="stable")
    data, radius = data[by_radius], radius[by_radius]
    rounds = -(-len(data) // message.CODED_BITS)
    bit_of = np.concatenate(
        [message.permutation(key, f"bits {n}", message.CODED_BITS) for n in range(rounds)]
    )[: len(data)]
    amplitudes = radius**-_SLOPE
    amplitudes *= np.sqrt(2 * (1 - _PILOT_SHARE) / np.sum(amplitudes**2))
    return Tile(
        pilots=ring[pilots],
        pilot_phases=message.phases(key, "pilot phases", len(pilots)),
        pilot_amplitudes=np.full(len(pilots), np.sqrt(2 * _PILOT_SHARE / len(pilots))),
        data=data,
        data_phases=message.phases(key, "data phases", len(data)),
        data_amplitudes=amplitudes,
        bit_of=bit_of,
        signs=_balanced_signs(key),
    )


def grid(height: int, width: int, *, film: bool = False) -> tuple[float, float]:
    """How many tiles a picture holds: rows, columns, not always whole. The same for every key.

    Tiles are square, so that a picture that is only cropped, turned or resized keeps them so.
    Small films have larger ones: what is coarse survives the coding of what moves, and costs less.
    """
    short = min(height, width)
    across = 3 if film and short < 600 else 4
    return across * height / short, across * width / short


def _table(harmonics: Integers, values: Complexes) -> Complexes:
    """Harmonic amplitudes as an array [REACH + 1, 2 REACH + 1], rows q, columns p + REACH."""
    out = np.zeros((REACH + 1, 2 * REACH + 1), np.complex64)
    out[harmonics[:, 1], harmonics[:, 0] + REACH] = values
    return out


def waves(positions: Floats, lowest: int) -> Complexes:
    """exp(2 pi i k x) for harmonics k = lowest..REACH (rows) at positions x (columns)."""
    k = np.arange(lowest, REACH + 1)[:, None]
    turns = (k * np.asarray(positions, np.float64)[None]) % 1.0
    return np.asarray(np.exp(2j * np.pi * turns), np.complex64)


def _synthesize(table: Complexes, across: Complexes, down: Complexes) -> Floats:
    """Sum of the harmonics where these waves run, two real matrix products."""
    right = table @ across
    left = np.concatenate([down.real, -down.imag]).T
    right = np.concatenate([right.real, right.imag])
    return np.asarray(np.ascontiguousarray(left) @ np.ascontiguousarray(right))


def centers(size: int, tiles: float) -> Floats:
    """Tile coordinate of each pixel centre along one side."""
    return (np.arange(size) + 0.5) * (tiles / size)


@functools.lru_cache(maxsize=2)
def _waves_over(size: tuple[int, int], tiles: tuple[float, float]) -> tuple[Complexes, Complexes]:
    """The waves across and down a picture of `size` that holds this many tiles."""
    v, u = (centers(length, count) for length, count in zip(size, tiles, strict=True))
    return waves(u, -REACH), waves(v, 0)


def render(
    tile: Tile,
    pilots: Floats,
    data: Floats,
    size: tuple[int, int],
    tiles: tuple[float, float],
) -> Floats:
    """The pattern over a whole picture [height, width], about unit variance.

    `pilots` and `data` are signed amplitudes, one for each harmonic.
    """
    v, u = (centers(length, count) for length, count in zip(size, tiles, strict=True))
    pilot_table = _table(tile.pilots, pilots * np.exp(1j * tile.pilot_phases))
    data_table = _table(tile.data, data * np.exp(1j * tile.data_phases))
    across, down = _waves_over(size, tiles)
    out = _synthesize(data_table, across, down)
    columns = u.astype(np.int64) % SIGNS
    for row in range(math.ceil(tiles[0])):
        signs = tile.signs[row % SIGNS, columns]
        out[slice(*np.searchsorted(v, [row, row + 1]))] *= signs[None]
    out += _synthesize(pilot_table, across, down)
    return out
