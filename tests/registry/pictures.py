"""Pictures as the world sends them: honest ones, odd ones, hostile ones."""

import io
import struct
import zlib
from pathlib import Path

from PIL import Image

SAMPLES = Path(__file__).parent.parent.parent / "samples"
GIRL = SAMPLES / "girl-with-a-pearl-earring.jpg"


def girl(width: int = 400) -> Image.Image:
    """The Girl with a Pearl Earring, `width` pixels wide."""
    with Image.open(GIRL) as picture:
        return picture.convert("RGB").resize((width, round(width * 947 / 800)))


def saved(picture: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    memory = io.BytesIO()
    picture.save(memory, kind, **options)
    return memory.getvalue()


def two_faces() -> bytes:
    both = Image.new("RGB", (820, 480), "white")
    both.paste(girl(), (0, 0))
    with Image.open(SAMPLES / "isaac-newton.jpg") as newton:
        both.paste(newton.convert("RGB").resize((400, 400)), (410, 0))
    return saved(both)


def no_face() -> bytes:
    return saved(Image.linear_gradient("L").convert("RGB").resize((400, 400)))


def turned_on_its_side(picture: Image.Image) -> bytes:
    """A picture as a phone held sideways writes it: pixels lying, EXIF saying so."""
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn a quarter clockwise to view
    return saved(picture.transpose(Image.Transpose.ROTATE_90), exif=exif.tobytes())


def with_alpha() -> bytes:
    picture = girl().convert("RGBA")
    return saved(picture, "PNG")


def multi_picture_jpeg() -> bytes:
    """What phones write: a JPEG with a second picture (depth, brightness) behind the first."""
    return saved(girl(), "MPO", save_all=True, append_images=[girl(100)])


def animation(kind: str) -> bytes:
    frames = [girl(), girl().transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)


def _chunk(kind: bytes, content: bytes) -> bytes:
    crc = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + crc


def claiming(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes whose header claims these dimensions, and whose data deliver them.

    Eight gray levels packed into bits: 20 000 x 20 000 pixels are 50 MB inflated, 49 kB sent.
    """
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    deflate = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    data = b"".join([*(deflate.compress(row) for _ in range(height)), deflate.flush()])
    signature = b"\x89PNG\r\n\x1a\n"
    return b"".join(
        [signature, _chunk(b"IHDR", header), _chunk(b"IDAT", data), _chunk(b"IEND", b"")]
    )


def png_with_a_text_bomb() -> bytes:
    """A PNG whose compressed text chunk inflates a thousandfold."""
    bomb = zlib.compress(b"x" * (200 << 20), 9)
    picture = saved(girl(), "PNG")
    return picture[:33] + _chunk(b"zTXt", b"Comment\0\0" + bomb) + picture[33:]


HOSTILE: dict[str, tuple[str, object]] = {
    "zero-length": ("image-empty", lambda: b""),
    "one byte": ("image-not-supported", lambda: b"\xff"),
    "a text called jpg": ("image-not-supported", lambda: b"Dear sir, my likeness is worth a lot."),
    "an HTML page": ("image-not-supported", lambda: b"<html><script>alert(1)</script></html>"),
    "an SVG": ("image-not-supported", lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    "a GIF": ("image-not-supported", lambda: saved(girl(), "GIF")),
    "a TIFF": ("image-not-supported", lambda: saved(girl(), "TIFF")),
    "a BMP": ("image-not-supported", lambda: saved(girl(), "BMP")),
    "an EPS, which Ghostscript would run": (
        "image-not-supported",
        lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (w) file\n",
    ),
    "a ZIP": ("image-not-supported", lambda: b"PK\x03\x04" + bytes(100)),
    "an MP4": ("image-not-supported", lambda: b"\0\0\0\x18ftypmp42" + bytes(100)),
    "only a JPEG's first bytes": ("image-not-supported", lambda: b"\xff\xd8\xff"),
    "only a PNG's signature": ("image-not-supported", lambda: b"\x89PNG\r\n\x1a\n"),
    "a JPEG cut in half": ("image-damaged", lambda: half(saved(girl()))),
    "a PNG cut in half": ("image-damaged", lambda: half(saved(girl(), "PNG"))),
    "a WebP cut in half": ("image-damaged", lambda: half(saved(girl(), "WEBP"))),
    "20 000 x 20 000 pixels": ("image-too-large", lambda: claiming(20_000, 20_000)),
    "one pixel too many": ("image-too-large", lambda: claiming(50_000_001, 1)),
    "a PNG text bomb": ("image-damaged", png_with_a_text_bomb),
    "an animated WebP": ("image-animated", lambda: animation("WEBP")),
    "an animated PNG": ("image-animated", lambda: animation("PNG")),
    "41 megabytes": ("image-too-large", lambda: saved(girl()) + bytes(41 << 20)),
    "no face": ("no-face-found", no_face),
    "one pixel": ("no-face-found", lambda: saved(Image.new("RGB", (1, 1)))),
    "two faces": ("several-faces-found", two_faces),
}
"""What must be refused, and by which code."""


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]
