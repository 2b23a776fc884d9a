"""The mark in still pictures: `embed` and `detect`."""

from dataclasses import dataclass

import cv2
import numpy as np

from watermark import informed, mask, reading
from watermark import payload as message
from watermark import tile as tiles
from watermark.arrays import Image
from watermark.errors import MediaTooLarge, UnsuitableMedia

SMALLEST = 64  # pixels along the shorter side
MAX_PIXELS = 100_000_000
TARGET_SSIM = 0.988
LOWEST_PSNR_DB = 41.5
_WORKING_PIXELS = 1.1e6


@dataclass(frozen=True)
class Detection:
    """A payload that was read.

    `false_positive_log10` bounds the chance that an unmarked picture yields any payload;
    `region` is the box that shows the mark, in pixels: left, top, width, height.
    """

    payload: bytes
    false_positive_log10: float
    region: tuple[int, int, int, int]


def embed(image: Image, payload: bytes, key: bytes) -> Image:
    """A copy of `image` that carries `payload`, its size and look unchanged.

    `image` is uint8 [height, width, 3], BGR; `payload` 8 bytes; `key` at least 16. The same
    change is added to all three channels. Raises BadPayload, UnsuitableMedia or MediaTooLarge.
    """
    message.check(payload, key)
    check(image)
    luma = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    mark = informed.mark_of(payload, key, *luma.shape)
    gain = mask.gain(luma, mark.cell())
    strength = mask.strength(luma, gain, TARGET_SSIM, LOWEST_PSNR_DB)
    change = informed.shaped(mark, luma, gain, strength, _WORKING_PIXELS)
    change *= gain
    change *= np.float32(strength)
    return np.asarray(cv2.add(image, cv2.merge([change] * 3), dtype=cv2.CV_8U), np.uint8)


def detect(image: Image, key: bytes) -> Detection | None:
    """The payload that `key` finds in `image`, or None; never a wrong one.

    Survives change of size, crop, rotation, mirroring and compression within the limits in
    docs/watermark-benchmarks.md. Raises BadPayload, UnsuitableMedia or MediaTooLarge.
    """
    message.check_key(key)
    check(image)
    luma = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    seen = informed.working(luma, _WORKING_PIXELS)
    residual = mask.residual(seen)
    reader = reading.Reader(key)
    found = reader.read(residual)
    if found is None:
        return None
    return Detection(
        found.payload,
        reader.false_positive_log10(),
        reader.region(residual, found, luma.shape),
    )


def tile_grid(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of tiles over a picture: public, the same for every key."""
    return tiles.grid(height, width)


def check(image: Image) -> None:
    """Accept a picture that can be worked on, or say why not."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        raise UnsuitableMedia("a picture is a numpy array of uint8")
    if image.ndim != 3 or image.shape[2] != 3:
        raise UnsuitableMedia(f"a picture has shape [height, width, 3], this one {image.shape}")
    check_size(*image.shape[:2])


def check_size(height: int, width: int) -> None:
    """Accept a size from SMALLEST a side to MAX_PIXELS in all."""
    if min(height, width) < SMALLEST:
        raise UnsuitableMedia(f"{width} x {height} pixels; a mark needs {SMALLEST} a side")
    if height * width > MAX_PIXELS:
        raise MediaTooLarge(f"{width} x {height} pixels; at most {MAX_PIXELS} in all are taken")
