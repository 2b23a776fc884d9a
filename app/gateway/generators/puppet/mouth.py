"""Where the lips part, and what is seen between them.

Pure: arrays in, arrays out; sizes are relative to the face.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from app.gateway.generators.puppet.landmarks import Floats, Picture, Points, unit

Line = NDArray[np.float64]
Area = tuple[slice, slice]  # rows, columns

CORNER_SHARE = 0.3  # of the jaw's drop, at the corners of the mouth
UPPER_LIFT = 0.08  # of the jaw's drop, up, in the middle of the upper lip
SOFT = 2.4  # pixels over which a lip's edge fades
OPEN_GAP = 0.012  # lips farther apart than this show the portrait's own teeth or darkness


class Mouth:
    """The mouth of a portrait. `along` runs from corner to corner, `across` downwards."""

    def __init__(self, source: Picture, points: Points, size: float) -> None:
        self.size = size
        self.along = unit(points[64] - points[60])
        self.across = np.array([-self.along[1], self.along[0]])
        self.starts = float(points[60] @ self.along)
        self.ends = max(float(points[64] @ self.along), self.starts + 4)
        places = np.linspace(self.starts, self.ends, 65)
        upper = self._edge(points[[60, 61, 62, 63, 64]], places)
        lower = np.maximum(self._edge(points[[60, 67, 66, 65, 64]], places), upper)
        gap = float((lower - upper)[16:49].mean())
        self.shows_teeth = gap > OPEN_GAP * size and _looks_open(source, points)
        if not self.shows_teeth:
            upper = lower = self._closed_line(source, places, upper, lower)
        self.places, self.upper, self.lower = places, upper, lower
        self.travel = (0.07 if self.shows_teeth else 0.08) * size
        self.dark, self.teeth, self.tongue = _colors(source, points)

    def _edge(self, edge: Points, places: Line) -> Line:
        at = np.maximum.accumulate(edge @ self.along) + np.arange(len(edge)) * 1e-3
        curve = PchipInterpolator(at, edge @ self.across)
        return np.asarray(curve(places.clip(at[0], at[-1])))

    def _closed_line(self, source: Picture, places: Line, upper: Line, lower: Line) -> Line:
        """Where closed lips meet: the darkest line between the landmarks of their edges."""
        grey = cv2.cvtColor(source, cv2.COLOR_BGR2GRAY).astype(np.float32)
        lines = [upper + share * (lower - upper) for share in np.linspace(0, 1, 9)]
        read = [np.outer(places, self.along) + np.outer(line, self.across) for line in lines]
        field = np.array(read, np.float32)
        seen = cv2.remap(grey, field[..., 0], field[..., 1], cv2.INTER_LINEAR)
        closed: Line = lines[int(np.asarray(seen)[:, 8:57].mean(1).argmin())]
        return closed

    def arch(self, places: Line) -> Line:
        """0 at the corners, 1 in the middle, round between."""
        share = ((places - self.starts) / (self.ends - self.starts)).clip(0, 1)
        return np.asarray((1 - (2 * share - 1) ** 2) ** 0.6)

    def lower_share(self, places: Line) -> Line:
        """How much of the jaw's drop the lower lip takes at these places along the mouth."""
        return CORNER_SHARE + (1 - CORNER_SHARE) * self.arch(places)

    def upper_share(self, places: Line) -> Line:
        """How much of the jaw's drop the upper lip takes; it rises in the middle."""
        return CORNER_SHARE - (UPPER_LIFT + CORNER_SHARE) * self.arch(places)

    def area(self, moved: Points, limit: Area) -> Area:
        """The part of the face in which the lips can show."""
        reach = 0.2 * self.size
        low = np.floor(moved[48:68].min(0) - reach).astype(int).clip(0)
        high = np.ceil(moved[48:68].max(0) + reach).astype(int)
        return (
            slice(int(low[1]), min(int(high[1]), limit[0].stop)),
            slice(int(low[0]), min(int(high[0]), limit[1].stop)),
        )

    def part(
        self, face: Picture, jaw: Picture, area: Area, corners: Points, drop: Points
    ) -> Picture:
        """Lay the jaw's sheet under the upper face, the inside of the mouth between them.

        `corners` are where the corners of the mouth now lie, `drop` how far the jaw has moved.
        """
        rows, columns = area
        xs, ys = np.meshgrid(
            np.arange(columns.start, columns.stop), np.arange(rows.start, rows.stop)
        )
        along = xs * self.along[0] + ys * self.along[1]
        across = xs * self.across[0] + ys * self.across[1]
        starts, ends = corners @ self.along
        stretch = (self.ends - self.starts) / max(ends - starts, 4.0)
        places = self.starts + (along - starts) * stretch
        down = float(drop @ self.across)
        lip = np.interp(places, self.places, self.upper) + down * self.upper_share(places)
        gap = np.interp(places, self.places, self.lower - self.upper)
        floor = np.interp(places, self.places, self.lower) + down * self.lower_share(places)
        beyond = np.maximum(0, np.maximum(starts - along, along - ends))
        soft = SOFT + 0.8 * beyond
        over = np.clip((lip + gap - across) / soft + 0.5, 0, 1)
        under = np.clip((across - floor) / soft + 0.5, 0, 1)
        behind = (1 - over) * (1 - under) * np.clip(1 - beyond / 1.5, 0, 1)
        # The jaw's sheet is needed at the lips only; farther out both sheets agree but for traces.
        away = np.hypot(beyond, np.maximum(0, across - floor - 0.06 * self.size))
        under *= np.clip(1 - away / (0.12 * self.size), 0, 1)
        inside = self._inside(across - lip, floor - lip, self.arch(places))
        mixed = _layers(((face, 1 - behind - under), (jaw, under), (inside, behind)))
        return mixed.clip(0, 255).round().astype(np.uint8)

    def _inside(self, depth: Line, opening: Line, arch: Line) -> Floats:
        """Darkness, a hint of tongue, and of teeth where the portrait shows none of its own.

        `depth` is measured downwards from the upper lip, `opening` from lip to lip.
        """
        opening = np.maximum(opening, 0)
        tongue = np.clip((depth - 0.55 * opening) / (0.45 * opening + 1), 0, 1) * 0.5 * arch
        inside = self.dark + (self.tongue - self.dark) * tongue[..., None].astype(np.float32)
        if not self.shows_teeth:
            length = np.minimum(0.03 * self.size, 0.5 * opening) * arch
            shown = np.clip((length - depth) / (0.01 * self.size) + 0.5, 0, 1)
            shadow = 0.35 + 0.65 * np.clip(depth / (0.02 * self.size), 0, 1)  # of the lip above
            sides = np.clip(arch * 1.6 - 0.6, 0, 1)
            weight = (0.62 * shown * shadow * sides)[..., None].astype(np.float32)
            inside = inside + (self.teeth - inside) * weight
        return np.asarray(inside, np.float32)


