"""Move a still face: sheets of the portrait, each warped as a whole, laid over each other.

Upper face and lower jaw are two sheets that part along the lips, with the inside of the mouth
behind them; the lids are a third. Within a sheet, displaced landmarks carry the pixels along by
thin-plate splines. Pure: arrays in, arrays out; sizes are relative to the face.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator, RBFInterpolator

from app.gateway.generators.landmarks import Picture, Points

Floats = NDArray[np.float32]

Area = tuple[slice, slice]  # rows, columns

GRID = 12  # pixels between the points where splines are evaluated
# Landmarks by iBUG's numbers: jaw 0-16, brows 17-26, nose 27-35, eyes 36-47, lips 48-67.
UPPER_LIP = [49, 50, 51, 52, 53, 61, 62, 63]
LOWER_LIP = [55, 56, 57, 58, 59, 65, 66, 67]
UPPER_EDGE, LOWER_EDGE = [60, 61, 62, 63, 64], [60, 67, 66, 65, 64]
EYES = (([36, 37, 38, 39], [36, 41, 40, 39]), ([42, 43, 44, 45], [42, 47, 46, 45]))
# How far each landmark follows the jaw.
JAW = {8: 1.0, 7: 0.98, 9: 0.98, 6: 0.85, 10: 0.85, 5: 0.55, 11: 0.55, 4: 0.25, 12: 0.25}
JAW |= {3: 0.08, 13: 0.08, 48: 0.3, 54: 0.3, 60: 0.3, 64: 0.3}
JAW |= {57: 1.0, 56: 0.96, 58: 0.96, 55: 0.72, 59: 0.72, 66: 1.0, 65: 0.93, 67: 0.93}


@dataclass(frozen=True)
class Pose:
    """One frame of a performance; units as in acting.Performance."""

    opening: float
    spread: float
    blink: float
    brow: float


class Puppet:
    """A staged portrait that can be posed. `landmarks` are pixels of `canvas`."""

    def __init__(self, canvas: Picture, landmarks: Points) -> None:
        self.landmarks = landmarks
        self.face = float(np.ptp(landmarks, axis=0).max())
        middle = (landmarks.min(0) + landmarks.max(0)) / 2
        reach = np.array([0.95, 1.0]) * self.face
        limit = np.array(canvas.shape[1::-1])
        self.corner = np.clip(middle - reach, 0, limit).astype(int)
        self.far = np.clip(middle + reach, 0, limit).astype(int)
        self.area = (slice(self.corner[1], self.far[1]), slice(self.corner[0], self.far[0]))
        self.canvas = canvas
        self.source = canvas[self.area]
        self.points = landmarks - self.corner
        self.down = _unit(self.points[8] - self.points[27])
        self.mouth = _Mouth(self.source, self.points, self.face)
        self.eyes = [_Eye(self.points[upper], self.points[lower]) for upper, lower in EYES]
        height, width = self.source.shape[:2]
        self.anchors = _ring(width, height)

    def frame(self, pose: Pose) -> Picture:
        """Return the canvas with the face in this pose."""
        moved = self._displace(pose)
        height, width = self.source.shape[:2]
        everything = (slice(0, height), slice(0, width))
        upper = self._sheet(moved, without=LOWER_LIP, within=everything)
        for eye in self.eyes:
            eye.close(upper, pose.blink)
        if pose.opening > 0.02 or abs(pose.spread) > 0.05:
            around = self.mouth.area(moved, everything)
            lower = self._sheet(moved, without=UPPER_LIP, within=around)
            upper[around] = self.mouth.part(upper[around], lower, moved, around)
        result = self.canvas.copy()
        result[self.area] = upper
        return result

    def _displace(self, pose: Pose) -> Points:
        """Where the landmarks lie in this pose."""
        moved = self.points.copy()
        drop = pose.opening * self.mouth.travel * self.down
        for number, share in JAW.items():
            moved[number] += share * drop
        moved[UPPER_LIP] -= 0.08 * drop
        across = self.mouth.along
        widen = (
            pose.spread * (0.028 if pose.spread > 0 else 0.04) * self.face
            - 0.012 * pose.opening * self.face
        )
        for left, right, share in ((48, 54, 1), (60, 64, 1), (49, 53, 0.5), (59, 55, 0.5)):
            moved[left] -= share * widen * across
            moved[right] += share * widen * across
        moved[17:27] -= pose.brow * 0.028 * self.face * self.down
        return moved

    def _sheet(self, moved: Points, *, without: list[int], within: Area) -> Picture:
        """The part `within` of the face, warped so that landmarks, less `without`, lie at `moved`.

        Splines run backwards, from where a pixel goes to where it comes from.
        """
        kept = np.setdiff1d(np.arange(68), without)
        to = np.vstack([moved[kept], self.anchors])
        back = np.vstack([self.points[kept] - moved[kept], np.zeros_like(self.anchors)])
        spline = RBFInterpolator(to, back, kernel="thin_plate_spline", smoothing=0.5)
        rows, columns = within
        gx, gy = np.meshgrid(*(np.arange(s.start, s.stop + GRID, GRID) for s in (columns, rows)))
        grid = np.stack([gx.ravel(), gy.ravel()], 1).astype(np.float64)
        origin = grid + spline(grid) * self._loose(grid)[:, None]
        coarse = origin.reshape(*gx.shape, 2).astype(np.float32)
        # Read the coarse field exactly at pixel positions; cv2.resize would shift it.
        steps = [np.arange(s.stop - s.start, dtype=np.float32) / GRID for s in (columns, rows)]
        field = cv2.remap(coarse, *np.meshgrid(*steps), cv2.INTER_LINEAR)
        warped = cv2.remap(
            self.source, field, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(warped, np.uint8)

    def _loose(self, at: Points) -> NDArray[np.float64]:
        """How freely points may move: not at all at the edge of the face area."""
        far = np.array(self.source.shape[1::-1]) - 1
        edge = np.minimum(at, far - at).min(1)
        return np.clip(edge / (0.12 * self.face), 0, 1)


class _Mouth:
    """Where the lips part, and what is seen between them."""

    def __init__(self, source: Picture, points: Points, face: float) -> None:
        self.face = face
        self.along = _unit(points[64] - points[60])
        self.across = np.array([-self.along[1], self.along[0]])
        gap = self._heights(points[LOWER_EDGE]) - self._heights(points[UPPER_EDGE])
        self.gap = np.clip(gap, 0, None)
        self.shows_teeth = float(gap[1:4].mean()) > 0.02 * face
        self.travel = (0.085 if self.shows_teeth else 0.1) * face
        self.dark, self.teeth, self.flesh = self._colors(source, points)

    def _heights(self, edge: Points) -> NDArray[np.float64]:
        return edge @ self.across

    def _colors(self, source: Picture, points: Points) -> tuple[Floats, Floats, Floats]:
        """Darkness, teeth and tongue in the light of this picture."""
        mask = np.zeros(source.shape[:2], np.uint8)
        cv2.fillPoly(mask, [points[48:60].round().astype(np.int32)], 255)
        lips = source[mask > 0].astype(np.float32)
        order = lips.sum(1).argsort()
        dark = lips[order[: max(1, len(lips) // 20)]].mean(0) * 0.45
        mask[:] = 0
        cv2.fillPoly(mask, [cv2.convexHull(points[17:36].round().astype(np.int32))], 255)
        skin = source[mask > 0].astype(np.float32)
        light = float(np.percentile(skin.mean(1), 80))
        tint = skin.mean(0) / skin.mean()
        teeth = light * 0.78 * (0.55 + 0.45 * tint) * np.float32([0.92, 1.0, 1.03])
        flesh = 0.5 * np.median(lips, axis=0) + 0.5 * dark
        return np.float32(dark), np.float32(teeth), np.float32(flesh)

    def area(self, moved: Points, limit: Area) -> Area:
        """The part of the face in which the lips can show."""
        reach = 0.2 * self.face
        low = np.floor(moved[48:68].min(0) - reach).astype(int).clip(0)
        high = np.ceil(moved[48:68].max(0) + reach).astype(int)
        return (
            slice(int(low[1]), min(int(high[1]), limit[0].stop)),
            slice(int(low[0]), min(int(high[0]), limit[1].stop)),
        )

    def part(self, upper: Picture, lower: Picture, moved: Points, area: Area) -> Picture:
        """Lay the jaw's sheet under the upper face, the inside of the mouth between them."""
        top = upper.astype(np.float32)
        bottom = lower.astype(np.float32)
        rows, columns = area
        xs, ys = np.meshgrid(*(np.arange(s.start, s.stop) for s in (columns, rows)))
        along = xs * self.along[0] + ys * self.along[1]
        across = xs * self.across[0] + ys * self.across[1]
        roof = self._edge(moved[UPPER_EDGE], along, extra=self.gap if self.shows_teeth else None)
        lip = self._edge(moved[UPPER_EDGE], along)
        floor = np.maximum(self._edge(moved[LOWER_EDGE], along), lip)
        starts, ends = moved[60] @ self.along, moved[64] @ self.along
        beyond = np.maximum(0, np.maximum(starts - along, along - ends))
        soft = 1.6 + 0.8 * beyond
        over = np.clip((roof - across) / soft + 0.5, 0, 1)
        under = np.clip((across - floor) / soft + 0.5, 0, 1)
        behind = (1 - over) * (1 - under) * np.clip(1 - beyond / 1.5, 0, 1)
        # The jaw's sheet is needed at the lips only; farther out both sheets agree but for traces.
        away = np.hypot(beyond, np.maximum(0, across - floor - 0.06 * self.face))
        under *= np.clip(1 - away / (0.12 * self.face), 0, 1)
        inside = self._inside(across, along, lip, floor, (starts, ends))
        layers = ((top, 1 - behind - under), (bottom, under), (inside, behind))
        mixed = sum(layer * weight.astype(np.float32)[..., None] for layer, weight in layers)
        return mixed.clip(0, 255).round().astype(np.uint8)

    def _edge(
        self, edge: Points, along: NDArray[np.float64], extra: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Height of a lip's edge at every pixel's place along the mouth; level past the corners."""
        places = edge @ self.along
        heights = self._heights(edge) + (0 if extra is None else extra)
        order = np.argsort(places)
        places = places[order] + np.arange(len(order)) * 1e-3  # strictly increasing
        curve = PchipInterpolator(places, heights[order])
        return np.asarray(curve(along.clip(places[0], places[-1])))

    def _inside(
        self,
        across: NDArray[np.float64],
        along: NDArray[np.float64],
        lip: NDArray[np.float64],
        floor: NDArray[np.float64],
        corners: tuple[float, float],
    ) -> Floats:
        """Darkness, with a hint of tongue below and, where the portrait shows none, of teeth."""
        starts, ends = corners
        place = ((along - starts) / max(1.0, ends - starts)).clip(0, 1)
        arch = np.sqrt(np.clip(1 - (2 * place - 1) ** 2, 0, 1))
        opening = np.maximum(floor - lip, 0)
        depth = across - lip
        inside = np.broadcast_to(self.dark, (*across.shape, 3)).astype(np.float32)
        tongue = np.clip((depth - 0.6 * opening) / (0.4 * opening + 1), 0, 1) * 0.55 * arch
        inside = inside + (self.flesh - inside) * tongue[..., None].astype(np.float32)
        if not self.shows_teeth:
            length = np.minimum(0.045 * self.face, 0.6 * opening) * arch
            soft = 0.012 * self.face
            shown = np.clip((length - depth) / soft + 0.5, 0, 1)
            shadow = np.clip(depth / (0.03 * self.face), 0, 1) * 0.6 + 0.25  # of the lip above
            shown = shown * shadow * np.clip(arch * 1.4 - 0.35, 0, 1) * 0.8
            inside = inside + (self.teeth - inside) * shown[..., None].astype(np.float32)
        return inside


class _Eye:
    """One eye: its lid is the skin above it, drawn down over it."""

    def __init__(self, upper: Points, lower: Points) -> None:
        self.along = _unit(upper[-1] - upper[0])
        self.across = np.array([-self.along[1], self.along[0]])
        self.upper, self.lower = upper, lower
        self.tall = float(((lower - upper) @ self.across)[1:3].mean())
        self.wide = float((upper[-1] - upper[0]) @ self.along)

    def close(self, face: Picture, blink: float) -> None:
        """Draw the lid down by the share `blink`, in place."""
        if blink < 0.03:
            return
        points = np.vstack([self.upper, self.lower])
        margin = np.array([0.25 * self.wide, 2.2 * self.tall])
        low = np.floor(points.min(0) - margin).astype(int).clip(0)
        high = np.ceil(points.max(0) + margin).astype(int)
        area = (slice(low[1], high[1]), slice(low[0], high[0]))
        height, width = face[area].shape[:2]
        xs, ys = np.meshgrid(np.arange(width) + low[0], np.arange(height) + low[1])
        along = xs * self.along[0] + ys * self.along[1]
        across = xs * self.across[0] + ys * self.across[1]
        rim = self._curve(self.upper, along)
        shut = np.maximum(self._curve(self.lower, along), rim)
        edge = rim + blink * (shut - rim)
        crease = rim - 1.5 * self.tall
        # The lid between crease and edge shows the skin between crease and rim, drawn out.
        share = np.clip((across - crease) / np.maximum(edge - crease, 1), 0, 1)
        back = crease + share * (rim - crease) - across
        map_x = (xs + back * self.across[0]).astype(np.float32)
        map_y = (ys + back * self.across[1]).astype(np.float32)
        lid = cv2.remap(face, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        on = np.clip((edge - across) / 1.6 + 0.5, 0, 1) * (across > crease)
        on = on[..., None].astype(np.float32)
        face[area] = (face[area] * (1 - on) + lid * on).round().astype(np.uint8)

    def _curve(self, edge: Points, along: NDArray[np.float64]) -> NDArray[np.float64]:
        places, heights = edge @ self.along, edge @ self.across
        places = np.maximum.accumulate(places) + np.arange(len(places)) * 1e-3
        curve = PchipInterpolator(places, heights)
        return np.asarray(curve(along.clip(places[0], places[-1])))


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return vector / max(float(np.hypot(*vector)), 1e-6)


def _ring(width: int, height: int) -> Points:
    """Points around the edge that stay where they are."""
    xs, ys = np.linspace(0, width - 1, 5), np.linspace(0, height - 1, 5)
    ring = [(x, y) for x in xs for y in (0, height - 1)] + [
        (x, y) for y in ys for x in (0, width - 1)
    ]
    return np.unique(np.array(ring, np.float64), axis=0)
