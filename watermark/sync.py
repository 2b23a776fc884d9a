"""Where the tiles are: find rotation, size, aspect and mirroring from the pilots' peaks.

The pilots of a periodic pattern are sharp peaks in the picture's spectrum, at A^T k for harmonic
k when A takes pixels to tile units. In log-polar coordinates rotation and size are shifts, so one
correlation with the known constellation scores them all at once (Reddy and Chatterji, IEEE Trans.
Image Processing 5, 1996), one more for each mirroring and aspect tried. The best are
refined on the spectrum itself and ranked by the pilots' phases, which the key also fixes.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import scipy.fft
import scipy.signal

from watermark.arrays import Complexes, Floats, Integers, Matrices
from watermark.tile import Tile

_LOWEST = 0.0128  # cycles per pixel: pilots of tiles of 600 pixels
_BINS = 1024  # of angle (half a turn) and of log frequency (up to 0.5)
_STEP = np.log(0.5 / _LOWEST) / _BINS
_PEAK_CAP = 14.0
_PADDED = 1.5  # length of the transform, in sides of the picture
_TAPER = 0.2  # share of a side over which the picture fades out
_SHIFTS = 48  # translations tried along each axis of a tile when phases are compared
_KEPT = 200  # places that a search hands on
_REFINED = 40  # of those, refined
_PILOTS_SEEN = 10  # fewest that must lie inside the spectrum
_STRIDE = 0.7  # bins of the spectrum between the places tried for a pilot
_TOGETHER = 64  # widths, or angles, scored together: what is summed stays in the processor's cache
_FEWEST, _MOST = 1.1, 12.0  # tiles along the shorter side of what is searched
_SLIMMEST = 1.6  # most that a tile's sides may differ
GRIDS = (3, 4, 5)  # tiles along the shorter side that `tile.grid` chooses, or did once


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
    length = int(scipy.fft.next_fast_len(int(_PADDED * max(height, width, 640)), real=True))
    length += length % 2
    down, across = (
        scipy.signal.windows.tukey(n, _TAPER).astype(np.float32) for n in (height, width)
    )
    tapered = residual * down[:, None] * across[None]
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
    angle = (np.arange(_BINS) * (np.pi / _BINS))[:, None] - np.pi / 2
    radius = seen.length * _LOWEST * np.exp(np.arange(_BINS) * _STEP)[None]
    x = (radius * np.cos(angle)).astype(np.float32)
    y = (radius * np.sin(angle) + seen.length // 2).astype(np.float32)
    out = cv2.remap(seen.peaks, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    out -= out.mean(0, keepdims=True)
    spread = out.std(0, keepdims=True)
    return np.asarray(out / (spread + 0.05 * float(spread.max()) + 1e-9))


def _constellation(tile: Tile, stretch: Matrices) -> tuple[Integers, Integers, float]:
    """Pilots under `stretch` as rows and columns of the log-polar plane, and the log of the base.

    The lowest pilot is in column 0.
    """
    points = tile.pilots @ stretch.T
    angle = np.arctan2(points[:, 1], points[:, 0]) % np.pi
    logs = np.log(np.hypot(points[:, 0], points[:, 1]))
    base = float(logs.min())
    columns = np.rint((logs - base) / _STEP).astype(np.intp)
    return np.rint(angle / np.pi * _BINS).astype(np.intp) % _BINS, columns, base


def _correlation(polar: Floats, rows: Integers, columns: Integers) -> Floats:
    """The sum of a log-polar plane at places that are moved together over all of it.

    Angles go around; what lies beyond the highest frequency counts as nothing.
    """
    around = np.zeros((2 * _BINS, _BINS + int(columns.max())), np.float32)
    around[:_BINS, :_BINS] = around[_BINS:, :_BINS] = polar
    total = np.zeros((_BINS, _BINS), np.float32)
    for top in range(0, _BINS, _TOGETHER):
        some = total[top : top + _TOGETHER]
        for row, column in zip(top + rows, columns, strict=True):
            some += around[row : row + _TOGETHER, column : column + _BINS]
    return total


def candidates(
    tile: Tile, seen: Spectrum, stretches: list[Matrices], *, keep: int = _KEPT
) -> tuple[Floats, Matrices]:
    """The likeliest A^T (tile frequencies to pixel frequencies): scores [n], matrices [n, 2, 2].

    All rotations and sizes of each matrix in `stretches` are tried; half a turn is left open.
    """
    polar = _log_polar(seen)
    scores: list[Floats] = []
    found: list[Matrices] = []
    for stretch in stretches:
        rows, columns, base = _constellation(tile, stretch)
        count = (np.arange(_BINS)[:, None] + columns[None] < _BINS).sum(1)
        match = _correlation(polar, rows, columns)
        match *= (1 / np.sqrt(np.maximum(count, 1))).astype(np.float32)
        match[:, count < _PILOTS_SEEN] = -9
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


def upright(tile: Tile, seen: Spectrum, size: tuple[int, ...], *, keep: int = _KEPT) -> Matrices:
    """The likeliest A^T among those without rotation: any size, aspect and mirroring.

    Every pair of tile widths and heights is tried, in steps that move the pilots by less than
    the width of their peaks.
    """
    pilots = tile.pilots * np.where(tile.pilots[:, :1] < 0, -1, 1)
    step = _STRIDE / (np.abs(pilots).max() * seen.length)
    short = min(size)
    widths = np.arange(_FEWEST / short, _MOST / short, step)
    heights = np.concatenate([-widths[::-1], widths])
    columns = np.rint(widths[:, None] * pilots[:, 0] * seen.length).astype(np.intp)
    rows = np.rint(heights[:, None] * pilots[:, 1] * seen.length).astype(np.intp)
    wide, half = seen.peaks.shape[1], seen.length // 2
    beyond, outside = columns > wide - 2, np.abs(rows) > half - 2
    excess = np.pad(seen.peaks - 1, ((0, 0), (0, 1)))
    excess[0] = 0  # what lies beyond the edge is read in the first row and past the last column
    columns, rows = np.where(beyond, wide, columns), np.where(outside, 0, rows + half)
    scores = np.full((len(widths), len(heights)), -9.0, np.float32)
    for at in range(0, len(widths), _TOGETHER):
        some = slice(at, at + _TOGETHER)
        low, high = widths[some] / _SLIMMEST, widths[some] * _SLIMMEST
        for least, most in ((low, high), (-high, -low)):
            these = slice(*np.searchsorted(heights, [least.min(), most.max()]))
            total = _total(excess, rows[these], columns[some])
            count = (~outside[these]).astype(np.float32) @ (~beyond[some]).astype(np.float32).T
            tall = heights[these, None]
            fits = (tall >= least) & (tall < most) & (count >= _PILOTS_SEEN)
            value = np.where(fits, total / np.sqrt(np.maximum(count, 1)), -9)
            scores[some, these] = np.maximum(scores[some, these], value.T)
    best = (scores >= cv2.dilate(scores, np.ones((5, 5), np.uint8))) & (scores > 2.2)
    at_width, at_height = np.nonzero(best)
    top = np.argsort(scores[at_width, at_height])[::-1][:keep]
    found = np.zeros((len(top), 2, 2))
    found[:, 0, 0] = widths[at_width[top]]
    found[:, 1, 1] = heights[at_height[top]]
    return found


def _total(values: Floats, rows: Integers, columns: Integers) -> Floats:
    """The sum over k of values[rows[:, k], columns[:, k]] for every pair [rows, columns]."""
    total = np.zeros((len(rows), len(columns)), values.dtype)
    for down, across in zip(rows.T, columns.T, strict=True):
        top = int(down.min())
        total += values[top : down.max() + 1].take(across, axis=1)[down - top]
    return total


def _peak_score(tile: Tile, seen: Spectrum, matrices: Matrices) -> Floats:
    """Excess of power at the pilots, in deviations, bilinear between bins."""
    points = matrices @ (tile.pilots.T * float(seen.length))
    x, y = points[..., 0, :], points[..., 1, :]
    flip = np.copysign(1.0, x)
    x, y = np.abs(x), y * flip + seen.length // 2
    x0, y0 = x.astype(np.intp), np.floor(y).astype(np.intp)
    width = seen.peaks.shape[1]
    inside = (x0 < width - 2) & (y0 > 1) & (y0 < seen.length - 3)
    flat, fx, fy = np.where(inside, y0 * width + x0, 0), x - x0, y - y0
    peaks = seen.peaks.ravel()
    value = (1 - fy) * ((1 - fx) * peaks[flat] + fx * peaks[flat + 1])
    value += fy * ((1 - fx) * peaks[flat + width] + fx * peaks[flat + width + 1])
    count = inside.sum(-1)
    total = np.where(inside, value - 1, 0).sum(-1)
    return np.asarray(np.where(count >= _PILOTS_SEEN, total / np.sqrt(np.maximum(count, 1)), -9.0))


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


def ranked(tile: Tile, seen: Spectrum, matrices: Matrices) -> Matrices:
    """The likeliest of `matrices`, refined, by falling agreement of place and phase, no two the
    same."""
    if not len(matrices):
        return matrices
    first = np.argsort(-_score(tile, seen, matrices))[:_REFINED]
    matrices = refine(tile, seen, matrices[first])
    kept: list[Matrices] = []
    for at in np.argsort(-_score(tile, seen, matrices)):
        one = matrices[at]
        if all(np.abs(one - k).max() > 1e-3 * np.abs(one).max() for k in kept):
            kept.append(one)
    return np.array(kept)


def _score(tile: Tile, seen: Spectrum, matrices: Matrices) -> Floats:
    places, phases = _peak_score(tile, seen, matrices), phase_score(tile, seen, matrices)
    return np.asarray(0.25 * places + 3 * phases)


def plain_grids(height: int, width: int) -> Matrices:
    """A^T [n, 2, 2] for pictures that still show the whole grid: any size, mirrored, turned."""
    found: list[Matrices] = []
    for across in GRIDS:
        side = across / min(height, width)
        for mirror in (1, -1):
            found.append(np.array([[mirror * side, 0], [0, side]]))
            found.append(np.array([[0, side], [mirror * side, 0]]))
    return np.array(found)
