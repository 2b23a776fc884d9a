"""Move a still face: sheets of the portrait, each warped as a whole, laid over each other.

Upper face and lower jaw are two sheets that part along the lips (mouth.py); the lids are drawn
over the eyes (eyes.py). Within a sheet, displaced landmarks carry the pixels along by thin-plate
splines. Pure: arrays in, arrays out; sizes are relative to the face.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from app.gateway.generators.puppet.eyes import Eye
from app.gateway.generators.puppet.landmarks import Picture, Points, unit
from app.gateway.generators.puppet.mouth import CORNER_SHARE, Area, Mouth

GRID = 12  # pixels between the points where splines are evaluated
# Landmarks by iBUG's numbers: jaw 0-16, brows 17-26, nose 27-35, eyes 36-47, lips 48-67.
UPPER_LIP = [49, 50, 51, 52, 53, 61, 62, 63]
LOWER_LIP = [55, 56, 57, 58, 59, 65, 66, 67]
CORNERS = [48, 54, 60, 64]
EYES = (([36, 37, 38, 39], [36, 41, 40, 39]), ([42, 43, 44, 45], [42, 47, 46, 45]))
# How far the contour of the face follows the jaw.
JAW = {8: 1.0, 7: 0.98, 9: 0.98, 6: 0.85, 10: 0.85, 5: 0.55, 11: 0.55}
JAW |= {4: 0.25, 12: 0.25, 3: 0.08, 13: 0.08}


@dataclass(frozen=True)
class Pose:
    """What a face does in one frame; units as in acting.Performance."""

    opening: float
    spread: float
    blink: float
    brow: float


class Face:
    """A staged portrait that can be posed. `landmarks` are pixels of `canvas`."""

    def __init__(self, canvas: Picture, landmarks: Points) -> None:
        self.size = float(np.ptp(landmarks, axis=0).max())
        middle = (landmarks.min(0) + landmarks.max(0)) / 2
        reach = np.array([0.95, 1.0]) * self.size
        limit = np.array(canvas.shape[1::-1])
        corner = np.clip(middle - reach, 0, limit).astype(int)
        far = np.clip(middle + reach, 0, limit).astype(int)
        self.area = (slice(corner[1], far[1]), slice(corner[0], far[0]))
        self.canvas = canvas
        self.source = np.ascontiguousarray(canvas[self.area])
        self.points = landmarks - corner
        self.down = unit(self.points[8] - self.points[27])
        self.mouth = Mouth(self.source, self.points, self.size)
        self.eyes = [Eye(self.points[upper], self.points[lower]) for upper, lower in EYES]
        height, width = self.source.shape[:2]
        self.everything = (slice(0, height), slice(0, width))
        self.anchors = _ring(width, height)

    def frame(self, pose: Pose) -> Picture:
        """Return the canvas with the face in this pose."""
        moved = self._displace(pose)
        face = self._sheet(moved, without=LOWER_LIP, within=self.everything)
        for eye in self.eyes:
            eye.close(face, pose.blink)
        if pose.opening > 0.02 or abs(pose.spread) > 0.05:
            around = self.mouth.area(moved, self.everything)
            jaw = self._sheet(moved, without=UPPER_LIP, within=around)
            drop = pose.opening * self.mouth.travel * self.down
            face[around] = self.mouth.part(face[around], jaw, around, moved[[60, 64]], drop)
        result = self.canvas.copy()
        result[self.area] = face
        return result

    def _displace(self, pose: Pose) -> Points:
        """Where the landmarks lie in this pose."""
        moved: Points = self.points.copy()
        drop = pose.opening * self.mouth.travel * self.down
        contour, shares = list(JAW), np.array(list(JAW.values()))
        moved[contour] += shares[:, None] * drop
        moved[CORNERS] += CORNER_SHARE * drop
        for lip, shares_at in (
            (UPPER_LIP, self.mouth.upper_share),
            (LOWER_LIP, self.mouth.lower_share),
        ):
            moved[lip] += shares_at(self.points[lip] @ self.mouth.along)[:, None] * drop
        widen = (0.026 if pose.spread > 0 else 0.034) * pose.spread - 0.012 * pose.opening
        for left, right, share in ((48, 54, 1), (60, 64, 1), (49, 53, 0.5), (59, 55, 0.5)):
            for number, way in ((left, -1), (right, 1)):
                step = way * share * widen * self.size * self._room(number)
                moved[number] += step * self.mouth.along
        moved[17:27] -= pose.brow * 0.028 * self.size * self.down
        return moved

    def _room(self, number: int) -> float:
        """How freely a corner of the mouth moves: little where the cheek ends beside it."""
        beside = np.hypot(*(self.points[:17] - self.points[number]).T).min()
        return float(np.clip(beside / (0.14 * self.size), 0.1, 1))

    def _sheet(self, moved: Points, *, without: list[int], within: Area) -> Picture:
        """The part `within` of the face, warped so that landmarks, less `without`, lie at `moved`.

        Splines run backwards, from where a pixel goes to where it comes from.
        """
        kept = np.setdiff1d(np.arange(68), without)
        to = np.vstack([moved[kept], self.anchors])
        back = np.vstack([self.points[kept] - moved[kept], np.zeros_like(self.anchors)])
        spline = RBFInterpolator(to, back, kernel="thin_plate_spline", smoothing=0.5)
        rows, columns = within
        size = (columns.stop - columns.start, rows.stop - rows.start)
        grid = warp_grid(size, step=GRID) + np.array([columns.start, rows.start])
        flat = grid.reshape(-1, 2)
        origin = flat + spline(flat) * self._loose(flat)[:, None]
        return warp(self.source, origin.reshape(grid.shape), step=GRID, size=size)

    def _loose(self, at: Points) -> NDArray[np.float64]:
        """How freely points may move: not at all at the edge of the face area."""
        far = np.array(self.source.shape[1::-1]) - 1
        edge = np.minimum(at, far - at).min(1)
        loose: NDArray[np.float64] = np.clip(edge / (0.12 * self.size), 0, 1)
        return loose


def warp_grid(size: tuple[int, int], *, step: int) -> Points:
    """Where `warp` wants to know origins for a picture of `size`: rows x columns x 2 (x, y)."""
    columns, rows = (np.arange(-1, -(-side // step) + 1) for side in size)
    gx, gy = np.meshgrid((columns + 0.5) * step - 0.5, (rows + 0.5) * step - 0.5)
    return np.stack([gx, gy], -1)


def warp(source: Picture, origins: Points, *, step: int, size: tuple[int, int]) -> Picture:
    """Return a picture of `size` (width, height) read from `source` at `origins` (x, y).

    `origins` are given at the points of `warp_grid` and linear between them.
    """
    rows, columns = origins.shape[:2]
    fine = cv2.resize(
        origins.astype(np.float32), (columns * step, rows * step), interpolation=cv2.INTER_LINEAR
    )
    field = fine[step : step + size[1], step : step + size[0]]
    unused = np.empty(0, np.float32)
    return np.asarray(
        cv2.remap(source, field, unused, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101),
        np.uint8,
    )


def _ring(width: int, height: int) -> Points:
    """Points around the edge that stay where they are."""
    xs, ys = np.linspace(0, width - 1, 5), np.linspace(0, height - 1, 5)
    top_and_bottom = [(x, y) for x in xs for y in (0, height - 1)]
    sides = [(x, y) for y in ys for x in (0, width - 1)]
    return np.unique(np.array(top_and_bottom + sides, np.float64), axis=0)
