"""From a flattened picture to a payload: try geometries, align, combine tiles, decode.

1. The grids that an uncropped picture can show, ranked by the pilots' phases.
2. Any size and aspect without rotation, mirrored or not, from the spectrum's peaks.
3. Any rotation and size, mirrored or not.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.fft

from watermark import payload as message
from watermark import sync, track
from watermark import tile as tiles
from watermark.arrays import Complexes, Floats, Matrices, View
from watermark.demodulate import (
    combine,
    data_of_tiles,
    offsets,
    pilots_at,
    signs_at,
    soft_bits,
)
from watermark.fold import Folded, fold, see

_FINE = 256  # translations per tile along each axis when aligning
_ALIGNED = 9  # geometries aligned in each stage
_DECODED = 5  # of those, decoded
# The pilots' score below which a place is followed before it is decoded. Noise reaches 4.9, so some
# noise is decoded too: harmlessly, since every attempt counts against what is found.
_CLEAR = 4.8
_TRACKED = 2  # of those, followed tile by tile and decoded again
_LIKELY = 3.2  # deviations from which a place is worth the longer list; one in ten of noise's
_PLACES = 4  # places in the sign table decoded, of all alignments of a stage together


@dataclass(frozen=True)
class Alignment:
    """A geometry with its translation, and how sure the pilots are of it, in deviations."""

    score: float
    view: View
    polarity: float = 1.0


@dataclass(frozen=True)
class Reading:
    """A payload that was read, and where: `view` is for the residual's pixels."""

    payload: bytes
    view: View
    polarity: float
    offset: tuple[int, int]


