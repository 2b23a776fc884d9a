"""From a folded picture to soft code bits: where in the sign table, and what each bit says."""

import cv2
import numpy as np

from watermark import payload as message
from watermark.arrays import Complexes, Floats, Integers, Matrices
from watermark.fold import Folded
from watermark.tile import REACH, SIGNS, Tile

_TRUST = 0.3  # power by which a tile of less energy, which is mostly noise, counts for more
_NOISE_NEAR, _MARK_NEAR = 3.0, 5.0  # deviations, in harmonics, of the averages that measure
_AT_ONCE = 32  # pixels whose waves are one product apart
_LEAST_MARK = 0.3  # of the noise's power: what is heard of the mark is too unsure below


def pick(table: Complexes, harmonics: Integers) -> Complexes:
    """Values of chosen harmonics from tables [..., REACH + 1, 2 REACH + 1]."""
    return np.asarray(table[..., harmonics[:, 1], harmonics[:, 0] + REACH])


def pilots_at(tile: Tile, residual: Floats, matrices: Matrices) -> Complexes:
    """What a picture [height, width] holds at the pilots under each A^T [n, 2, 2]: [n, pilots]."""
    at = np.einsum("nij,pj->npi", matrices, tile.pilots).reshape(-1, 2)
    down, across = (
        _turning(n, at[:, way]) for way, n in ((1, residual.shape[0]), (0, residual.shape[1]))
    )
    seen = residual @ np.concatenate([across.real, across.imag], 1).astype(np.float32)
    lines = seen[:, : len(at)] + 1j * seen[:, len(at) :]
    return np.asarray((lines * down).sum(0).reshape(len(matrices), -1))


def _turning(length: int, frequencies: Floats) -> Complexes:
    """exp(-2 pi i x f) for x = 0..length - 1 (rows): products of few, an exponential costs ten."""
    slow, fast = (
        np.exp(-2j * np.pi * x[:, None] * frequencies)
        for x in (np.arange(0, length, _AT_ONCE), np.arange(_AT_ONCE))
    )
    return np.asarray((slow[:, None] * fast[None]).reshape(-1, len(frequencies))[:length])


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


def offsets(
    tile: Tile, folded: Folded, values: Complexes, keep: int
) -> list[tuple[float, tuple[int, int]]]:
    """The likeliest places in the sign table, best first, no two with the same signs.

    With each, by how many deviations its harmonics agree better than at the mean place.
    """
    places = [(row, column) for row in range(SIGNS) for column in range(SIGNS)]
    signs = np.stack([signs_at(tile, folded, place) for place in places])
    agreement = _agreement(tile, signs @ values.real)
    agreement = (agreement - agreement.mean()) / (agreement.std() + 1e-12)
    chosen: list[tuple[float, tuple[int, int]]] = []
    seen: set[bytes] = set()
    for at in np.argsort(-agreement):
        pattern = (signs[at] * signs[at, 0]).tobytes()
        if pattern not in seen:
            seen.add(pattern)
            chosen.append((float(agreement[at]), places[at]))
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


def soft_bits(tile: Tile, folded: Folded, values: Complexes, offset: tuple[int, int]) -> Floats:
    """Log-likelihood ratio of each code bit, tiles at `offset` in the sign table.

    The noise of a harmonic is what the tiles hold there, averaged over near harmonics; what is
    left of the mark is the excess of real parts, where the mark is, over imaginary ones.
    """
    power = values.real**2 + values.imag**2
    energy = power.mean(1)
    trust = (1 / (energy / (energy.mean() + 1e-12) + 0.3)) ** _TRUST
    together = (signs_at(tile, folded, offset) * trust) @ values
    noise = _near(tile, (trust**2) @ power / 2, _NOISE_NEAR) + 1e-12
    excess = _near(tile, together.real**2 - together.imag**2, _MARK_NEAR)
    amplitude = np.sqrt(np.maximum(excess, _LEAST_MARK * noise))
    return np.bincount(tile.bit_of, 2 * amplitude * together.real / noise, message.CODED_BITS)


def _near(tile: Tile, values: Floats, reach: float) -> Floats:
    """Each harmonic's value averaged with those near it in the plane of (p, q)."""
    p, q = tile.data[:, 0], tile.data[:, 1]
    plane = np.zeros((2, 2 * REACH + 1, 2 * REACH + 1), np.float32)
    for turn in (1, -1):
        plane[0, turn * q + REACH, turn * p + REACH] = values
        plane[1, turn * q + REACH, turn * p + REACH] = 1
    total, count = (cv2.GaussianBlur(x, (0, 0), reach) for x in plane)
    return np.asarray((total / np.maximum(count, 1e-6))[q + REACH, p + REACH])
