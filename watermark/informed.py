"""The change that marks a picture: strength by what it hides, amplitudes by what it contains.

What the picture itself contributes to each harmonic is noise to a detector, and known to the
embedder, so most of it is cancelled: improved spread spectrum (Malvar and Florencio, IEEE Trans.
Signal Processing 51, 2003).
"""

from dataclasses import dataclass

import cv2
import numpy as np

from watermark import demodulate, mask, tile
from watermark import payload as message
from watermark.arrays import Floats, Integers, Luma, View
from watermark.fold import fold

_CANCEL = 0.7  # share of the picture's own contribution that is cancelled where it can be
_LOOKED_AT_PIXELS = 0.55e6
_RING = 90  # harmonics of near frequency that are judged together


@dataclass(frozen=True)
class Mark:
    """One payload under one key, ready to be rendered over pictures of one size."""

    tile: tile.Tile
    code: Floats  # +1 or -1 for each data harmonic
    size: tuple[int, int]  # height, width
    grid: tuple[float, float]  # rows, columns of tiles

    def render(self, pilots: Floats, data: Floats) -> Floats:
        """The pattern with these amplitudes, over the whole picture."""
        return tile.render(self.tile, pilots, data * self.code, self.size, self.grid)

    def plain(self) -> Floats:
        """The pattern as the key alone defines it, about unit variance."""
        return self.render(self.tile.pilot_amplitudes, self.tile.data_amplitudes)

    def cell(self) -> int:
        """Pixels that the mask may treat as one: a thirty-second of a tile."""
        rows, columns = self.grid
        return max(2, round(min(self.size[0] / rows, self.size[1] / columns) / 32))


def mark_of(payload: bytes, key: bytes, height: int, width: int, *, film: bool = False) -> Mark:
    """The mark of a payload for pictures, or the frames of a film, of this size."""
    shape = tile.of_key(key)
    code = message.encode(payload, key)[shape.bit_of]
    return Mark(shape, code, (height, width), tile.grid(height, width, film=film))


def working(luma: Luma, pixels: float) -> Luma:
    """The picture no larger than about `pixels`, as detectors look at it."""
    scale = float(np.sqrt(pixels / luma.size))
    if scale >= 0.95:
        return luma
    height, width = luma.shape
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)


def shaped(mark: Mark, luma: Luma, gain: Floats, strength: float) -> Floats:
    """The pattern for this picture, before the mask: harmonics the picture favours get less.

    `gain` [height, width] and `strength` are those the pattern will be multiplied with.
    """
    plain = mark.plain()
    cv2.multiply(plain, gain, dst=plain, scale=strength)
    marked = np.asarray(cv2.add(luma, plain, dtype=cv2.CV_8U), np.uint8)
    seen = working(marked, _LOOKED_AT_PIXELS)
    folded = fold(mask.residual(seen), plain_view(mark.grid, seen.shape))
    data = demodulate.combine(
        mark.tile, folded, demodulate.data_of_tiles(mark.tile, folded), (0, 0)
    )
    pilots = demodulate.pick(folded.harmonics.sum(0), mark.tile.pilots)
    pilots = pilots * np.exp(-1j * mark.tile.pilot_phases)
    pattern = mark.render(
        _cancelled(pilots.real, mark.tile.pilot_amplitudes, mark.tile.pilots),
        _cancelled(data.real * mark.code, mark.tile.data_amplitudes, mark.tile.data),
    )
    some = gain[::2, ::2]
    energy = float(np.mean((pattern[::2, ::2] * some) ** 2))
    pattern *= np.float32(np.sqrt(float(np.mean(some**2)) / max(energy, 1e-9)))
    return pattern


def plain_view(grid: tuple[float, float], size: tuple[int, ...]) -> View:
    """From pixel to tile units for a whole, unaltered picture."""
    down, across = grid[0] / size[0], grid[1] / size[1]
    return np.array([[across, 0, across / 2], [0, down, down / 2], [0, 0, 1]])


def _cancelled(seen: Floats, amplitudes: Floats, harmonics: Integers) -> Floats:
    """Amplitudes of the same total energy that make what is seen nearly even."""
    out = amplitudes.copy()
    order = np.argsort(np.hypot(harmonics[:, 0], harmonics[:, 1]), kind="stable")
    for ring in np.array_split(order, max(1, len(order) // _RING)):
        wanted = amplitudes[ring]
        energy = float(np.mean(wanted**2))
        scale = max(float(np.mean(seen[ring] * wanted)) / energy, 1e-6)
        host = seen[ring] / scale - wanted
        share = _CANCEL * min(1.0, energy / (float(np.mean(host**2)) + 1e-9))
        out[ring] = np.clip(wanted - share * host, 0.05 * wanted, 4 * wanted)
    return np.asarray(out * np.sqrt(np.sum(amplitudes**2) / np.sum(out**2)))
