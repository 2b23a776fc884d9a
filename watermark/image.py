"""The mark in still pictures: `embed` and `detect`."""

from dataclasses import dataclass

import cv2
import numpy as np

from watermark import informed, mask, reading, sync
from watermark import payload as message
from watermark import tile as tiles
from watermark.arrays import Image
from watermark.errors import MediaTooLarge, UnsuitableMedia

SMALLEST = 64  # pixels along the shorter side
MAX_PIXELS = 100_000_000
TRIES = (8, 128)  # messages tried in one decode, and where it looks likely
TARGET_SSIM = 0.9908
LOWEST_PSNR_DB = 43.02
_WORKING_PIXELS = 0.8e6  # of a picture as a detector looks at it
_BAND = 64  # rows colored together: they stay in the processor's cache
_LUMA = np.array([0.114, 0.587, 0.299])  # of blue, green and red (ITU-R BT.601)
_COLOR = _LUMA / (_LUMA @ _LUMA)  # the least change of color that changes luma by one


@dataclass(frozen=True)
class Detection:
    """A payload that was read.

    `false_positive_log10` bounds the chance that an unmarked picture yields any payload;
    `region` is the box that shows the mark, in pixels: left, top, width, height; `key_index` says
    which of the keys found it, 0 for the first.
    """

    payload: bytes
    false_positive_log10: float
    region: tuple[int, int, int, int]
    key_index: int = 0


def embed(image: Image, payload: bytes, key: bytes) -> Image:
    """A copy of `image` that carries `payload`, its size and look unchanged.

    `image` is uint8 [height, width, 3], BGR; `payload` 8 bytes; `key` at least 16. Structural
    similarity stays at 0.99 and PSNR at 43 dB or better. Raises BadPayload, UnsuitableMedia or
    MediaTooLarge.
    """
    message.check(payload, key)
    check(image)
    luma = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    mark = informed.mark_of(payload, key, *luma.shape)
    gain = mask.gain(luma, mark.cell())
    cost_db = 10 * np.log10(np.mean(_COLOR**2))  # of the color change against that of luma
    limits = mask.Limits(TARGET_SSIM, LOWEST_PSNR_DB + float(cost_db))
    strength = mask.strength(luma, gain, limits)
    change = informed.shaped(mark, luma, gain, strength)
    cv2.multiply(change, gain, dst=change, scale=strength)
    shares = _COLOR * mask.correction(luma, change, limits)
    marked = np.empty_like(image)
    for top in range(0, len(image), _BAND):
        rows = slice(top, top + _BAND)
        colors = cv2.merge([change[rows] * np.float32(share) for share in shares])
        marked[rows] = cv2.add(image[rows], colors, dtype=cv2.CV_8U)
    return marked


def detect(image: Image, *keys: bytes) -> Detection | None:
    """The payload that the first of one to three `keys` finds in `image`, or None; never a wrong
    one.

    Survives change of size, crop, rotation, mirroring and compression within the limits in
    docs/watermark-benchmarks.md. Each further key costs a search of its own where those before it
    find nothing. Raises BadPayload, UnsuitableMedia or MediaTooLarge.
    """
    message.check_keys(keys)
    check(image)
    luma = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    seen = informed.working(luma, _WORKING_PIXELS)
    residual = mask.residual(seen)
    spectrum = sync.spectrum(residual)
    attempts = 0
    for index, key in enumerate(keys):
        reader = reading.Reader(key, TRIES, limit=message.limit(keys))
        found = reader.read(residual, spectrum)
        attempts += reader.attempts
        if found is not None:
            bound = message.log10_false_positive(attempts)
            region = reader.region(residual, found, luma.shape)
            return Detection(found.payload, bound, region, index)
    return None


def tile_grid(height: int, width: int) -> tuple[float, float]:
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
