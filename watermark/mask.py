"""How much mark each part of a picture hides, and how much the picture as a whole takes.

Noise is seen least where the picture is busy (contrast masking) and at the ends of the
brightness scale (Watson, SPIE 1913, 1993). Local activity is the deviation over a small window,
eroded so that the flat side of an edge stays clean. The overall strength then follows from two
limits: mean structural similarity (Wang et al., IEEE Trans. Image Processing 13, 2004), whose
loss per pixel is about n**2 / (2 variance + C2) for noise n, and PSNR.
"""

import cv2
import numpy as np

from watermark.arrays import Floats, Luma

_ACTIVITY = 0.25  # gain per grey level of deviation
_CAP = 6.0
_QUIET = 1.5  # gray levels of noise that even a flat place has
_TRUST = 1.5  # power of the weight of a place; 1 would be right if the mask were known exactly
_C2 = 58.5225  # the stabilizer of SSIM at 8 bits, (0.03 * 255) ** 2


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


def strength(luma: Luma, shape: Floats, ssim: float, psnr_db: float) -> float:
    """The factor for noise of local deviation `shape` that meets both limits.

    Never below `psnr_db`, and a mean structural similarity of about `ssim`.
    """
    step = max(1, int(np.sqrt(luma.size / 4e5)))
    values = luma.astype(np.float32)
    mean = cv2.GaussianBlur(values, (0, 0), 1.5)
    variance = np.maximum(cv2.GaussianBlur(values * values, (0, 0), 1.5) - mean * mean, 0)
    noise = (shape * shape)[::step, ::step]
    loss = float(np.mean(noise / (2 * variance[::step, ::step] + _C2 + noise)))
    by_ssim = np.sqrt((1 - ssim) / max(loss, 1e-9))
    allowed = 255**2 * 10 ** (-psnr_db / 10) - 1 / 12  # rounding to whole levels adds a twelfth
    by_psnr = np.sqrt(allowed / (float(noise.mean()) + 1e-12))
    return float(min(by_ssim, by_psnr))


def residual(luma: Luma) -> Floats:
    """What a detector looks at: the picture without its slow part, flattened and clipped.

    Dividing by the local deviation evens the noise; the weight that follows is what the mask
    would have put there over that noise, so that places which carry more count for more.
    """
    values = luma.astype(np.float32)
    detail = values - cv2.GaussianBlur(values, (0, 0), 2.5)
    deviation = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), 2.6))
    noise = deviation + _QUIET
    weight = ((1 + _ACTIVITY * np.minimum(deviation, 20)) / noise) ** _TRUST
    weight *= np.float32(1 / max(float(weight.mean()), 1e-9))
    return np.asarray(np.clip(detail / noise, -2.5, 2.5) * weight)
