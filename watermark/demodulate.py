"""From a folded picture to soft code bits: where in the sign table, and what each bit says."""

import numpy as np

from watermark import payload as message
from watermark.arrays import Complexes, Floats, Integers
from watermark.fold import Folded
from watermark.tile import REACH, SIGNS, Tile

_RINGS = 12  # groups of harmonics of near frequency that share a noise level


def pick(table: Complexes, harmonics: Integers) -> Complexes:
    """Values of chosen harmonics from tables [..., REACH + 1, 2 REACH + 1]."""
    return np.asarray(table[..., harmonics[:, 1], harmonics[:, 0] + REACH])


def data_of_tiles(tile: Tile, folded: Folded) -> Complexes:
    """Data harmonics of each tile [tiles, m], the key's phases removed: the mark is real."""
    turned = pick(folded.harmonics, tile.data) * np.exp(-1j * tile.data_phases)
    return turned.astype(np.complex64)


def signs_at(tile: Tile, folded: Folded, offset: tuple[int, int]) -> Floats:
    """The sign of each folded tile if the first tile of the picture is at `offset`."""
    rows = (folded.rows + offset[0]) % SIGNS
    columns = (folded.columns + offset[1]) % SIGNS
    return np.asarray(tile.signs[rows, columns])


def combine(tile: Tile, folded: Folded, values: Complexes, offset: tuple[int, int]) -> Complexes:
    """The tiles' data harmonics added up [m], each with the sign it was given."""
    return np.asarray(signs_at(tile, folded, offset) @ values)


def offsets(tile: Tile, folded: Folded, values: Complexes, keep: int) -> list[tuple[int, int]]:
    """The likeliest places in the sign table, best first, no two with the same signs."""
    places = [(row, column) for row in range(SIGNS) for column in range(SIGNS)]
    signs = np.stack([signs_at(tile, folded, place) for place in places])
    order = np.argsort(-_agreement(tile, signs @ values.real))
    chosen: list[tuple[int, int]] = []
    seen: set[bytes] = set()
    for at in order:
        pattern = (signs[at] * signs[at, 0]).tobytes()
        if pattern not in seen:
            seen.add(pattern)
            chosen.append(places[at])
        if len(chosen) == keep:
            break
    return chosen


def _agreement(tile: Tile, together: Floats) -> Floats:
    """How far harmonics that carry the same code bit agree, for each hypothesis (row).

    Power alone would not do: the embedder cancels the picture's share only at the right place.
    """
    level = together / (np.abs(together).mean(1, keepdims=True) + 1e-12)
    carries = np.zeros((len(tile.bit_of), message.CODED_BITS), np.float32)
    carries[np.arange(len(tile.bit_of)), tile.bit_of] = 1
    sums = level.astype(np.float32) @ carries
    return np.asarray((sums**2).sum(1) - (level**2).sum(1))


def soft_bits(tile: Tile, values: Complexes) -> Floats:
    """Log-likelihood ratio of each code bit from combined data harmonics [m].

    Noise is measured on the imaginary part, ring by ring of frequency; the mark is in the real.
    """
    soft = np.empty(len(values))
    for ring in np.array_split(np.arange(len(values)), _RINGS):
        noise = float(np.mean(values[ring].imag ** 2)) + 1e-12
        power = float(np.mean(values[ring].real ** 2)) - noise
        amplitude = np.sqrt(max(power, 0.02 * noise))
        soft[ring] = 2 * amplitude * values[ring].real / noise
    return np.bincount(tile.bit_of, soft, message.CODED_BITS)
