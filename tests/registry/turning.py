"""Stills for live checks out of one picture: a head turned in a rough relief, and flat prints.

No living person was photographed for these tests. `turned` lifts a painted face out of its picture
(an ellipsoid with a nose) and turns that; `flat` turns the picture itself, as somebody turns a
print before a camera; `bent` rolls it round an upright cylinder first.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from app.registry import faces, poses

Pixels = npt.NDArray[np.uint8]
SIDE = 700
NOSE_OUT, HEAD_WIDE, HEAD_HIGH = 0.35, 1.25, 1.75  # in distances of the eyes
NEARER = 1.45


@dataclass
class Face:
    """A picture, and where its one face lies in it."""

    pixels: Pixels
    middle: tuple[float, float]  # between the eyes
    eyes: float


def face_in(path: Path) -> Face:
    picture = faces.open_upright(str(path))
    picture.thumbnail((SIDE, SIDE))
    pixels = np.asarray(picture)
    (box,) = faces.boxes_in(pixels, upsampled=1)
    points = faces.points_of(pixels, box)
    x, y = (sum(point[at] for point in points[:4]) / 4 for at in (0, 1))
    aim = poses.aim_of(points)
    assert aim is not None
    # The face amid its picture, as it is before a telephone: a fifth of the width between eyes.
    eyes, wide = aim.eyes, round(aim.eyes * 5)
    left, top = max(0, round(x - wide / 2)), max(0, round(y - wide * 0.5))
    cut = pixels[top : top + round(wide * 1.2), left : left + wide]
    scale = SIDE / max(cut.shape[:2])
    cut = cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return Face(np.asarray(cut), ((x - left) * scale, (y - top) * scale), eyes * scale)


def turned(face: Face, *, left: float = 0, up: float = 0) -> Pixels:
    """Turn the head by degrees, to its own left and upwards, in a rough relief of it."""
    height, width = face.pixels.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    u, v = (x - face.middle[0]) / face.eyes, (y - face.middle[1]) / face.eyes
    a, b = math.radians(left), math.radians(up)
    from_u, from_v = u.copy(), v.copy()
    for _ in range(12):  # where does what is seen here come from?
        depth = _relief(from_u, from_v)
        fade = np.clip(2.2 - np.hypot(from_u / 1.6, (from_v - 0.4) / 2.0), 0, 1)
        from_u = u - fade * ((math.cos(a) - 1) * from_u + math.sin(a) * depth)
        from_v = v - fade * ((math.cos(b) - 1) * (from_v - 0.4) - math.sin(b) * depth)
    return _drawn(face, from_u, from_v)


def _relief(u: npt.NDArray[np.float32], v: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """How far a place of a face stands out of the plane of its eyes."""
    round_ = np.sqrt(np.clip(1 - (u / HEAD_WIDE) ** 2 - ((v - 0.4) / HEAD_HIGH) ** 2, 0, 1))
    nose = np.exp(-((u / 0.25) ** 2) - (((v - 0.75) / 0.4) ** 2))
    return np.asarray((round_ - 0.9) * 0.8 + (NOSE_OUT - 0.05) * nose, dtype=np.float32)


def flat(face: Face, *, left: float = 0, up: float = 0) -> Pixels:
    """Turn the picture itself as a flat print, a metre away."""
    a, b = math.radians(left), math.radians(up)
    return _print(face, lambda u, v: (u, v, np.zeros_like(u)), a, b)


def bent(face: Face, *, left: float, radius: float = 2.0) -> Pixels:
    """Roll the print round an upright cylinder, `radius` in distances of the eyes, and turn it."""

    def rolled(u, v):  # type: ignore[no-untyped-def]
        return radius * np.sin(u / radius), v, radius * (np.cos(u / radius) - 1)

    return _print(face, rolled, math.radians(left), 0.0)


def _print(face: Face, shape, a: float, b: float) -> Pixels:  # type: ignore[no-untyped-def]
    """Draw a surface by where each of its places is seen; the nearest source is looked up."""
    height, width = face.pixels.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    want_u, want_v = (x - face.middle[0]) / face.eyes, (y - face.middle[1]) / face.eyes
    from_u, from_v = want_u.copy(), want_v.copy()
    away = 8.0  # distances of the eyes: half a metre
    for _ in range(40):
        p, q, r = shape(from_u, from_v)
        p, r = p * math.cos(a) + r * math.sin(a), r * math.cos(a) - p * math.sin(a)
        q, r = q * math.cos(b) - r * math.sin(b), r * math.cos(b) + q * math.sin(b)
        near = away / (away - r)
        from_u += 0.7 * (want_u - p * near)
        from_v += 0.7 * (want_v - q * near)
    return _drawn(face, from_u, from_v)


def _drawn(face: Face, u, v) -> Pixels:  # type: ignore[no-untyped-def]
    x, y = (u * face.eyes + face.middle[0]), (v * face.eyes + face.middle[1])
    return np.asarray(
        cv2.remap(
            face.pixels, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
    )  # fmt: skip


def nearer(face: Face) -> Pixels:
    """Bring the face nearer."""
    height, width = face.pixels.shape[:2]
    x, y = face.middle
    move = np.float32([[NEARER, 0, x * (1 - NEARER)], [0, NEARER, y * (1 - NEARER)]])
    return np.asarray(
        cv2.warpAffine(face.pixels, move, (width, height), borderMode=cv2.BORDER_REPLICATE)
    )


def stills_of(face: Face, *, degrees: float = 20) -> dict[str, Pixels]:
    """One still of each pose, as a head shows it that turns by so much."""
    return {
        "straight": face.pixels,
        "left": turned(face, left=degrees),
        "right": turned(face, left=-degrees),
        "up": turned(face, up=degrees),
        "closer": nearer(face),
    }
