"""Our own look at the hard binding: the hash in a file's active manifest against the file's bytes.

For files above the second verifier's limit. It shares no code with either verifier, and knows no
more than what is signed here: one data hash, or a BMFF hash (v3) over top-level boxes. Whatever
else an assertion says is not believed. It hashes a piece at a time.
"""

import hashlib
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import cbor2

from app.provenance import viewing
from app.provenance.errors import SigningFailed
from app.provenance.finish import superboxes

NAME = "understudy-hash"
STORE_BOX = b"jumdc2pa"  # the description box of a manifest store, 12 bytes into it
C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
NOT_HASHED = {"/ftyp", "/mfra", "/free", "/skip"}
AROUND_STORE = 32  # headers and checksum of what carries the store: a chunk, a frame
PIECE = 4 << 20


def holds(path: Path) -> bool:
    """Say whether the file's bytes are those its active manifest was made over. SHA-256 only."""
    try:
        with viewing.viewed(path) as view:
            start = viewing.find(view, STORE_BOX) - 12
        with path.open("rb") as file:
            return start >= 0 and _holds(file, path.stat().st_size, start)
    except (SigningFailed, LookupError, TypeError, ValueError, struct.error):
        return False


def _holds(file: BinaryIO, length: int, start: int) -> bool:
    (size,) = struct.unpack(">I", _read(file, start, 4))
    store = _read(file, start, size)
    label, said = _binding(store)
    if said["alg"] != "sha256" or "merkle" in said:
        return False
    if label == "c2pa.hash.data":
        ranges = _ranges_outside(said["exclusions"], start, size, length)
    elif label == "c2pa.hash.bmff.v3" and _is_usual(said["exclusions"]):
        ranges = _boxes(file, length)
    else:
        return False
    digest = hashlib.sha256()
    for prefix, at, end in ranges:
        digest.update(prefix)
        for piece in range(at, end, PIECE):
            digest.update(_read(file, piece, min(PIECE, end - piece)))
    return digest.digest() == bytes(said["hash"])


def _read(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)


def _binding(store: bytes) -> tuple[str, dict[str, Any]]:
    """The hash assertion of the active manifest, which is the last of the store."""
    found = [
        box for box in superboxes(store) if "/c2pa.assertions/c2pa.hash." in box.path and box.cbor
    ]
    active = [box.path for box in superboxes(store) if box.path.count("/") == 2][-1]
    (box,) = (box for box in found if box.path.startswith(f"{active}/"))
    said = cbor2.loads(store[slice(*box.cbor or (0, 0))])
    return box.path.rpartition("/")[2], said


def _ranges_outside(
    exclusions: list[dict[str, int]], start: int, size: int, end: int
) -> Iterator[tuple[bytes, int, int]]:
    """All but the one stretch that carries the store, and hardly more than it."""
    (left_out,) = exclusions
    first, last = left_out["start"], left_out["start"] + left_out["length"]
    if not start - AROUND_STORE <= first <= start < start + size <= last <= start + size + 8:
        raise ValueError("more than the manifest is left out of the hash")
    yield b"", 0, first
    yield b"", last, end


def _is_usual(exclusions: list[dict[str, Any]]) -> bool:
    """Whether exactly the boxes that C2PA prescribes are left out."""
    carrier = {"xpath": "/uuid", "data": [{"offset": 8, "value": C2PA_UUID}]}
    plain = [each for each in exclusions if each != carrier]
    return carrier in exclusions and all(
        set(each) == {"xpath"} and each["xpath"] in NOT_HASHED for each in plain
    )


def _boxes(file: BinaryIO, length: int) -> Iterator[tuple[bytes, int, int]]:
    """Each top-level box that is hashed, after its own offset in eight bytes (C2PA, BMFF v3)."""
    at = 0
    while at < length:
        size, kind = struct.unpack(">I4s", _read(file, at, 8))
        if size == 1:
            (size,) = struct.unpack(">Q", _read(file, at + 8, 8))
        elif size == 0:
            size = length - at
        if size < 8 or at + size > length:
            raise ValueError("a box overruns the file")
        carries_store = kind == b"uuid" and _read(file, at + 8, 16) == C2PA_UUID
        if not carries_store and f"/{kind.decode('latin-1')}" not in NOT_HASHED:
            yield struct.pack(">Q", at), at, at + size
        at += size
