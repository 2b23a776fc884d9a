"""Write frames and sound as MP4: H.264 and AAC, the same bytes for the same input.

One thread and no dates, so that nothing but the input decides the bytes.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from app.gateway.generators.puppet.landmarks import Picture

SOUND_RATE = 48_000
AAC_FRAME = 1024  # samples
BT709 = 1  # primaries, transfer and matrix alike
SPOKEN = "Synthetic speech, not the performer's voice."
RECORDED = "Synthetic picture, driven by a voice recording."


def write_film(
    path: Path,
    frames: Iterable[Picture],
    samples: NDArray[np.float32],
    rate: int,
    *,
    size: tuple[int, int],
    fps: int,
    title: str,
    comment: str,
) -> None:
    """Write `frames` (BGR, `size` = width, height) and mono `samples` (-1..1 at `rate` Hz)."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as film:
        film.metadata["title"] = title
        film.metadata["comment"] = comment
        video = film.add_stream("libx264", rate=fps)
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        video.thread_count = 1
        video.options = {"crf": "18", "preset": "veryfast", "threads": "1"}
        context = video.codec_context
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = 1  # limited, as players expect
        audio = film.add_stream("aac", rate=SOUND_RATE, layout="mono")
        audio.bit_rate = 128_000
        for sound in _resample(_within(samples, rate), rate):
            film.mux(audio.encode(sound))
        film.mux(audio.encode())
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="bgr24").reformat(
                format="yuv420p",
                dst_colorspace="ITU709",
                dst_color_range="MPEG",
            )
            picture.pts, picture.time_base = number, Fraction(1, fps)
            film.mux(video.encode(picture))
        film.mux(video.encode())


def _within(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """The sound, shortened so that in whole AAC frames, one of them lead-in, it ends in time."""
    length_s = len(samples) / rate
    whole = int(length_s * SOUND_RATE / AAC_FRAME) - 1
    return samples[: int(whole * AAC_FRAME / SOUND_RATE * rate)]


def _resample(samples: NDArray[np.float32], rate: int) -> Iterator[av.AudioFrame]:
    sound = av.AudioFrame.from_ndarray(samples[None, :], format="fltp", layout="mono")
    sound.sample_rate = rate
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=SOUND_RATE)
    yield from resampler.resample(sound)
    yield from resampler.resample(None)
