"""Where the tiles are: find rotation, size, aspect and mirroring from the pilots' peaks.

The pilots of a periodic pattern are sharp peaks in the picture's spectrum, at A^T k for harmonic
k when A takes pixels to tile units. In log-polar coordinates rotation and size are shifts, so one
FFT correlation with the known constellation scores them all at once (Reddy and Chatterji, IEEE
Trans. Image Processing 5, 1996), one more for each mirroring and aspect tried. The best are
refined on the spectrum itself and ranked by the pilots' phases, which the key also fixes.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import scipy.fft

from watermark.arrays import Complexes, Floats, Integers, Matrices
from watermark.tile import Tile

_LOWEST = 0.0128  # cycles per pixel: pilots of tiles of 600 pixels
_BINS = 512  # of angle (half a turn) and of log frequency (up to 0.5)
_STEP = np.log(0.5 / _LOWEST) / _BINS
_PEAK_CAP = 14.0
_SHIFTS = 48  # translations tried along each axis of a tile when phases are compared
GRIDS = (4, 5, 6)  # tiles along the shorter side that `tile.grid` may choose
ASPECTS = (0.67, 0.72, 0.77, 0.8, 0.85, 0.9, 0.95, 1.05, 1.11, 1.18, 1.25, 1.33, 1.41, 1.5)


@dataclass(frozen=True)
class Spectrum:
    """The whitened spectrum of a residual, half plane: rows -length/2.., columns 0.."""

    waves: Complexes
    peaks: Floats  # power over its neighborhood's, clipped
    length: int

    def at(self, points: Floats) -> Integers:
        """Flat index of the nearest bin of frequencies [..., 2]; -1 beyond the edge."""
        x, y = points[..., 0] * self.length, points[..., 1] * self.length
        flip = np.where(x < 0, -1.0, 1.0)
        column = np.rint(x * flip).astype(np.intp)
        row = np.rint(y * flip).astype(np.intp) + self.length // 2
        inside = (column < self.peaks.shape[1] - 2) & (row > 1) & (row < self.length - 2)
        return np.where(inside, row * self.peaks.shape[1] + column, -1)


def spectrum(residual: Floats) -> Spectrum:
    """Spectrum of a residual, tapered, centred on the middle of the picture."""
    height, width = residual.shape
    length = int(scipy.fft.next_fast_len(int(1.35 * max(height, width, 640)), real=True))
    length += length % 2
    taper_y = np.sqrt(np.hanning(height + 2)[1:-1]).astype(np.float32)
    taper_x = np.sqrt(np.hanning(width + 2)[1:-1]).astype(np.float32)
    tapered = residual * taper_y[:, None] * taper_x[None]
    padded = np.zeros((length, length), np.float32)
    top, left = height // 2, width // 2
    for rows, to_rows in (
        (slice(top, None), slice(0, height - top)),
        (slice(0, top), slice(length - top, None)),
    ):
        for columns, to_columns in (
            (slice(left, None), slice(0, width - left)),
            (slice(0, left), slice(length - left, None)),
        ):
            padded[to_rows, to_columns] = tapered[rows, columns]
    waves = np.roll(scipy.fft.rfft2(padded), length // 2, axis=0)
    power = waves.real**2 + waves.imag**2
    reach = int(min(101, 2 * round(7 * length / min(height, width)) + 1))
    wrapped = np.pad(power, ((reach, reach), (reach, reach)), mode="reflect")
    around = cv2.blur(wrapped, (reach, reach))[reach:-reach, reach:-reach]
    peaks = np.minimum(power / (around + 1e-9), _PEAK_CAP).astype(np.float32)
    return Spectrum(waves.astype(np.complex64), peaks, length)


def _log_polar(seen: Spectrum) -> Floats:
    """Peaks over angle (rows, half a turn) and log frequency (columns), mean removed."""
    spread = cv2.dilate(seen.peaks, np.ones((3, 3), np.uint8))
    angle = (np.arange(_BINS) * (np.pi / _BINS))[:, None] - np.pi / 2
    radius = seen.length * _LOWEST * np.exp(np.arange(_BINS) * _STEP)[None]
    x = (radius * np.cos(angle)).astype(np.float32)
    y = (radius * np.sin(angle) + seen.length // 2).astype(np.float32)
    out = cv2.remap(spread, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT)
    out -= out.mean(0, keepdims=True)
    return out / (float(out.std()) + 1e-9)


def _constellation(tile: Tile, stretch: Matrices) -> tuple[Floats, Floats, float]:
    """Pilots under `stretch` as an image to correlate, how many are in range, log of the base."""
    points = tile.pilots @ stretch.T
    angle = np.arctan2(points[:, 1], points[:, 0]) % np.pi
    logs = np.log(np.hypot(points[:, 0], points[:, 1]))
    base = float(logs.min())
    columns = np.rint((logs - base) / _STEP).astype(np.intp)
    rows = np.rint(angle / np.pi * _BINS).astype(np.intp) % _BINS
    image = np.zeros((_BINS, 2 * _BINS), np.float32)
    np.add.at(image, (rows, columns), 1)
    count = (np.arange(_BINS)[:, None] + columns[None] < _BINS).sum(1).astype(np.float32)
    return image, count, base


def candidates(
    tile: Tile, seen: Spectrum, stretches: list[Matrices], *, keep: int = 60
) -> tuple[Floats, Matrices]:
    """The likeliest A^T (tile frequencies to pixel frequencies): scores [n], matrices [n, 2, 2].

    All rotations and sizes of each matrix in `stretches` are tried; half a turn is left open.
    """
    polar = np.zeros((_BINS, 2 * _BINS), np.float32)
    polar[:, :_BINS] = _log_polar(seen)
    transform = scipy.fft.rfft2(polar)
    scores: list[Floats] = []
    found: list[Matrices] = []
    for stretch in stretches:
        image, count, base = _constellation(tile, stretch)
        match = scipy.fft.irfft2(transform * np.conj(scipy.fft.rfft2(image)), polar.shape)
        match = match[:, :_BINS] / np.sqrt(np.maximum(count, 1))[None]
        match[:, count < 10] = -9
        best = (match >= cv2.dilate(match, np.ones((7, 7), np.uint8))) & (match > 2.2)
        rows, columns = np.nonzero(best)
        top = np.argsort(match[rows, columns])[::-1][:keep]
        rows, columns = rows[top], columns[top]
        angle = rows * (np.pi / _BINS) - np.pi / 2
        scale = _LOWEST * np.exp(columns * _STEP - base)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        found.append(scale[:, None, None] * np.moveaxis(turn, 2, 0) @ stretch)
        scores.append(match[rows, columns].astype(np.float64))
    score, matrices = np.concatenate(scores), np.concatenate(found)
    top = np.argsort(score)[::-1][:keep]
    return score[top], matrices[top]


def _peak_score(tile: Tile, seen: Spectrum, matrices: Matrices) -> Floats:
    """Excess of power at the pilots, in deviations, bilinear between bins."""
    points = np.einsum("...ij,pj->...pi", matrices, tile.pilots.astype(np.float64)) * seen.length
    flip = np.where(points[..., 0] < 0, -1.0, 1.0)
    x, y = points[..., 0] * flip, points[..., 1] * flip + seen.length // 2
    x0, y0 = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    width = seen.peaks.shape[1]
    inside = (x0 < width - 2) & (y0 > 1) & (y0 < seen.length - 3)
    flat, fx, fy = np.where(inside, y0 * width + x0, 0), x - x0, y - y0
    peaks = seen.peaks.ravel()
    value = (1 - fy) * ((1 - fx) * peaks[flat] + fx * peaks[flat + 1])
    value += fy * ((1 - fx) * peaks[flat + width] + fx * peaks[flat + width + 1])
    count = inside.sum(-1)
    total = np.where(inside, value - 1, 0).sum(-1)
    return np.asarray(np.where(count >= 10, total / np.sqrt(np.maximum(count, 1)), -9.0))


_MOVES = np.array(
    [
        [[1, 0], [0, 1]],
        [[0, -1], [1, 0]],
        [[1, 0], [0, 0]],
        [[0, 1], [0, 0]],
        [[0, 0], [1, 0]],
        [[0, 0], [0, 1]],
    ],
    np.float64,
)  # size, turn, then each entry


def refine(tile: Tile, seen: Spectrum, matrices: Matrices) -> Matrices:
    """Climb to the pilots' peaks from each matrix, all in step, halving the stride."""
    best = _peak_score(tile, seen, matrices)
    stride = 0.006
    moves = np.concatenate([_MOVES, -_MOVES])
    while stride > 2e-4:
        tried = matrices[:, None] + stride * np.einsum("mij,njk->nmik", moves, matrices)
        scores = _peak_score(tile, seen, tried)
        pick = scores.argmax(1)
        at = np.arange(len(matrices))
        better = scores[at, pick] > best
        matrices = np.where(better[:, None, None], tried[at, pick], matrices)
        best = np.maximum(best, scores[at, pick])
        if better.mean() < 0.2:
            stride /= 2
    return matrices


