"""What kind of file this is, by its first bytes; a name proves nothing."""

from dataclasses import dataclass
from pathlib import Path

HEAD_BYTES = 64
BMFF_AUDIO = (b"M4A ", b"M4B ", b"F4A ")
BMFF_PICTURES = (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1", b"hevc")

# What reads each kind of film and sound: a guess could end at a playlist, which names other files.
CONTAINERS = {"video/mp4": "mov", "video/quicktime": "mov", "audio/mp4": "mov",
              "audio/mpeg": "mp3", "audio/wav": "wav", "audio/flac": "flac", "audio/ogg": "ogg",
              "video/webm": "matroska", "video/avi": "avi"}  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """`medium` is image, video or audio; `media_type` is what the first bytes promise."""

    medium: str
    media_type: str


def sniff(path: Path) -> Kind | None:
    """Return the kind of a file, or None when it is none we know how to look into."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    for prefix, kind in _PREFIXES:
        if head.startswith(prefix):
            return kind
    if head[4:8] == b"ftyp":
        return _bmff(head[8:12])
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06 == 0x02:
        return Kind("audio", "audio/mpeg")  # MPEG audio layer III frame sync
    return None


_PREFIXES = (
    (b"\xff\xd8\xff", Kind("image", "image/jpeg")),
    (b"\x89PNG\r\n\x1a\n", Kind("image", "image/png")),
    (b"GIF8", Kind("image", "image/gif")),
    (b"II*\x00", Kind("image", "image/tiff")),
    (b"MM\x00*", Kind("image", "image/tiff")),
    (b"BM", Kind("image", "image/bmp")),
    (b"ID3", Kind("audio", "audio/mpeg")),
    (b"fLaC", Kind("audio", "audio/flac")),
    (b"OggS", Kind("audio", "audio/ogg")),
    (b"\x1a\x45\xdf\xa3", Kind("video", "video/webm")),
)
_RIFF = {
    b"WEBP": Kind("image", "image/webp"),
    b"WAVE": Kind("audio", "audio/wav"),
    b"AVI ": Kind("video", "video/avi"),
}


def _bmff(brand: bytes) -> Kind:
    if brand in BMFF_AUDIO:
        return Kind("audio", "audio/mp4")
    if brand in BMFF_PICTURES:
        return Kind("image", "image/avif" if brand.startswith(b"avi") else "image/heic")
    return Kind("video", "video/quicktime" if brand == b"qt  " else "video/mp4")