class Reader:
    """Reads one file with one key, and counts every decode it spends on it."""

    def __init__(
        self, key: bytes, tries: tuple[int, int], *, limit: int = message.MAX_ATTEMPTS
    ) -> None:
        """`tries` messages are tried in a decode, the second number at places that look likely."""
        self.key = key
        self.tries = tries
        self.tile = tiles.of_key(key)
        self.attempts = 0
        self._limit = limit

    def read(self, residual: Floats, seen: sync.Spectrum | None = None) -> Reading | None:
        """The payload in a residual, whatever was done to its geometry, or None.

        `seen` is its spectrum, where that is known: it is the same for every key.
        """
        if float(np.abs(residual).max()) < 1e-3:
            return None  # one flat color
        seen = sync.spectrum(residual) if seen is None else seen
        for matrices, least in self._stages(seen, residual.shape):
            tried = self.align(residual, matrices[:_ALIGNED])
            clear = [aligned for aligned in tried[:_DECODED] if aligned.score > _CLEAR]
            found = self.decode(residual, clear)
            if found is None:
                followed = self._followed(residual, tried[:_TRACKED], least)
                found = self.decode(residual, followed)
            if found is not None:
                return found
        return None

    def _followed(
        self, residual: Floats, places: list[Alignment], least: track.Least
    ) -> list[Alignment]:
        """Those of the places that look like a mark once they are followed tile by tile."""
        views = [
            track.followed(self.tile, residual, each.view, each.polarity, least) for each in places
        ]
        return [
            Alignment(each.score, view, each.polarity)
            for each, view in zip(places, views, strict=True)
            if view is not None
        ]

    def decode(self, residual: Floats, views: list[Alignment]) -> Reading | None:
        """Read a picture at the likeliest places of all the ways it may be aligned."""
        tried: list[tuple[float, Alignment, Folded, Complexes, tuple[int, int]]] = []
        for aligned in views:
            folded = fold(residual, aligned.view)
            values = data_of_tiles(self.tile, folded) * np.float32(aligned.polarity)
            for agreement, offset in offsets(self.tile, folded, values, _PLACES):
                tried.append((agreement, aligned, folded, values, offset))
        tried.sort(key=lambda place: -place[0])
        for agreement, aligned, folded, values, offset in tried[:_PLACES]:
            wanted = self.tries[agreement > _LIKELY]
            tries = min(wanted, self._limit - self.attempts)
            if tries <= 0:
                return None
            soft = soft_bits(self.tile, folded, values, offset)
            payload, count = message.decode(soft, self.key, tries)
            self.attempts += count
            if payload is not None:
                return Reading(payload, aligned.view, aligned.polarity, offset)
        return None

    def align(self, residual: Floats, matrices: Matrices) -> list[Alignment]:
        """The translation for each A^T of `matrices` from the pilots, either way up: best first."""
        if not len(matrices):
            return []
        tried = [
            self._translated(matrix, seen)
            for matrix, seen in zip(matrices, pilots_at(self.tile, residual, matrices), strict=True)
        ]
        return sorted(tried, key=lambda aligned: -aligned.score)

    def _translated(self, matrix: Matrices, seen: Complexes) -> Alignment:
        tile = self.tile
        best = Alignment(0.0, np.eye(3))
        for turn in (1.0, -1.0):
            values = (seen if turn > 0 else np.conj(seen)) * np.exp(-1j * tile.pilot_phases)
            table = np.zeros((_FINE, _FINE // 2 + 1), np.complex64)
            table[tile.pilots[:, 0] % _FINE, tile.pilots[:, 1]] = values
            match = scipy.fft.irfft2(table) * np.float32(_FINE**2 / 2)  # both of each pair of waves
            column, row = np.unravel_index(np.abs(match).argmax(), match.shape)
            noise = np.sqrt((np.abs(values) ** 2).sum() / 2) + 1e-12
            score = float(abs(match[column, row]) / noise)
            if score > best.score:
                polarity = float(np.sign(match[column, row]))
                shift = self._settle(values * polarity, np.array([column, row]) / _FINE)
                moved = np.eye(3)
                moved[:2] = np.concatenate([turn * matrix.T, -shift[:, None]], 1)
                best = Alignment(score, moved, polarity)
        return best

    def _settle(self, values: Complexes, shift: Floats) -> Floats:
        """Move `shift` to the fraction of a sample where the pilots' phases vanish."""
        slope = 2 * np.pi * self.tile.pilots
        for _ in range(3):
            turned = values * np.exp(1j * (slope @ shift))
            weight = np.maximum(turned.real, 0)[:, None]
            normal = (slope * weight).T @ slope + 1e-9 * np.eye(2)
            move = np.linalg.solve(normal, (slope * weight).T @ np.angle(turned))
            shift = shift - np.clip(move, -1 / _FINE, 1 / _FINE)
        return shift

    def _stages(
        self, seen: sync.Spectrum, shape: tuple[int, ...]
    ) -> Iterator[tuple[Matrices, track.Least]]:
        tile, plain = self.tile, sync.plain_grids(shape[0], shape[1])
        yield plain[np.argsort(-sync.phase_score(tile, seen, plain))], track.OF_PLAIN
        yield sync.ranked(tile, seen, sync.upright(tile, seen, shape)), track.OF_SEARCHED
        mirrors = [np.diag([1.0, 1.0]), np.diag([-1.0, 1.0])]
        turned = sync.candidates(tile, seen, mirrors)[1]
        yield sync.ranked(tile, seen, turned), track.OF_SEARCHED

    def agreement(self, residual: Floats, found: Reading) -> float:
        """How well a residual agrees with a payload already read: deviations, 0 without it."""
        folded = fold(residual, found.view)
        values = combine(self.tile, folded, data_of_tiles(self.tile, folded), found.offset).real
        level = values / self.tile.data_amplitudes
        code = self._code(found)
        return float((level * code).sum() / (np.sqrt((level**2).sum()) + 1e-12))

    def _code(self, found: Reading) -> Floats:
        return message.encode(found.payload, self.key)[self.tile.bit_of] * found.polarity

    def region(
        self, residual: Floats, found: Reading, size: tuple[int, ...]
    ) -> tuple[int, int, int, int]:
        """The box of the tiles that show the mark: left, top, width, height.

        In pixels of the picture of `size` (height, width) that the residual was made from.
        """
        folded = fold(residual, found.view)
        values = data_of_tiles(self.tile, folded).real / self.tile.data_amplitudes
        score = signs_at(self.tile, folded, found.offset) * (values @ self._code(found))
        score /= np.linalg.norm(values, axis=1) + 1e-12
        shown = score >= min(3.2, float(score.max()))  # of a hundred tiles without it, none
        columns, rows = folded.columns[shown], folded.rows[shown]
        right, bottom = columns.max() + 1, rows.max() + 1
        u = np.array([columns.min(), right, columns.min(), right], np.float64)
        v = np.array([rows.min(), rows.min(), bottom, bottom], np.float64)
        at = see(np.linalg.inv(found.view), np.stack([u, v])) + 0.5
        scale = np.array([size[1] / residual.shape[1], size[0] / residual.shape[0]])
        low = np.clip(np.floor(at.min(1) * scale), 0, [size[1], size[0]]).astype(int)
        high = np.clip(np.ceil(at.max(1) * scale), 0, [size[1], size[0]]).astype(int)
        return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])
