"""One payload laid over the frames of a film, its strength following the scene."""

import dataclasses
from typing import Any

import cv2
import numpy as np

from watermark import film, informed, mask
from watermark.arrays import Floats, Luma

LIMITS = mask.Limits(0.985, 44.0)
_CELL = 16  # pixels the mask treats as one
_EVERY = 4  # frames between looks at the scene
_CUT = 12.0  # mean change of gray levels that counts as a new scene
_FINEST = 120  # pixels of a tile in which its pattern is drawn; larger films get it enlarged


class Marker:
    """Marks frames of one size in place; they come in order."""

    def __init__(self, payload: bytes, key: bytes, height: int, width: int) -> None:
        self._size = (height, width)
        mark = informed.mark_of(payload, key, height, width, film=True)
        self._shrunk = _shrunk(height, width, height / mark.grid[0])
        small = (height // self._shrunk, width // self._shrunk)
        self._mark = dataclasses.replace(mark, size=small)
        self._frames = 0
        self._thumb: Floats | None = None
        self._gain: Floats | None = None
        self._strength = 0.0
        self._pattern: Floats | None = None
        self._change: Floats | None = None  # of every pixel, in gray levels of eight bits
        self._more: Luma = np.zeros((0, 0), np.uint8)
        self._less: Luma = self._more
        self._energy = 0.0
        self._looks = 0

    def mark(self, frame: Any) -> None:
        """Add the mark to the luma of a writable frame."""
        luma, depth = film.luma_plane(frame), frame.format.components[0].bits
        change = self._next(film.eight_bits(frame))
        if luma.dtype == np.uint8:
            cv2.add(luma, self._more, dst=luma)
            cv2.subtract(luma, self._less, dst=luma)
            return
        marked = np.rint(luma + change * np.float32(1 << (depth - 8)))
        luma[...] = np.clip(marked, 0, (1 << depth) - 1, out=marked).astype(np.uint16)

    def psnr_db(self) -> float:
        """Of the mark alone, over the frames so far."""
        return float(10 * np.log10(255**2 / max(self._energy / max(self._looks, 1), 1e-9)))

    def _next(self, luma: Luma) -> Floats:
        """What to add to this frame's luma [height, width], in gray levels of eight bits."""
        if self._change is None or self._frames % _EVERY == 0:
            self._change = self._follow(luma)
            if self._shrunk > 1:
                size = (luma.shape[1], luma.shape[0])
                self._change = cv2.resize(self._change, size, interpolation=cv2.INTER_CUBIC)
            zero = np.zeros_like(self._change)  # both differences saturate at zero
            self._more = cv2.subtract(self._change, zero, dtype=cv2.CV_8U)
            self._less = cv2.subtract(zero, self._change, dtype=cv2.CV_8U)
            self._energy += float(np.mean(self._change[::4, ::4] ** 2))
            self._looks += 1
        self._frames += 1
        return self._change

    def _follow(self, luma: Luma) -> Floats:
        """The change for a scene, in gray levels of eight bits, as small as it is drawn."""
        rows, columns = (-(-length // _CELL) for length in self._size)
        height, width = self._mark.size
        seen = luma
        if self._shrunk > 1:
            seen = np.asarray(cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA))
        thumb = cv2.resize(seen, (32, 18), interpolation=cv2.INTER_AREA).astype(np.float32)
        cut = self._thumb is None or float(np.abs(thumb - self._thumb).mean()) > _CUT
        self._thumb = thumb
        gain = mask.coarse_gain(seen, columns, rows)
        if self._gain is not None and not cut:
            gain = np.float32(0.6) * self._gain + np.float32(0.4) * gain
        self._gain = gain
        full = cv2.resize(gain, (width, height), interpolation=cv2.INTER_LINEAR)
        if cut or self._pattern is None:
            whole = cv2.resize(gain, luma.shape[::-1], interpolation=cv2.INTER_LINEAR)
            self._strength = mask.strength(luma, whole, LIMITS)
            self._pattern = informed.shaped(self._mark, seen, full, self._strength)
        return np.asarray(cv2.multiply(full, self._pattern, scale=self._strength))


def _shrunk(height: int, width: int, tile: float) -> int:
    """How many times smaller a pattern is drawn: half where both sides are even, tiles still fine.

    No smaller, however large the film: that was measured at 1080 lines alone.
    """
    return 2 if tile / _FINEST >= 2 and height % 2 == width % 2 == 0 else 1
