"""Set the portrait on the stage: fill a wide frame around the head, and write the label.

Pure: arrays in, arrays out.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from app.gateway.generators.puppet.landmarks import Picture, Points

LABEL = "AI replica - puppet"
LABEL_LIGHT = 235
TIGHTEST, WIDEST = 2.25, 2.8  # frame height in face heights (brow to chin)
HEADROOM = 0.6  # share of the room around the face that lies above it
EDGE_TRIM = 0.012  # of the shorter side
MIRRORED = 0.035  # at most this share of the portrait is repeated past an edge
# Blur (sigma), from and to which distance outside the portrait it takes over, brightness.
SOFTER = (
    (2, 0, 16, 1.0),
    (6, 8, 45, 1.0),
    (14, 30, 100, 0.95),
    (36, 70, 180, 0.88),
    (96, 120, 330, 0.7),
)

FloatArray = NDArray[np.float64]


def stage(
    picture: Picture, landmarks: Points, *, width: int, height: int
) -> tuple[Picture, Points]:
    """Return the portrait filling `width` x `height`, head and hair inside, and its landmarks.

    The view takes in as much of the portrait as it can without leaving it. A portrait too narrow
    for that is continued past its edges by what lies along them, softer the farther out.
    """
    trim = round(EDGE_TRIM * min(picture.shape[:2]))  # photographs of paintings show frame edges
    picture = picture[trim : picture.shape[0] - trim, trim : picture.shape[1] - trim]
    landmarks = landmarks - trim
    left, top, scale = _view(picture, landmarks, width=width, height=height)
    shrink = min(scale, 1.0)
    if shrink < 1:  # shrink well first: resampling alone aliases
        smaller = cv2.resize(picture, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        picture = np.asarray(smaller, np.uint8)
    xs, outside_x = _read_along((np.arange(width) / scale + left) * shrink, picture.shape[1])
    ys, outside_y = _read_along((np.arange(height) / scale + top) * shrink, picture.shape[0])
    map_x, map_y = np.meshgrid(xs.astype(np.float32), ys.astype(np.float32))
    canvas = cv2.remap(picture, map_x, map_y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101)
    outside = np.maximum(outside_x[None, :], outside_y[:, None]) * (scale / shrink)
    return _soften(np.asarray(canvas, np.uint8), outside), (landmarks - (left, top)) * scale


def _read_along(at: FloatArray, length: int) -> tuple[FloatArray, FloatArray]:
    """Where to read a row at positions `at`, and how far outside 0..length-1 each lies.

    Past an end the row is read backwards, ever slower, so that only what lies along the edge is
    drawn out; a plain mirror image would repeat hair and shoulders.
    """
    clipped = np.clip(at, 0, length - 1)
    beyond = at - clipped
    reach = MIRRORED * length
    back = np.sign(beyond) * reach * (1 - np.exp(-np.abs(beyond) / reach))
    return clipped - back, np.abs(beyond)


def _view(
    picture: Picture, landmarks: Points, *, width: int, height: int
) -> tuple[float, float, float]:
    """Left and top of the view in the picture's pixels, and output pixels per picture pixel."""
    picture_h, picture_w = picture.shape[:2]
    brow, chin = landmarks[17:27, 1].min(), landmarks[6:11, 1].max()
    face = float(chin - brow)
    view_h = float(np.clip(picture_w * height / width, TIGHTEST * face, WIDEST * face))
    view_h = min(view_h, max(float(picture_h), 1.6 * face))
    view_w = view_h * width / height
    top = brow - (view_h - face) * HEADROOM
    middle = float(landmarks[:, 0].min() + landmarks[:, 0].max()) / 2
    left = middle - view_w / 2
    return (
        _keep_inside(left, view_w, picture_w),
        _keep_inside(top, view_h, picture_h),
        height / view_h,
    )


def _keep_inside(start: float, length: float, limit: int) -> float:
    """Shift a span into 0..limit; one longer than that is centered on it."""
    if length >= limit:
        return (limit - length) / 2
    return float(np.clip(start, 0, limit - length))


def _soften(canvas: Picture, outside: FloatArray) -> Picture:
    """Blur the frame by its distance outside the portrait (pixels): nothing at the edge.

    Far out nothing is left but dim color, so that a narrow portrait stands before a plain ground.
    """
    if not outside.any():
        return canvas
    height, width = canvas.shape[:2]
    result = canvas.astype(np.float32)
    for sigma, near, far, light in SOFTER:
        weight = np.clip((outside - near) / (far - near), 0, 1)[..., None]
        shrink = max(1, sigma // 6)  # a wide blur needs no detail
        small = cv2.resize(
            canvas, (width // shrink, height // shrink), interpolation=cv2.INTER_AREA
        )
        blurred = cv2.GaussianBlur(small, (0, 0), sigma / shrink)
        blurred = cv2.resize(blurred, (width, height), interpolation=cv2.INTER_CUBIC)
        result += (blurred.astype(np.float32) * light - result) * weight.astype(np.float32)
    return result.clip(0, 255).round().astype(np.uint8)


def label_writer(width: int, height: int) -> Callable[[Picture], Picture]:
    """Return what writes the label into a frame: lower left, small, readable on any ground."""
    size = height / 960
    at = (round(0.036 * height), height - round(0.042 * height))
    shade = np.zeros((height, width), np.uint8)
    cv2.putText(shade, LABEL, at, cv2.FONT_HERSHEY_SIMPLEX, size, 255, 1, cv2.LINE_AA)
    halo = cv2.GaussianBlur(shade, (0, 0), 5 * size).astype(np.float32)[..., None] / 255
    ink = 0.85 * shade.astype(np.float32)[..., None] / 255
    keep = (1 - np.clip(halo * 2, 0, 0.7)) * (1 - ink)
    rows, columns = np.nonzero(keep[..., 0] < 1)
    area = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
    keep, ink = keep[area], ink[area] * LABEL_LIGHT

    def write_label(frame: Picture) -> Picture:
        labelled = frame.copy()
        labelled[area] = (frame[area] * keep + ink).round()
        return labelled

    return write_label
