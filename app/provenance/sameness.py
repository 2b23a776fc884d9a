"""Are the media of a signed file those of the file that was to be signed? Runs in the sandbox.

Signing adds credentials and changes nothing else. Pictures: every byte outside the credentials is
the same, for bytes are all that is compared. Films and sound, whose containers are moved about to
make room: the same streams with the same packets at the same times, not decoded, and the same tags.
"""

import struct
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

from app.provenance.media import CONTAINERS

PNG_HEAD, RIFF_HEAD, CHUNK = 8, 12, 8
SOI, APP11, SOS = b"\xff\xd8", 0xEB, 0xDA


def same_media(original: Path, signed: Path, media_type: str) -> bool:
    """Say whether `signed` holds the media of `original`, and nothing beside but credentials."""
    if media_type in _PICTURES:
        outside = _PICTURES[media_type]
        try:
            return b"".join(outside(original.read_bytes())) == b"".join(
                outside(signed.read_bytes())
            )
        except (struct.error, IndexError):
            return False
    container = CONTAINERS.get(media_type)
    return container is not None and _same_packets(original, signed, container)


def _outside_jpeg(content: bytes) -> Iterator[bytes]:
    """All but the APP11 segments before the picture that carry boxes (JPEG universal metadata)."""
    at = 2
    yield content[:2]
    while content[at] == 0xFF and content[at + 1] != SOS:
        (size,) = struct.unpack_from(">H", content, at + 2)
        if not (content[at + 1] == APP11 and content[at + 4 : at + 6] == b"JP"):
            yield content[at : at + 2 + size]
        at += 2 + size
    yield content[at:]


def _outside_png(content: bytes) -> Iterator[bytes]:
    at = PNG_HEAD
    yield content[:at]
    while at + CHUNK <= len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        end = at + CHUNK + size + 4
        if kind != b"caBX":
            yield content[at:end]
        at = end
    yield content[at:]


def _outside_webp(content: bytes) -> Iterator[bytes]:
    """All chunks but the credentials'; not the header's length, which grew with them."""
    at = RIFF_HEAD
    yield content[:4] + content[8:at]
    while at + CHUNK <= len(content):
        kind, size = struct.unpack_from("<4sI", content, at)
        end = at + CHUNK + size + size % 2
        if kind != b"C2PA":
            yield content[at:end]
        at = end
    yield content[at:]


_PICTURES = {
    "image/jpeg": _outside_jpeg,
    "image/png": _outside_png,
    "image/webp": _outside_webp,
}


def _same_packets(original: Path, signed: Path, container: str) -> bool:
    """Both files are opened as what they are signed as, and nothing but the files themselves."""
    import av

    def opened(path: Path) -> Any:
        return av.open(str(path), format=container, options={"protocol_whitelist": "file"})

    try:
        with opened(original) as one, opened(signed) as other:
            if [*map(_kind, one.streams)] != [*map(_kind, other.streams)]:
                return False
            if dict(one.metadata) != dict(other.metadata):
                return False
            return all(
                a is not None and b is not None and _told(a) == _told(b)
                for a, b in zip_longest(one.demux(), other.demux())
            )
    except (av.FFmpegError, ValueError):
        return False


def _kind(stream: Any) -> tuple[Any, ...]:
    """What a player is told of a stream before its first packet."""
    codec = stream.codec_context
    told = () if codec is None else (codec.name, codec.extradata)
    size = tuple(getattr(codec, name, None) for name in ("width", "height", "sample_rate"))
    return (stream.type, stream.time_base, stream.start_time, dict(stream.metadata), *told, *size)


def _told(packet: Any) -> tuple[Any, ...]:
    return (packet.stream_index, packet.pts, packet.dts, packet.duration, bytes(packet))