def _layers(layers: tuple[tuple[NDArray[np.generic], Line], ...]) -> Floats:
    """Mix pictures by their weights, which add up to 1."""
    mixed = np.zeros(layers[0][0].shape, np.float32)
    for layer, weight in layers:
        mixed += layer.astype(np.float32) * weight.astype(np.float32)[..., None]
    return mixed


def _looks_open(source: Picture, points: Points) -> bool:
    """Whether what lies between the lips' inner edges is no lip: darker, or less red."""
    lab = cv2.cvtColor(source, cv2.COLOR_BGR2LAB)
    inner = np.zeros(source.shape[:2], np.uint8)
    outer = inner.copy()
    cv2.fillPoly(inner, [points[60:68].round().astype(np.int32)], 255)
    cv2.fillPoly(outer, [points[48:60].round().astype(np.int32)], 255)
    lips, between = lab[(outer > 0) & (inner == 0)], lab[inner > 0]
    if not len(lips) or not len(between):
        return False
    darker = float(np.median(between[:, 0])) < 0.95 * float(np.median(lips[:, 0]))
    return darker or float(between[:, 1].mean()) < float(lips[:, 1].mean()) - 6


def _colors(source: Picture, points: Points) -> tuple[Floats, Floats, Floats]:
    """Darkness, teeth and tongue in the light of this picture."""
    mask = np.zeros(source.shape[:2], np.uint8)
    cv2.fillPoly(mask, [points[48:60].round().astype(np.int32)], 255)
    lips = source[mask > 0].astype(np.float32).reshape(-1, 3)
    if not len(lips):
        lips = np.full((1, 3), 60, np.float32)
    order = lips.sum(1).argsort()
    dark = lips[order[: max(1, len(lips) // 20)]].mean(0) * 0.45
    mask[:] = 0
    cv2.fillPoly(mask, [cv2.convexHull(points[17:36].round().astype(np.int32))], 255)
    skin = source[mask > 0].astype(np.float32).reshape(-1, 3)
    light = float(np.percentile(skin.mean(1), 80))
    tint = skin.mean(0) / max(float(skin.mean()), 1.0)
    teeth = light * 0.85 * (0.55 + 0.45 * tint) * np.array([0.92, 1.0, 1.03], np.float32)
    tongue = 0.5 * np.median(lips, axis=0) + 0.5 * dark
    return (
        np.asarray(dark, np.float32),
        np.asarray(teeth, np.float32),
        np.asarray(tongue, np.float32),
    )