def phase_score(tile: Tile, seen: Spectrum, matrices: Matrices) -> Floats:
    """How well the pilots' phases agree at the best translation, about 1 for noise, at most 5."""
    points = np.einsum("nij,pj->npi", matrices, tile.pilots.astype(np.float64))
    flat = seen.at(points)
    inside = flat >= 0
    waves, peaks = seen.waves.ravel()[flat], seen.peaks.ravel()[flat]
    value = np.where(inside, waves / (np.abs(waves) + 1e-9) * np.sqrt(peaks), 0)
    value = np.where(points[..., 0] < 0, np.conj(value), value)
    value = value * np.exp(-1j * tile.pilot_phases)[None]
    shifts = np.arange(_SHIFTS) / _SHIFTS
    across = np.exp(2j * np.pi * tile.pilots[:, :1] * shifts[None])
    down = np.exp(2j * np.pi * tile.pilots[:, 1:] * shifts[None])
    grid = (across[:, :, None] * down[:, None, :]).reshape(len(tile.pilots), -1)
    left = np.concatenate([value.real, value.imag], 1).astype(np.float32)
    right = np.concatenate([grid.real, -grid.imag]).astype(np.float32)
    match = np.abs(left @ right).max(1)
    return np.asarray(match / np.sqrt(len(tile.pilots)), np.float64)


