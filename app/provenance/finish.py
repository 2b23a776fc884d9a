"""The second pass over a signed manifest: what c2pa-python 0.38.1 cannot write itself.

The library writes the manifest with a placeholder signature. Here the watermark payload becomes a
CBOR byte string, as the specification has it, then the claim is signed once and the RFC 3161 time
stamp is added. Every box keeps its length, so the file around the manifest keeps its offsets. This
leans on the layout the pinned library writes; the release gate reads every result back.
"""

import hashlib
import mmap
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cbor2

from app.provenance import viewing
from app.provenance.errors import SigningFailed
from app.provenance.manifest import PAYLOAD_PLACEHOLDER

COSE_SIGN1 = 18
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
SOI, APP0, APP1, APP11, START_OF_SCAN = b"\xff\xd8", 0xE0, 0xE1, 0xEB, 0xDA
LOWEST_MARKER, FILL = 0xC0, 0xFF  # of a segment; what may stand before any marker
WITHOUT_LENGTH = range(0xD0, 0xDA)  # restarts, a picture's start and its end
_HEADER = struct.Struct(">I4s").unpack_from  # of a box: length, kind
MANIFEST_BYTES = 4 << 20  # with all those of its ingredients


class Box(NamedTuple):
    """One JUMBF superbox: where it lies, and where its first CBOR content lies (or None)."""

    path: str
    start: int
    end: int
    cbor: tuple[int, int] | None


@dataclass(frozen=True)
class Places:
    """Where a manifest lies in a file: pieces as (offset, length), and what a CRC after it guards.

    `guarded` is (start, end) of what the four bytes at `end` are the CRC of, or empty.
    """

    pieces: tuple[tuple[int, int], ...]
    guarded: tuple[int, int] | tuple[()]


def finish_manifest(
    manifest: bytes,
    boxes: Sequence[Box],
    payload: bytes,
    *,
    sign: Callable[[bytes], bytes],
    stamp: Callable[[bytes], bytes] | None,
    staple: bytes | None = None,
) -> bytes:
    """Return the manifest with payload bytes, real signature and time stamp; same length.

    `boxes` are its `superboxes`. `sign` is called exactly once, on the COSE Sig_structure; `stamp`
    gets what is to be stamped and returns a TimeStampToken; `staple` is a DER OCSP response about
    the signer. Raises SigningFailed when the layout is not the expected one.
    """
    data = bytearray(manifest)
    by_path = {box.path: box for box in boxes}
    # The last manifest of a store is the active one; those before it came with ingredients.
    signatures = [path for path in by_path if path.endswith("/c2pa.signature")]
    if not signatures:
        raise SigningFailed("the library wrote a manifest without a signature")
    base = signatures[-1].removesuffix("/c2pa.signature")
    claim = _content(by_path[f"{base}/c2pa.claim.v2"])
    _write_payload(data, by_path[f"{base}/c2pa.assertions/c2pa.soft-binding"], claim, payload)
    start, end = _content(by_path[signatures[-1]])
    data[start:end] = _signature(
        bytes(data[start:end]),
        bytes(data[claim[0] : claim[1]]),
        sign=sign,
        stamp=stamp,
        staple=staple,
    )
    return bytes(data)


def superboxes(data: bytes | bytearray) -> list[Box]:
    """List a JUMBF store's boxes, depth first. Raises SigningFailed where one overruns its parent.

    Of what is no store also struct.error, UnicodeDecodeError, ValueError, RecursionError.
    """
    found: list[Box | None] = []
    _walk(data, 0, len(data), "", found)
    return [box for box in found if box is not None]


def places_of(manifest: bytes, whole: mmap.mmap | bytes) -> Places:
    """Say where in a whole file its manifest lies, for `manifest_at` and `put_manifest`.

    JPEG splits a store over APP11 segments, PNG guards it with a CRC; other formats hold it whole.
    """
    if whole[:2] == SOI:
        pieces = pieces_in_jpeg(whole, 2)
        if sum(size for _, size in pieces) != len(manifest):
            raise SigningFailed("the manifest the library wrote is not whole in the JPEG")
        return Places(pieces, ())
    at = whole.find(manifest) if isinstance(whole, bytes) else viewing.find(whole, manifest)
    if at < 0:
        raise SigningFailed("the manifest the library wrote is not in the file it wrote")
    guarded = (at - 4, at + len(manifest)) if whole[:8] == PNG_SIGNATURE else ()
    return Places(((at, len(manifest)),), guarded)


def pieces_in_jpeg(segments: mmap.mmap | bytes, at: int = 0) -> tuple[tuple[int, int], ...]:
    """Where a store lies in the APP11 segments from `at` on, piece by piece (ISO 19566-5, annex D).

    Each segment: marker, length, "JP", instance (2), sequence (4), then box header and data; from
    the second on the box header is repeated and is no part of the store.
    """
    pieces = []
    for marker, start, end in _segments(segments, at):
        if marker == APP11 and segments[start + 4 : start + 6] == b"JP":
            (sequence,) = struct.unpack(">I", segments[start + 8 : start + 12])
            content = start + 12 + (0 if sequence == 1 else 8)
            pieces.append((content, end - content))
    return tuple(pieces)


def room_in_jpeg(head: bytes) -> int | None:
    """Say where in a JPEG, of which this is the start, a store goes: after JFIF, Exif and XMP.

    None where it is no JPEG, its headers do not end here, or it has boxes (APP11) already, and
    where not every marker begins a segment: another reader may find boxes where this one sees none.
    """
    if head[:2] != SOI:
        return None
    room, at = 2, 2
    for marker, start, end in _segments(head, 2):
        if marker == APP11 or end > len(head):
            return None
        if marker < LOWEST_MARKER or marker == FILL or marker in WITHOUT_LENGTH:
            return None
        if start == room and marker in {APP0, APP1}:
            room = end
        at = end
    return room if head[at : at + 2] == bytes((0xFF, START_OF_SCAN)) else None


