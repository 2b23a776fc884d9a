"""Write a result again with its payload: a film, a picture, a recording. Runs in the sandbox."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

import watermark.image
import watermark.recording
import watermark.video
from app.gateway.slates import Slate

JPEG_QUALITY = 95  # the mark's strength is measured before it; a lower one would cost some of it


def embed(
    *, source: str, target: str, payload_hex: str, watermark_key_hex: str, slate: str = ""
) -> dict[str, Any]:
    """Mark `source`, whole, as `target`, in every frame and the sound; return how many frames."""
    payload, key = bytes.fromhex(payload_hex), bytes.fromhex(watermark_key_hex)
    draw = Slate(slate).draw if slate else None
    report = watermark.video.embed(Path(source), Path(target), payload, key, draw=draw)
    return {"frames": report.frames}


def embed_picture(
    *, source: str, target: str, payload_hex: str, watermark_key_hex: str, slate: str = ""
) -> dict[str, Any]:
    """Mark the picture `source` as `target`, upright, with nothing beside its pixels."""
    decoded = cv2.imread(source, cv2.IMREAD_COLOR)
    if decoded is None:
        raise ValueError("the picture cannot be decoded")
    pixels = np.asarray(decoded, np.uint8)
    if slate:
        Slate(slate).draw_on(pixels)
    payload, key = bytes.fromhex(payload_hex), bytes.fromhex(watermark_key_hex)
    marked = watermark.image.embed(pixels, payload, key)
    if not cv2.imwrite(target, marked, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]):
        raise ValueError("the marked picture cannot be written")
    return {"frames": 1}


def embed_sound(
    *, source: str, target: str, payload_hex: str, watermark_key_hex: str
) -> dict[str, Any]:
    """Mark the recording `source` as `target`, in the codec it came in."""
    payload, key = bytes.fromhex(payload_hex), bytes.fromhex(watermark_key_hex)
    return {"tracks": watermark.recording.embed(Path(source), Path(target), payload, key)}
