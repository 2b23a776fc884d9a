"""Let the head drift a little and turn a little, in front of a ground that stays.

Pure: arrays in, arrays out; sizes are relative to the face.
"""

import numpy as np
from numpy.typing import NDArray

from app.gateway.generators.puppet.face import warp, warp_grid
from app.gateway.generators.puppet.landmarks import Picture, Points

STEP = 16  # pixels between the points where the field is known
PUSH_IN = (1.02, 1.045)  # the camera comes closer from the first frame to the last


class Stage:
    """Where the head is in the frame, and how motion fades from it to the frame's edge."""

    def __init__(self, landmarks: Points, *, width: int, height: int) -> None:
        self.width, self.height = width, height
        brow, chin = landmarks[17:27].mean(0), landmarks[8]
        self.face = float(np.hypot(*(chin - brow)))
        middle = (brow + chin) / 2
        self.middle, self.pivot = middle, chin + (chin - brow) * 0.4
        self.grid = warp_grid((width, height), step=STEP)
        gx, gy = self.grid[..., 0], self.grid[..., 1]
        away = (self.grid - middle) / self.face
        # The head: rigid within about a face height, fading out over another one; the shoulders
        # below take part a little longer.
        stretch = np.where(away[..., 1] > 0, 0.75, 0.9)
        distance = np.hypot(away[..., 0], away[..., 1] * stretch)
        self.rigid = _step((1.75 - distance) / 1.0)
        edge = np.minimum(np.minimum(gx, width - gx), np.minimum(gy, height - gy))
        self.rigid *= 0.25 + 0.75 * _step(edge / (0.5 * self.face))
        # What is nearer to us moves more when the head turns: nose before cheeks before ears.
        self.near = np.clip(1 - (away[..., 0] / 0.75) ** 2 - (away[..., 1] / 0.95) ** 2, 0, 1)

    def frame(
        self,
        posed: Picture,
        *,
        shift: tuple[float, float],
        tilt: float,
        turn: float,
        nod: float,
        elapsed: float,
    ) -> Picture:
        """Return the frame with the head moved; shifts in face heights / 1000, tilt in degrees.

        `elapsed` (0..1) is how much of the clip has passed.
        """
        unit = self.face / 1000
        arm = self.grid - self.pivot
        angle = np.deg2rad(tilt) * self.rigid
        moved_x = shift[0] * unit * self.rigid + turn * unit * self.near - angle * arm[..., 1]
        moved_y = shift[1] * unit * self.rigid + nod * unit * self.near + angle * arm[..., 0]
        zoom = PUSH_IN[0] + (PUSH_IN[1] - PUSH_IN[0]) * elapsed
        origin = self.grid - np.stack([moved_x, moved_y], -1)
        origin = self.middle + (origin - self.middle) / zoom
        return warp(posed, origin, step=STEP, size=(self.width, self.height))


def _step(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth 0..1 over shares 0..1."""
    clipped = np.clip(share, 0, 1)
    return clipped * clipped * (3 - 2 * clipped)
