"""What the demo does to films and reads of them: plain data in and out, made for a child."""

from pathlib import Path
from typing import Any

import av

SCALE = 0.75
CRF = 28


def write_anew(*, source: str, target: str) -> dict[str, Any]:
    """Write the film anew at three quarters of its size, x264 CRF 28, AAC; no metadata survives."""
    with av.open(source) as film, av.open(target, "w") as copy:
        picture, sound = film.streams.video[0], film.streams.audio[0]
        width = round(picture.codec_context.width * SCALE / 2) * 2
        height = round(picture.codec_context.height * SCALE / 2) * 2
        out_picture = copy.add_stream("libx264", rate=picture.average_rate)
        out_picture.width, out_picture.height, out_picture.pix_fmt = width, height, "yuv420p"
        out_picture.options = {"crf": str(CRF), "preset": "veryfast"}
        out_sound = copy.add_stream("aac", rate=sound.codec_context.sample_rate, layout="mono")
        out_sound.bit_rate = 96_000
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=out_sound.rate)
        for frame in film.decode(picture, sound):
            if isinstance(frame, av.VideoFrame):
                small = frame.reformat(width=width, height=height, format="yuv420p")
                small.pict_type = av.video.frame.PictureType.NONE
                copy.mux(out_picture.encode(small))
            elif isinstance(frame, av.AudioFrame):
                for piece in resampler.resample(frame):
                    copy.mux(out_sound.encode(piece))
        copy.mux(out_picture.encode(None))
        copy.mux(out_sound.encode(None))
    return {}


def draw_frames(*, path: str, target: str, count: int, size: tuple[int, int]) -> dict[str, Any]:
    """Write frames spread evenly over the film side by side; fewer where it reads no further."""
    from PIL import Image

    width, height = size
    strip = Image.new("RGB", (count * width, height))
    found = 0
    with av.open(path) as film:
        total = film.streams.video[0].frames or 1
        wanted = {round((index + 0.5) * total / count) for index in range(count)}
        try:
            for number, frame in enumerate(film.decode(video=0)):
                if number in wanted:
                    picture = Image.fromarray(frame.to_ndarray(format="rgb24"))
                    strip.paste(picture.resize(size, Image.Resampling.LANCZOS), (found * width, 0))
                    found += 1
        except av.FFmpegError:
            pass  # a damaged film shows what it still shows
    Path(target).write_bytes(strip.tobytes())
    return {"found": found}