def ranked(tile: Tile, seen: Spectrum, stretches: list[Matrices]) -> Matrices:
    """The candidates refined, by falling likelihood of place and phase, no two the same."""
    _, matrices = candidates(tile, seen, stretches)
    if not len(matrices):
        return matrices
    matrices = refine(tile, seen, matrices)
    score = 0.25 * _peak_score(tile, seen, matrices) + 3 * phase_score(tile, seen, matrices)
    kept: list[Matrices] = []
    for at in np.argsort(-score):
        one = matrices[at]
        if all(np.abs(one - k).max() > 1e-3 * np.abs(one).max() for k in kept):
            kept.append(one)
    return np.array(kept)


def plain_grids(height: int, width: int) -> Matrices:
    """A^T [n, 2, 2] for pictures that still show the whole grid: any size, mirrored, turned."""
    found: list[Matrices] = []
    for short in GRIDS:
        shape = max(height, width) / min(height, width)
        for long in range(max(short, int(0.55 * short * shape)), int(1.8 * short * shape) + 1):
            rows, columns = (short, long) if height <= width else (long, short)
            for mirror in (1, -1):
                found.append(np.array([[mirror * columns / width, 0], [0, rows / height]]))
                found.append(np.array([[0, columns / width], [mirror * rows / height, 0]]))
    return np.array(found)
