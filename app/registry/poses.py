"""What a face shows in stills of one live check: where it looks, how near it is. See docs/faces.md.

`see` touches pixels and runs inside the sandbox only. `judge` is pure: it holds what was seen
against what was asked for. The five landmarks are two corners of each eye and the nose's base; the
nose stands out from the plane of the eyes, so it moves against them when a head turns, and does not
when a flat picture of one is turned about its upright axis.
"""

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.registry import faces

STRAIGHT, LEFT, RIGHT, UP, CLOSER = POSES = ("straight", "left", "right", "up", "closer")
# Against the straight still, in distances of the eyes' middles; how they were chosen: docs/faces.md
TURNED_FROM = 0.08  # the nose's base, sideways
RAISED_FROM = 0.10  # the nose's base, towards the line of the eyes
CLOSER_FROM = 1.25  # that distance itself, in parts of the picture's width
# Two stills whose outlines differ in fewer of 256 bits are one picture, written twice.
ALIKE_BELOW = 6
SIDES = ((700, 0), (500, 1), (1000, 1))  # longer side in pixels, steps of enlargement
OUTLINE = 16
Point = tuple[float, float]


def drawn() -> list[str]:
    """Draw an order of poses that nobody knows before."""
    poses = list(POSES)
    secrets.SystemRandom().shuffle(poses)
    return poses


def see(paths: list[str]) -> dict[str, Any]:
    """Look for one face in each still. Call it through the sandbox.

    Returns `stills`, each with the number of `faces`, an `outline` (64 hexadecimal digits) and,
    where there is one face, its `template` and five `points` as parts of the picture's width.
    Raises what `errors.PICTURE_ERRORS` lists.
    """
    return {"stills": [_see(path) for path in paths]}


def _see(path: str) -> dict[str, Any]:
    import numpy as np

    whole = faces.open_upright(path)
    seen: dict[str, Any] = {"faces": 0, "outline": _outline(whole)}
    for side, steps in SIDES:
        picture = whole.copy()
        picture.thumbnail((side, side))
        pixels = np.asarray(picture)
        boxes = faces.boxes_in(pixels, upsampled=steps)
        seen["faces"] = max(seen["faces"], len(boxes))
        if len(boxes) == 1 and seen["faces"] == 1:
            points = faces.points_of(pixels, boxes[0])
            seen["points"] = [[x / picture.width, y / picture.width] for x, y in points]
            seen["template"] = faces.template_of(pixels, boxes[0])
        if boxes:
            break
    return seen


def _outline(picture: Any) -> str:
    """Reduce a picture to where it grows brighter from left to right: 256 bits."""
    import numpy as np

    small = np.asarray(picture.convert("L").resize((OUTLINE + 1, OUTLINE)), dtype=np.int16)
    return str(np.packbits(small[:, 1:] > small[:, :-1]).tobytes().hex())


@dataclass(frozen=True)
class Still:
    """What was seen in one still; nothing of `points` and `template` without just one face."""

    faces: int
    outline: str
    points: Sequence[Point] = ()
    template: Sequence[float] = ()


@dataclass(frozen=True)
class Aim:
    """Where the nose's base stands, in distances of the eyes: `aside` is the person's own left."""

    aside: float
    below: float
    eyes: float  # that distance, in parts of the picture's width


def aim_of(points: Sequence[Point]) -> Aim | None:
    """Read an aim from the five landmarks; None where they make no face."""
    middles = sorted(
        ((one[0] + other[0]) / 2, (one[1] + other[1]) / 2)
        for one, other in (points[:2], points[2:4])
    )
    (x1, y1), (x2, y2) = middles
    eyes = math.hypot(x2 - x1, y2 - y1)
    if eyes < 1e-6:
        return None
    along, (nose_x, nose_y) = ((x2 - x1) / eyes, (y2 - y1) / eyes), points[4]
    x, y = nose_x - (x1 + x2) / 2, nose_y - (y1 + y2) / 2
    return Aim((x * along[0] + y * along[1]) / eyes, (y * along[0] - x * along[1]) / eyes, eyes)


def judge(
    asked: Sequence[str], stills: Sequence[Still], references: Sequence[Sequence[float]]
) -> list[str]:
    """Say what stands against a check, as `number code`; nothing where nothing does.

    Each still has just one face, that of a reference (`faces.SAME_FACE_BELOW`), in the pose that
    was asked for, and no two stills are one picture.
    """
    if len(stills) != len(asked) or not references:
        return ["0 incomplete"]
    against = [
        f"{n} {why}" for n, each in enumerate(stills, 1) if (why := _wrong(each, references))
    ]
    if against:
        return against
    aims = [aim_of(each.points) for each in stills]
    straight = aims[list(asked).index(STRAIGHT)]
    against = [
        f"{n} pose-{pose}"
        for n, (pose, aim) in enumerate(zip(asked, aims, strict=True), 1)
        if straight is None or aim is None or not holds(pose, aim, straight)
    ]
    return against + [
        f"{n} seen-before"
        for n, each in enumerate(stills, 1)
        if any(_alike(each, earlier) for earlier in stills[: n - 1])
    ]


def _wrong(still: Still, references: Sequence[Sequence[float]]) -> str:
    if still.faces != 1:
        return "several-faces" if still.faces else "no-face"
    nearest = min(faces.distance(still.template, each) for each in references)
    return "" if nearest < faces.SAME_FACE_BELOW else "another-face"


def holds(pose: str, aim: Aim, straight: Aim) -> bool:
    """Say whether a still shows a pose, against a straight one of the same person."""
    aside = aim.aside - straight.aside
    return {
        STRAIGHT: True,
        LEFT: aside >= TURNED_FROM,
        RIGHT: aside <= -TURNED_FROM,
        UP: straight.below - aim.below >= RAISED_FROM,
        CLOSER: aim.eyes >= straight.eyes * CLOSER_FROM,
    }[pose]


def _alike(one: Still, other: Still) -> bool:
    differing = int(one.outline, 16) ^ int(other.outline, 16)
    return differing.bit_count() < ALIKE_BELOW