def _segments(content: mmap.mmap | bytes, at: int) -> Iterator[tuple[int, int, int]]:
    """The segments of a JPEG before its picture: marker, start, end."""
    while at + 4 <= len(content) and content[at] == 0xFF and content[at + 1] != START_OF_SCAN:
        (size,) = struct.unpack(">H", content[at + 2 : at + 4])
        yield content[at + 1], at, at + 2 + size
        at += 2 + size


def manifest_at(whole: mmap.mmap | bytearray, places: Places) -> bytes:
    """Return what lies at these places. Raises SigningFailed where they are none.

    Whoever told them has read a file that may have taken it over.
    """
    done = size = 0
    for at, length in places.pieces:
        if at < done or length <= 0:
            raise SigningFailed("the places of the manifest are not in order")
        done, size = at + length, size + length
    if done > len(whole) or not 0 < size <= MANIFEST_BYTES:
        raise SigningFailed(f"a manifest of {size} bytes, up to byte {done} of {len(whole)}")
    return b"".join(whole[at : at + length] for at, length in places.pieces)


def put_manifest(whole: mmap.mmap | bytearray, places: Places, new: bytes) -> None:
    """Put a manifest where one of its length lies. Parses nothing: it was told where."""
    done = 0
    for at, length in places.pieces:
        whole[at : at + length] = new[done : done + length]
        done += length
    if done != len(new):
        raise SigningFailed("the finished manifest has another length than the one laid out")
    if places.guarded:
        start, end = places.guarded
        whole[end : end + 4] = struct.pack(">I", zlib.crc32(whole[start:end]))


def _walk(
    data: bytes | bytearray, at: int, end: int, parent: str, found: list[Box | None]
) -> tuple[int, int] | None:
    """Add the superboxes within a stretch to `found`; return where its first CBOR content lies."""
    cbor = None
    while at < end:
        size, kind = _HEADER(data, at)
        if size < 8 or at + size > end:
            raise SigningFailed("a box of the manifest overruns its parent")
        if kind == b"jumb":
            label_at = at + 8 + 8 + 16 + 1  # superbox header, description header, uuid, toggles
            label = data[label_at : data.index(0, label_at)].decode()
            path, place = f"{parent}/{label}", len(found)
            found.append(None)  # before those within it
            inside = _walk(data, at + 8, at + size, path, found)
            found[place] = Box(path, at, at + size, inside)
        elif kind == b"cbor" and cbor is None:
            cbor = (at + 8, at + size)
        at += size
    return cbor


def _content(box: Box) -> tuple[int, int]:
    if box.cbor is None:
        raise SigningFailed(f"{box.path} holds no CBOR")
    return box.cbor


def _write_payload(data: bytearray, box: Box, claim: tuple[int, int], payload: bytes) -> None:
    """Turn the placeholder text into bytes, and set right the assertion's hash in the claim."""
    text = PAYLOAD_PLACEHOLDER.encode()
    old_digest = hashlib.sha256(data[box.start + 8 : box.end]).digest()
    _swap(data, box.start, box.end, bytes((0x60 | len(text),)) + text, _byte_string(payload))
    _swap(data, box.start, box.end, b"cpad\x60", b"cpad\x40")
    new_digest = hashlib.sha256(data[box.start + 8 : box.end]).digest()
    _swap(data, *claim, old_digest, new_digest)


def _byte_string(value: bytes) -> bytes:
    return bytes((0x40 | len(value),)) + value


def _swap(data: bytearray, start: int, end: int, old: bytes, new: bytes) -> None:
    if len(old) != len(new) or data.count(old, start, end) != 1:
        raise SigningFailed("the manifest is not laid out as the pinned library lays it out")
    at = data.index(old, start, end)
    data[at : at + len(new)] = new


def _signature(
    old: bytes,
    claim: bytes,
    *,
    sign: Callable[[bytes], bytes],
    stamp: Callable[[bytes], bytes] | None,
    staple: bytes | None,
) -> bytes:
    """A COSE_Sign1 over the claim, padded to the length of the old one (C2PA 2.x, sigTst2)."""
    parts = cbor2.loads(old)
    protected = bytes((parts.value if isinstance(parts, cbor2.CBORTag) else parts)[0])
    signature = sign(cbor2.dumps(["Signature1", protected, b"", claim]))
    unprotected: dict[str, object] = {}
    if stamp is not None:
        token = stamp(cbor2.dumps(["CounterSignature", protected, b"", cbor2.dumps(signature)]))
        unprotected["sigTst2"] = {"tstTokens": [{"val": token}]}
    if staple is not None:
        unprotected["rVals"] = {"ocspVals": [staple]}

    def encoded(padding: int) -> bytes:
        header = {**unprotected, "pad": bytes(padding)}
        return cbor2.dumps(cbor2.CBORTag(COSE_SIGN1, [protected, header, None, signature]))

    room = len(old) - len(encoded(0))
    # Its length is written in 0, 1, 2 or 4 more bytes, the longer the padding is.
    for more, longest in ((0, 23), (1, 255), (2, 65535), (4, 1 << 32)):
        if 0 <= room - more <= longest and len(whole := encoded(room - more)) == len(old):
            return whole
    raise SigningFailed("signature and time stamp do not fit the room the library reserved")
