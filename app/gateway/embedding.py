"""Write a film again with its payload in every frame and the sound. Runs in the sandbox."""

from pathlib import Path
from typing import Any

import watermark.video


def embed(*, source: str, target: str, payload_hex: str, watermark_key_hex: str) -> dict[str, Any]:
    """Mark `source`, whole, as `target`; return how many frames it has. JSON in, JSON out."""
    payload, key = bytes.fromhex(payload_hex), bytes.fromhex(watermark_key_hex)
    return {"frames": watermark.video.embed(Path(source), Path(target), payload, key).frames}
