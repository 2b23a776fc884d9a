"""Media for these tests: painted portraits, and films made of them on the spot."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

KEY = b"a key for these tests, 32 bytes."
OTHER_KEY = b"another key, never embedded here"
PAYLOAD = b"\x01\x23\x45\x67\x89\xab\xcd\xef"
OTHER_PAYLOAD = b"8 bytes."


def talking(portrait: np.ndarray, frames: int, size: tuple[int, int]) -> Iterator[np.ndarray]:
    """A still portrait whose head sways and whose mouth opens: frames [h, w, 3]."""
    width, height = size
    scale = max(width / portrait.shape[1], height / portrait.shape[0])
    big = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    top = (big.shape[0] - height) // 3
    still = np.ascontiguousarray(big[top : top + height, :width])
    face = np.zeros((height, width), np.float32)
    cv2.ellipse(face, (width // 2, height // 2), (width // 5, height * 2 // 5), 0, 0, 360, 1, -1)
    face = cv2.GaussianBlur(face, (0, 0), width / 50)[..., None]
    for k in range(frames):
        sway = np.float32([[1, 0, 3 * np.sin(k / 17)], [0, 1, 2 * np.sin(k / 11)]])
        moved = cv2.warpAffine(still, sway, size, borderMode=cv2.BORDER_REFLECT)
        frame = still * (1 - face) + moved * face
        y, x = int(height * 0.64 + 6 * abs(np.sin(k / 3))), width // 2
        frame[y : y + height // 60, x - width // 20 : x + width // 20] *= 0.6
        yield frame.clip(0, 255).astype(np.uint8)


def write_film(
    path: Path,
    frames: Iterator[np.ndarray],
    *,
    crf: int = 16,
    sound_s: float = 0,
    pix_fmt: str = "yuv420p",
    rate: int = 24,
    codec: str = "libx264",
) -> Path:
    """Encode frames, with a warbling tone if `sound_s`."""
    with av.open(str(path), "w") as out:
        picture = sound = None
        for frame in frames:
            if picture is None:
                picture = out.add_stream(codec, rate=rate)
                picture.height, picture.width, picture.pix_fmt = *frame.shape[:2], pix_fmt
                picture.options = {"crf": str(crf), "preset": "veryfast"}
                if sound_s:
                    sound = out.add_stream("aac", rate=44100, layout="stereo")
            out.mux(picture.encode(av.VideoFrame.from_ndarray(frame, "bgr24")))
        out.mux(picture.encode())
        if sound is not None:
            t = np.arange(int(44100 * sound_s)) / 44100
            tone = 0.3 * np.sin(2 * np.pi * (220 + 3 * np.sin(5 * t)) * t)
            both = np.stack([tone, tone]).astype(np.float32)
            for at in range(0, both.shape[1], 1024):
                block = av.AudioFrame.from_ndarray(both[:, at : at + 1024], "fltp", "stereo")
                block.rate, block.pts, block.time_base = 44100, at, Fraction(1, 44100)
                out.mux(sound.encode(block))
            out.mux(sound.encode())
    return path


def reencode(src: Path, dst: Path, *, crf: int, scale: float = 1.0) -> Path:
    """What a sharing service does: H.264 again at another size, sound dropped."""
    with av.open(str(src)) as source, av.open(str(dst), "w") as out:
        seen = source.streams.video[0]
        track = out.add_stream("libx264", rate=seen.average_rate)
        track.width = round(seen.width * scale / 2) * 2
        track.height = round(seen.height * scale / 2) * 2
        track.pix_fmt = "yuv420p"
        track.options = {"crf": str(crf), "preset": "veryfast"}
        for frame in source.decode(seen):
            small = frame.reformat(track.width, track.height, interpolation="BICUBIC")
            small.pict_type = 0
            out.mux(track.encode(small))
        out.mux(track.encode())
    return dst


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    _, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)
