"""A picture seen in tile coordinates: resampled so that each tile is one block, then analyzed.

A *view* is a 3 x 3 matrix that takes pixel coordinates (x, y, 1), whole numbers at centres, to
tile coordinates (u, v) up to a common factor.
"""

import functools
from dataclasses import dataclass

import cv2
import numpy as np

from watermark.arrays import Complexes, Floats, Integers, View
from watermark.tile import REACH, waves

_MOST_SAMPLES = 6_000_000
_MOST_TILES = 64  # along either side


@dataclass(frozen=True)
class Folded:
    """A picture seen in tile coordinates: harmonics of each tile and how much of it was seen."""

    harmonics: Complexes  # [tiles, REACH + 1, 2 REACH + 1]
    rows: Integers  # tile row of each
    columns: Integers


@dataclass(frozen=True)
class Sampled:
    """The same, but only chosen harmonics of each tile."""

    values: Complexes  # [tiles, n]
    rows: Integers
    columns: Integers


def see(view: View, points: Floats) -> Floats:
    """Where points [2, n] of a picture lie in tile coordinates."""
    out = view @ np.concatenate([points, np.ones((1, points.shape[1]))])
    return np.asarray(out[:2] / out[2:])


def fold(residual: Floats, view: View) -> Folded:
    """Resample a picture into tiles and take the harmonics of each."""
    blocks, rows, columns = _blocks(residual, view)
    return Folded(_analyze(blocks), rows, columns)


def sample(residual: Floats, view: View, harmonics: Integers) -> Sampled:
    """As `fold`, a few harmonics [n, 2] only, in less than half the time."""
    canvas, size, rows, columns = _resampled(residual, view)
    at = (np.arange(size) + 0.5) / size
    (across, which), (down, under) = (
        np.unique(harmonics[:, way], return_inverse=True) for way in (0, 1)
    )
    wide = canvas.reshape(-1, size) @ _parts(np.exp(-2j * np.pi * at[:, None] * across), 1)
    wide = wide.reshape(-1, size, canvas.shape[1] // size * 2 * len(across))
    both = _parts(np.exp(-2j * np.pi * down[:, None] * at), 0) @ wide
    real, imaginary = both.reshape(len(wide), 2, len(down), -1, 2, len(across)).swapaxes(0, 1)
    table = real[:, :, :, 0] - imaginary[:, :, :, 1]
    table = table + np.complex64(1j) * (real[:, :, :, 1] + imaginary[:, :, :, 0])
    values = table.swapaxes(1, 2).reshape(-1, len(down), len(across))[:, under, which]
    return Sampled(values * np.float32(1 / size), rows, columns)


def _parts(waves: Complexes, axis: int) -> Floats:
    """Real parts, then imaginary ones."""
    return np.concatenate([waves.real, waves.imag], axis).astype(np.float32)


def _blocks(residual: Floats, view: View) -> tuple[Floats, Integers, Integers]:
    """The tiles of a picture [n, size, size], with the row and column of each."""
    canvas, size, rows, columns = _resampled(residual, view)
    down, across = (length // size for length in canvas.shape)
    blocks = canvas.reshape(down, size, across, size).swapaxes(1, 2).reshape(-1, size, size)
    return blocks, rows, columns


def _resampled(residual: Floats, view: View) -> tuple[Floats, int, Integers, Integers]:
    """A picture with `size` samples a side for each tile, and the row and column of each tile."""
    height, width = residual.shape
    x = np.array([-0.5, width - 0.5, -0.5, width - 0.5])
    y = np.array([-0.5, -0.5, height - 0.5, height - 0.5])
    seen = see(view, np.stack([x, y]))
    first = np.floor(seen.min(1) + 0.1).astype(np.int64)
    count = np.ceil(seen.max(1) - 0.1).astype(np.int64) - first
    columns, rows = (int(n) for n in np.clip(count, 1, _MOST_TILES))
    middle = see(view, np.array([[width / 2, width / 2 + 1, width / 2], [height / 2] * 3]))
    below = see(view, np.array([[width / 2], [height / 2 + 1]]))
    across, down = middle[:, 1] - middle[:, 0], below[:, 0] - middle[:, 0]
    pixels = 1 / np.sqrt(abs(across[0] * down[1] - across[1] * down[0]) + 1e-12)
    size = int(np.clip(32 * np.ceil(pixels / 32), 64, 256))
    while size > 32 and columns * rows * size * size > _MOST_SAMPLES:
        size -= 32
    to_samples = np.array(
        [[size, 0, -size * first[0] - 0.5], [0, size, -size * first[1] - 0.5], [0, 0, 1]]
    )
    matrix = to_samples @ view
    warp = cv2.warpPerspective if np.any(matrix[2, :2]) else cv2.warpAffine
    canvas = warp(
        residual,
        matrix if np.any(matrix[2, :2]) else matrix[:2],
        (columns * size, rows * size),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
    )
    v, u = np.divmod(np.arange(rows * columns), columns)
    return canvas, size, v + first[1], u + first[0]


@functools.lru_cache(maxsize=16)
def _bases(size: int) -> tuple[Floats, Floats]:
    """Waves down [2 (REACH + 1), size] and across [size, 2 (2 REACH + 1)], real then imaginary."""
    at = (np.arange(size) + 0.5) / size
    down, across = np.conj(waves(at, 0)), np.conj(waves(at, -REACH)).T
    return (
        np.ascontiguousarray(np.concatenate([down.real, down.imag])),
        np.ascontiguousarray(np.concatenate([across.real, across.imag], 1)),
    )


def _analyze(blocks: Floats) -> Complexes:
    """Harmonics of blocks [n, size, size] -> [n, REACH + 1, 2 REACH + 1], per sample."""
    count, size = blocks.shape[:2]
    down, across = _bases(size)
    width = across.shape[1]
    wide = (blocks.reshape(-1, size) @ across).reshape(count, size, width)
    stacked = np.ascontiguousarray(wide.transpose(1, 0, 2)).reshape(size, -1)
    real, imaginary = (down @ stacked).reshape(2, REACH + 1, count, width)
    half = width // 2
    out = real[..., :half] - imaginary[..., half:] + 1j * (real[..., half:] + imaginary[..., :half])
    return np.asarray(out.transpose(1, 0, 2) * np.float32(1 / size), np.complex64)
