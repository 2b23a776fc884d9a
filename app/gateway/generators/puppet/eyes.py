"""Close an eye: its lid is the portrait's own skin above it, drawn down over it.

Pure, but for `Eye.close`, which draws in place; sizes are relative to the eye.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from app.gateway.generators.puppet.landmarks import Picture, Points, unit

Line = NDArray[np.float64]

WIDER = 0.14  # landmarks lie inside the corners of the eye; the lid goes to the corners
HIGHER = 0.22  # of the eye's height: above the iris and the lashes, where the lid's skin begins
LOWER = 0.12  # and below the lower landmarks, so that no white is left
FOLD = 1.2  # the skin that is drawn down begins this many eye heights above the lid's rim


class Eye:
    """One eye. `upper` and `lower` are its four landmarks each, from corner to corner."""

    def __init__(self, upper: Points, lower: Points) -> None:
        self.along = unit(upper[-1] - upper[0])
        self.across = np.array([-self.along[1], self.along[0]])
        self.wide = max(float((upper[-1] - upper[0]) @ self.along), 4.0)
        self.tall = max(float(((lower - upper) @ self.across)[1:3].mean()), 0.1 * self.wide)
        points = np.vstack([upper, lower])
        margin = np.array([0.4 * self.wide, 2.2 * self.tall + 0.2 * self.wide])
        self.low = np.floor(points.min(0) - margin).astype(int).clip(0)
        self.high = np.ceil(points.max(0) + margin).astype(int)
        xs, ys = np.meshgrid(
            np.arange(self.low[0], self.high[0]), np.arange(self.low[1], self.high[1])
        )
        self.xs, self.ys = xs, ys
        along = xs * self.along[0] + ys * self.along[1]
        self.depth = xs * self.across[0] + ys * self.across[1]
        starts, ends = float(upper[0] @ self.along), float(upper[-1] @ self.along)
        extra = WIDER * self.wide
        share = ((along - starts + extra) / (ends - starts + 2 * extra)).clip(0, 1)
        self.bulge = np.asarray((1 - (2 * share - 1) ** 2) ** 0.5)  # 0 at the corners
        rim = self._curve(upper, along, extra)
        self.rim = rim - HIGHER * self.tall * self.bulge
        shut = self._curve(lower, along, extra) + LOWER * self.tall * self.bulge
        self.shut = np.maximum(shut, self.rim)

    def close(self, face: Picture, blink: float) -> None:
        """Draw the lid down by the share `blink`, in place."""
        if blink < 0.03:
            return
        rows = slice(self.low[1], min(self.high[1], face.shape[0]))
        columns = slice(self.low[0], min(self.high[0], face.shape[1]))
        here = (slice(0, rows.stop - rows.start), slice(0, columns.stop - columns.start))
        rim, shut, depth = self.rim[here], self.shut[here], self.depth[here]
        bulge = self.bulge[here]
        edge = rim + blink * (shut - rim)
        fold = rim - FOLD * self.tall * bulge
        # Between fold and edge lies the skin between fold and rim, drawn out.
        share = np.clip((depth - fold) / np.maximum(edge - fold, 1e-3), 0, 1)
        back = fold + share * (rim - fold) - depth
        lid = cv2.remap(
            face,
            (self.xs[here] + back * self.across[0]).astype(np.float32),
            (self.ys[here] + back * self.across[1]).astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ).astype(np.float32)
        # Lashes: a soft shadow along the edge, as deep as the eye is closed.
        lashes = np.exp(-(((depth - edge) / (0.09 * self.tall + 0.8)) ** 2))
        lashes = 1 - 0.42 * min(1.0, 2 * blink) * lashes * np.clip(bulge * 1.5, 0, 1)
        on = np.clip((edge - depth) / 2 + 0.5, 0, 1) * (depth > fold) * (edge > rim)
        on = on[..., None].astype(np.float32)
        mixed = face[rows, columns] * (1 - on) + lid * on
        mixed *= lashes[..., None].astype(np.float32)
        face[rows, columns] = mixed.round().astype(np.uint8)

    def _curve(self, edge: Points, along: Line, extra: float) -> Line:
        """Height of a lid at every pixel's place along the eye, level past the corners."""
        at = np.maximum.accumulate(edge @ self.along) + np.arange(len(edge)) * 1e-3
        at[0] -= extra
        at[-1] += extra
        curve = PchipInterpolator(at, edge @ self.across)
        return np.asarray(curve(along.clip(at[0], at[-1])))
