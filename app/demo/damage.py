"""What happens to files in the world: remuxed, re-encoded, rescaled; one byte changed."""

from pathlib import Path

import av

SCALE = 0.75
CRF = 28


def reencode(source: Path, target: Path) -> None:
    """Write the film anew at three quarters of its size, x264 CRF 28, AAC; no metadata survives."""
    with av.open(str(source)) as film, av.open(str(target), "w") as copy:
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


def flip_byte(source: Path, target: Path) -> None:
    """Copy the file with one bit changed, in the middle of its pictures."""
    content = bytearray(source.read_bytes())
    content[len(content) // 2] ^= 1
    target.write_bytes(content)
