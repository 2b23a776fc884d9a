"""A photo beside the portrait: is the light good, is it sharp, is it this face, turned as asked?

`see` touches pixels and runs inside the sandbox only. `judge` is pure: it says everything that is
to be done better, as codes. How the thresholds were chosen, and what they are worth: docs/faces.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.registry import faces, poses

POSES = (poses.STRAIGHT, poses.LEFT, poses.RIGHT, poses.UP)  # in the order they are asked for
STILL_SIDE = 320
FACE_SIDE = 128  # pixels at which light and sharpness of a face are measured
# How they were chosen: docs/faces.md. Dark is both: dark skin in good light has contrast.
DARK_BELOW, FLAT_BELOW = 0.18, 0.08  # mean, and spread, of a face's brightness; white is 1
GLARING_FROM = 0.15  # part of a face that is white
UNEVEN_FROM = 0.35  # of white, between a face's two halves
BLURRED_BELOW = 0.10  # spread of the Laplacian, in parts of the spread of brightness
SMALL_BELOW, FEW_BELOW = 0.15, 100  # width of a face: of the shorter side; in pixels
STRAIGHT_WITHIN = 0.2  # the nose's base, sideways, in distances of the eyes


def see(path: str) -> dict[str, Any]:
    """Read a photo, find its faces, measure the one. Call it through the sandbox.

    Returns `media_type`, `width`, `height`, the number of `faces`, a small `still` (JPEG, base64)
    and, of just one face, what `Photo` has beside them. Raises what
    `errors.PICTURE_ERRORS` lists.
    """
    seen, media_type, width, height = faces.read_upright(path)
    whole, still = seen.copy(), seen.copy()
    sightings = faces.sightings_in(seen, width)
    found: dict[str, Any] = {
        "media_type": media_type,
        "width": width,
        "height": height,
        "faces": len(sightings),
        "still": faces.jpeg_of(still, STILL_SIDE),
    }
    if len(sightings) == 1:
        box, pixels, at = sightings[0]
        wide = pixels.shape[1]
        found["points"] = [[x / wide, y / wide] for x, y in faces.points_of(pixels, at)]
        found["template"] = faces.template_of(pixels, at)
        found["face_width"] = box[2] - box[0]
        found |= _light(whole, [edge * whole.width / width for edge in box])
    return found


@dataclass(frozen=True)
class Photo:
    """What was seen in one photo; of `points` to `sharpness` nothing without just one face."""

    media_type: str
    width: int
    height: int
    size_bytes: int
    sha256: str
    still: bytes
    faces: int
    points: Sequence[poses.Point] = ()
    template: Sequence[float] = ()
    face_width: int = 0
    light: float = 0.0
    contrast: float = 0.0
    glare: float = 0.0
    aside: float = 0.0
    sharpness: float = 0.0


def judge(
    pose: str,
    photo: Photo,
    portrait: Sequence[float],
    straight: Sequence[poses.Point] | None,
) -> list[str]:
    """Say everything that is to be done better, as codes; nothing where the photo is good.

    `portrait` is the template of who is enrolled, and no other: photos are never compared with
    photos, so that no face drifts into another's. `straight`: the points of their straight photo.
    """
    if photo.faces != 1:
        return ["several-faces" if photo.faces else "no-face"]
    wrong = []
    if faces.distance(photo.template, portrait) >= faces.SAME_FACE_BELOW:
        wrong.append("another-face")
    if photo.light < DARK_BELOW and photo.contrast < FLAT_BELOW:
        wrong.append("too-dark")
    if photo.glare >= GLARING_FROM:
        wrong.append("too-bright")
    if photo.aside >= UNEVEN_FROM:
        wrong.append("uneven-light")
    if photo.sharpness < BLURRED_BELOW * photo.contrast:
        wrong.append("blurred")
    part = photo.face_width / min(photo.width, photo.height)
    if part < SMALL_BELOW or photo.face_width < FEW_BELOW:
        wrong.append("too-small")
    if not _is_turned(pose, photo, straight):
        wrong.append(f"pose-{pose}")
    return wrong


def _is_turned(pose: str, photo: Photo, straight: Sequence[poses.Point] | None) -> bool:
    aim = poses.aim_of(photo.points)
    if aim is None:
        return False
    if pose == poses.STRAIGHT:
        return abs(aim.aside) < STRAIGHT_WITHIN
    against = None if straight is None else poses.aim_of(straight)
    return against is not None and poses.holds(pose, aim, against)


def _light(picture: Any, box: Sequence[float]) -> dict[str, float]:
    """Measure a face: brightness and its spread, what is white of it, its two halves, its edges."""
    import numpy as np

    left, top, right, bottom = box
    face = picture.crop((round(left), round(top), round(right), round(bottom))).convert("L")
    gray = np.asarray(face.resize((FACE_SIDE, FACE_SIDE)), dtype=np.float64) / 255
    half = FACE_SIDE // 2
    edges = (
        gray[1:-1, :-2] + gray[1:-1, 2:] + gray[:-2, 1:-1] + gray[2:, 1:-1] - 4 * gray[1:-1, 1:-1]
    )
    return {
        "light": float(gray.mean()),
        "glare": float((gray > 0.98).mean()),
        "aside": float(abs(gray[:, :half].mean() - gray[:, half:].mean())),
        "contrast": float(gray.std()),
        "sharpness": float(edges.std()),
    }
