"""Videos as generators return them: honest ones, and everything else."""

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

SAMPLES = Path(__file__).parent.parent.parent / "samples"
RATE = 10


def scene(*names: str, size: tuple[int, int] = (640, 480)) -> Image.Image:
    """Painted performers side by side, on gray."""
    picture = Image.new("RGB", size, "gray")
    for place, name in enumerate(names):
        with Image.open(SAMPLES / f"{name}.jpg") as portrait:
            performer = portrait.convert("RGB")
        performer.thumbnail((size[0] // max(2, len(names)) - 10, size[1] - 10))
        picture.paste(performer, (place * (size[0] // len(names)) + 5, 5))
    return picture


def film(
    frames: list[Image.Image],
    *,
    container: str = "mp4",
    codec: str = "libx264",
    sound: bool | np.ndarray = False,
) -> bytes:
    """Write frames at ten a second; `sound` is silence, or samples at 16 kHz."""
    memory = io.BytesIO()
    with av.open(memory, "w", format=container) as media:
        stream = media.add_stream(codec, rate=RATE, options={"preset": "ultrafast"})
        width, height = frames[0].size if frames else (640, 480)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = 1
        voice = media.add_stream("aac", rate=16_000, layout="mono") if sound is not False else None
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            media.mux(stream.encode(frame))
        media.mux(stream.encode())
        if voice is not None:
            whole = np.zeros(len(frames) * 16_000 // RATE, np.float32)
            if isinstance(sound, np.ndarray):
                whole[: len(sound)] = sound[: len(whole)]
            for number in range(len(whole) // 1024):
                samples = whole[None, number * 1024 : (number + 1) * 1024]
                heard = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
                heard.sample_rate, heard.pts = 16_000, number * 1024
                media.mux(voice.encode(heard))
            media.mux(voice.encode())
    return memory.getvalue()


def only_sound() -> bytes:
    memory = io.BytesIO()
    with av.open(memory, "w", format="mp4") as media:
        voice = media.add_stream("aac", rate=16_000, layout="mono")
        for number in range(20):
            frame = av.AudioFrame.from_ndarray(
                np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
            )
            frame.sample_rate, frame.pts = 16_000, number * 1024
            media.mux(voice.encode(frame))
        media.mux(voice.encode())
    return memory.getvalue()


def without_frames() -> bytes:
    """A video whose sample table is there and whose stream holds no picture at all."""
    return film([])


def playlist(secret: Path) -> bytes:
    """Not a video but a list that asks its reader to open another file, or an address."""
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{secret}\n".encode()


def cut(content: bytes, share: float = 0.5) -> bytes:
    return content[: int(len(content) * share)]


UNREADABLE: dict[str, Callable[[], bytes]] = {
    "zero-length": lambda: b"",
    "a text": lambda: b"Here is your video!",
    "an error page": lambda: b"<html>502 Bad Gateway</html>",
    "a picture": (SAMPLES / "isaac-newton.jpg").read_bytes,
    "a GIF": lambda: b"GIF89a" + bytes(50),
    "an AVI": lambda: b"RIFF\x10\0\0\0AVI LIST" + bytes(50),
    "only an MP4's first box": lambda: b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
    "only a WebM's first bytes": lambda: b"\x1aE\xdf\xa3" + bytes(60),
    "sound alone": only_sound,
    "a playlist": lambda: playlist(Path("/etc/passwd")),
    "an MP4 whose index was cut off": lambda: cut(film([scene("isaac-newton")] * 10)),
}
