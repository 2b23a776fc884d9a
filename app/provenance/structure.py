"""How a file is built, by the headers of its boxes: nested how deep, how many, how many tracks.

The libraries that read files walk boxes by calling themselves, and open every track there is. So
the boxes are counted here first, without recursion and without reading what is in them: those of
MP4, MOV and M4A, the chunks of WAV and WebP, and the manifest boxes (JUMBF) of any format.
"""

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path

from app.provenance import viewing

MAX_DEPTH = 16
MAX_BOXES = 500_000  # an hour in fragments of a few frames
MAX_TRACKS = 16

# What holds boxes; `meta` begins with a version in MP4 and without one in MOV.
_HOLDERS = {
    *(b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"edts", b"udta", b"meta", b"ilst"),
    *(b"mvex", b"moof", b"traf", b"mfra", b"iprp", b"ipco", b"sinf", b"schi", b"jumb", b"tref"),
}
_LISTS = {b"RIFF", b"LIST"}


def excess(path: Path, *, tracks: bool = False) -> str:
    """Say what of a file's structure is beyond the caps, in words; an empty text when nothing is.

    `tracks` counts those of films and sound as well.
    """
    if path.stat().st_size < 8:
        return ""
    with viewing.viewed(path) as view:
        counted = 0
        for number, (kind, depth) in enumerate(_walk(view)):
            counted += kind == b"trak"
            if depth > MAX_DEPTH:
                return f"its boxes lie more than {MAX_DEPTH} deep in each other"
            if number >= MAX_BOXES:
                return f"it has more than {MAX_BOXES} boxes"
            if tracks and counted > MAX_TRACKS:
                return f"more than {MAX_TRACKS} tracks are not looked at"
    return ""


def _walk(view: mmap.mmap) -> Iterator[tuple[bytes, int]]:
    """Name every box with its depth, from 1."""
    if view[4:8] == b"ftyp":
        yield from _boxes(view)
    elif view[:4] == b"RIFF":
        yield from _chunks(view)
    yield from _manifest_boxes(view)


def _boxes(view: mmap.mmap) -> Iterator[tuple[bytes, int]]:
    open_, at = [len(view)], 0
    while open_:
        size = _size(view, at, open_[-1])
        if size == 0:  # the end of what holds it, or bytes that are no box
            at = open_.pop()
            continue
        kind = view[at + 4 : at + 8]
        yield kind, len(open_)
        if kind not in _HOLDERS:
            at += size
            continue
        open_.append(at + size)
        at += 8
        if kind == b"meta" and view[at + 4 : at + 8] != b"hdlr":
            at += 4


def _size(view: mmap.mmap, at: int, end: int) -> int:
    """The length of the box at `at`, cut at the end of what holds it; 0 when there is none."""
    if at + 8 > end:
        return 0
    (size,) = struct.unpack_from(">I", view, at)
    if size == 0:
        size = end - at
    elif size == 1 and at + 16 <= end:
        (size,) = struct.unpack_from(">Q", view, at + 8)
    return min(size, end - at) if size >= 8 else 0


def _chunks(view: mmap.mmap) -> Iterator[tuple[bytes, int]]:
    open_, at = [len(view)], 0
    while open_:
        if at + 8 > open_[-1]:
            at = open_.pop()
            continue
        kind, size = struct.unpack_from("<4sI", view, at)
        yield kind, len(open_)
        if kind in _LISTS:
            open_.append(min(at + 8 + size, open_[-1]))
            at += 12
        else:
            at += 8 + size + size % 2


def _manifest_boxes(view: mmap.mmap) -> Iterator[tuple[bytes, int]]:
    """Manifest boxes wherever they lie: in a segment, a chunk, a box or a tag.

    Each begins with a description box, unlike the addresses `self#jumbf=` and the later segments
    of a JPEG that repeat its head.
    """
    open_: list[int] = []
    at = viewing.find(view, b"jumb", 4)
    while at >= 0:
        if view[at + 8 : at + 12] != b"jumd":
            at = viewing.find(view, b"jumb", at + 4)
            continue
        while open_ and at - 4 >= open_[-1]:
            open_.pop()
        (size,) = struct.unpack_from(">I", view, at - 4)
        open_.append(at - 4 + size)
        yield b"jumb", len(open_)
        at = viewing.find(view, b"jumb", at + 4)
