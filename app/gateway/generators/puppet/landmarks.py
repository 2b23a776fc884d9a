"""Read a reference portrait and find the 68 landmarks of the one face in it.

Loads dlib and OpenCV: for the child process that renders, never for the server.
"""

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # height x width x 3, BGR
Points = NDArray[np.float64]  # n x 2, pixels
Floats = NDArray[np.float32]

MAX_PORTRAIT_BYTES = 64 << 20
MAX_PORTRAIT_PIXELS = 50_000_000
LONGEST_SIDE = 2400
DETECTION_SIDES = (900, 640, 1280)  # the detector misses some faces at one scale, not at another
JITTER = [(dx, dy, k) for k in (1.0, 1.12, 1.25) for dx in (-0.05, 0, 0.05) for dy in (-0.08, 0)]


class UnusablePortrait(Exception):
    """The portrait cannot be animated; `reason` is a stable code."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def limit_decoding() -> None:
    """Have OpenCV refuse huge pictures before decoding; it asks once, when it is loaded."""
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(MAX_PORTRAIT_PIXELS)


def read_portrait(path: Path) -> Picture:
    """Decode a portrait to BGR, upright, its longer side at most 2400 pixels.

    Raises UnusablePortrait("portrait-unreadable") on anything but a picture of sane size. A
    process that calls `limit_decoding` first never decodes a bomb.
    """
    import cv2

    data = path.read_bytes() if path.stat().st_size <= MAX_PORTRAIT_BYTES else b""
    picture = None
    if data:
        try:
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        except cv2.error:
            picture = None
    if picture is None or min(picture.shape[:2]) < 64:
        raise UnusablePortrait(
            "portrait-unreadable",
            "The portrait is empty, damaged, too large or not a picture. Give a JPEG or PNG "
            f"of at least 64 pixels a side and at most {MAX_PORTRAIT_PIXELS // 10**6} megapixels.",
        )
    scale = min(1.0, LONGEST_SIDE / max(picture.shape[:2]))
    if scale < 1:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(picture, np.uint8)


def find_landmarks(picture: Picture) -> Points:
    """Return the 68 landmarks (iBUG order, pixels of `picture`) of the only face in it.

    Raises UnusablePortrait "no-face" or "several-faces".
    The landmarks are medians over shifted and grown face boxes: one box alone misplaces
    lips and chin by up to a tenth of the face on painted portraits.
    """
    import dlib

    box = _the_only_face(picture)
    rgb = np.ascontiguousarray(picture[..., ::-1])
    left, top, size = box
    found = []
    predictor = _load_predictor()
    for dx, dy, growth in JITTER:
        side = size * growth
        x = left + size / 2 + dx * size - side / 2
        y = top + size / 2 + dy * size - side / 2
        tried = dlib.rectangle(round(x), round(y), round(x + side), round(y + side))
        found.append([(p.x, p.y) for p in predictor(rgb, tried).parts()])
    points: Points = np.median(np.array(found, np.float64), axis=0)
    return points


def _the_only_face(picture: Picture) -> tuple[float, float, float]:
    """Left, top and side of the only face's box, in pixels of `picture`."""
    import cv2
    import dlib

    detector = dlib.get_frontal_face_detector()
    for side in DETECTION_SIDES:
        scale = min(1.0, side / max(picture.shape[:2]))
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        boxes = detector(np.ascontiguousarray(small[..., ::-1]), 1)
        if len(boxes) > 1:
            raise UnusablePortrait(
                "several-faces",
                f"The portrait shows {len(boxes)} faces and nobody can tell whose replica this "
                "is. Crop it to the performer alone.",
            )
        if len(boxes) == 1:
            box = boxes[0]
            return box.left() / scale, box.top() / scale, box.width() / scale
        if scale == 1.0:
            continue
    raise UnusablePortrait(
        "no-face",
        "No face was found in the portrait. Give one that shows the performer's face from the "
        "front, well lit and at least 80 pixels wide.",
    )


def _load_predictor() -> Any:
    """dlib's landmark predictor; the package that ships its file is found, never imported.

    A hundred megabytes: not kept.
    """
    import dlib

    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise UnusablePortrait("generator-incomplete", "The landmark model is not installed.")
    models = Path(spec.origin).parent / "models"
    return dlib.shape_predictor(str(models / "shape_predictor_68_face_landmarks.dat"))


def unit(vector: Points) -> Points:
    """The direction of `vector`, one pixel long."""
    direction: Points = vector / max(float(np.hypot(vector[0], vector[1])), 1e-6)
    return direction
