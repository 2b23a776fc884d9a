"""How much mark each part of a picture hides, and how much the picture as a whole takes.

Noise is seen least where the picture is busy (contrast masking) and at the ends of the
brightness scale (Watson, SPIE 1913, 1993). Local activity is the deviation over a small window,
eroded so that the flat side of an edge stays clean. The overall strength then follows from two
limits: mean structural similarity (Wang et al., IEEE Trans. Image Processing 13, 2004), whose
loss per pixel is about n**2 / (2 variance + C2) for noise n, and PSNR.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from watermark.arrays import Floats, Luma

_ACTIVITY = 0.25  # gain per grey level of deviation
_CAP = 6.0
_SLOW, _NEAR = 1.5, 1.4  # deviations in pixels: of the blur taken away, of the neighborhood
_QUIET = 1.0  # gray levels of noise that even a flat place has
_TRUST = 1.3  # power of the weight of a place; 1 would be right if the mask were known exactly
_C1, _C2 = 6.5025, 58.5225  # the stabilizers of SSIM at 8 bits, (0.01 and 0.03 * 255) ** 2
_JUDGED_PIXELS = 0.5e6
_BAND = 48  # rows judged together


def gain(luma: Luma, cell: int) -> Floats:
    """Relative strength of the mark over `luma`, 1 where it is flat, at most about 8.

    Computed on cells of `cell` pixels; the result has the size of the picture.
    """
    height, width = luma.shape
    small = coarse_gain(luma, max(4, round(width / cell)), max(4, round(height / cell)))
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def coarse_gain(luma: Luma, columns: int, rows: int) -> Floats:
    """The gain at one value per cell, [rows, columns]."""
    height, width = luma.shape
    fine = luma
    if width > 4 * columns or height > 4 * rows:
        fine = cv2.resize(luma, (4 * columns, 4 * rows), interpolation=cv2.INTER_AREA)
    values = fine.astype(np.float32)
    detail = values - cv2.blur(values, (9, 9))
    mean = cv2.resize(values, (columns, rows), interpolation=cv2.INTER_AREA)
    energy = cv2.resize(detail * detail, (columns, rows), interpolation=cv2.INTER_AREA)
    deviation = np.sqrt(energy)
    deviation = 0.5 * cv2.erode(deviation, np.ones((3, 3), np.uint8)) + 0.5 * np.minimum(
        deviation, cv2.blur(deviation, (5, 5))
    )
    dark = np.clip((60 - mean) / 60, 0, 1) ** 2
    bright = np.clip((mean - 170) / 85, 0, 1)
    out = (1 + _ACTIVITY * deviation) * (1 + 0.3 * dark + 0.3 * bright)
    return cv2.GaussianBlur(np.minimum(out, _CAP).astype(np.float32), (0, 0), 0.8)


@dataclass(frozen=True)
class Limits:
    """How far a picture may be changed: mean structural similarity, and PSNR of luma in dB."""

    ssim: float
    psnr_db: float

    def energy(self) -> float:
        """Mean square of the change that is allowed; rounding to whole levels adds a twelfth."""
        return float(255**2 * 10 ** (-self.psnr_db / 10) - 1 / 12)


def strength(luma: Luma, shape: Floats, limits: Limits) -> float:
    """The factor for noise of local deviation `shape` that is expected to meet both limits."""
    loss, energy, count = 0.0, 0.0, 0
    for rows in _judged(luma):
        values, noise = luma[rows].astype(np.float32), shape[rows] * shape[rows]
        mean = cv2.GaussianBlur(values, (0, 0), 1.5)
        variance = np.maximum(cv2.GaussianBlur(values * values, (0, 0), 1.5) - mean * mean, 0)
        loss += float((noise / (2 * variance + _C2 + noise)).sum())
        energy += float(noise.sum())
        count += noise.size
    by_ssim = np.sqrt((1 - limits.ssim) / max(loss / count, 1e-9))
    by_psnr = np.sqrt(limits.energy() / (energy / count + 1e-12))
    return float(min(by_ssim, by_psnr))


def _judged(luma: Luma) -> Iterator[slice]:
    """The rows by which a picture is judged: of large ones, every n-th band."""
    skip = max(1, round(luma.size / _JUDGED_PIXELS))
    for top in range(0, luma.shape[0], _BAND * skip):
        yield slice(top, top + _BAND)


def correction(luma: Luma, change: Floats, limits: Limits) -> float:
    """The factor by which `change` just meets both limits, measured on the picture itself."""
    energy = float(np.vdot(change, change)) / change.size
    by_psnr = np.sqrt(limits.energy() / (energy + 1e-12))
    factor = 1.0
    for _ in range(2):  # the loss grows a little slower than the square
        loss = 1 - _similarity(luma, change, factor)
        factor = min(by_psnr, factor * float(np.sqrt((1 - limits.ssim) / max(loss, 1e-9))))
    return float(factor)


def _similarity(luma: Luma, change: Floats, factor: float) -> float:
    """Mean structural similarity of a picture to itself changed by that much of `change`."""
    loss, count = 0.0, 0
    for rows in _judged(luma):
        before = luma[rows].astype(np.float32)
        after = np.clip(np.rint(before + change[rows] * np.float32(factor)), 0, 255)
        seen = _similarities(before, after)
        loss += float(seen.sum())
        count += seen.size
    return loss / count


def _similarities(before: Floats, after: Floats) -> Floats:
    def mean(values: Floats) -> Floats:
        return cv2.GaussianBlur(values, (11, 11), 1.5)

    one, two = mean(before), mean(after)
    both = one * two
    squares = one * one + two * two
    power = mean(before * before + after * after)
    shared = mean(before * after)
    seen = (2 * both + _C1) * (2 * (shared - both) + _C2)
    return np.asarray(seen / ((squares + _C1) * (power - squares + _C2)))


def residual(luma: Luma) -> Floats:
    """What a detector looks at: the picture without its slow part, flattened and clipped.

    Dividing by the local deviation evens the noise; the weight that follows is what the mask
    would have put there over that noise, so that places which carry more count for more.
    """
    values = luma.astype(np.float32)
    detail = values - cv2.GaussianBlur(values, (0, 0), _SLOW)
    deviation = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), _NEAR))
    noise = deviation + _QUIET
    weight = ((1 + _ACTIVITY * np.minimum(deviation, 20)) / noise) ** _TRUST
    weight *= np.float32(1 / max(float(weight.mean()), 1e-9))
    return np.asarray(np.clip(detail / noise, -2.5, 2.5) * weight)
