"""A draft's slate: burnt into every picture, so that no frame of it can be taken for the film."""

from typing import Any

import cv2
import numpy as np

from watermark import film
from watermark.arrays import Luma

BAND = 0.09  # of the height, at the top and at the bottom
VEIL = 0.35  # how much of the large word stands over the picture


class Slate:
    """One line of text over frames of one size; the large word across the middle."""

    def __init__(self, text: str) -> None:
        self._text = text.encode("ascii", "replace").decode()
        self._layer: tuple[Luma, Luma] | None = None

    def draw(self, frame: Any) -> None:
        """Burn the slate into the luma of a writable frame, before it is marked."""
        luma, depth = film.luma_plane(frame), frame.format.components[0].bits
        shift = depth - 8
        if self._layer is None or self._layer[0].shape != luma.shape:
            self._layer = _layer(self._text, luma.shape[0], luma.shape[1])
        solid, word = self._layer
        band = solid > 0
        luma[band] = (solid[band].astype(luma.dtype) - 1) << shift
        veiled = luma[word > 0].astype(np.float32)
        white = np.float32(235 << shift)
        luma[word > 0] = (veiled + (white - veiled) * VEIL).astype(luma.dtype)

    def draw_on(self, pixels: Luma) -> None:
        """Burn the slate into a picture [height, width, 3]."""
        solid, word = _layer(self._text, pixels.shape[0], pixels.shape[1])
        pixels[solid > 0] = (solid[solid > 0] - 1)[:, None]
        veiled = pixels[word > 0].astype(np.float32)
        pixels[word > 0] = (veiled + (235 - veiled) * VEIL).astype(np.uint8)


def _layer(text: str, height: int, width: int) -> tuple[Luma, Luma]:
    """Lay out bands (a gray level and one, nought: none) and the word for frames of one size."""
    solid = np.zeros((height, width), np.uint8)
    tall = max(8, round(height * BAND))
    for top in (0, height - tall):
        solid[top : top + tall] = 17
        _write(solid[top : top + tall], text, 236)
    word = np.zeros((height, width), np.uint8)
    middle = word[height // 3 : height - height // 3]
    _write(middle, "DRAFT", 255)
    return solid, word


def _write(area: Luma, text: str, level: int) -> None:
    """Write text as large as it fits into an area, in its middle."""
    height, width = area.shape
    font = cv2.FONT_HERSHEY_SIMPLEX
    (wide, high), _ = cv2.getTextSize(text, font, 1.0, 2)
    scale = min(width * 0.92 / wide, height * 0.6 / high)
    thick = max(1, round(scale * 2))
    (wide, high), _ = cv2.getTextSize(text, font, scale, thick)
    canvas = np.ascontiguousarray(area)
    at = ((width - wide) // 2, (height + high) // 2)
    cv2.putText(canvas, text, at, font, scale, int(level), thick, cv2.LINE_8)
    area[...] = canvas
