"""Look through a file of any size without holding it: what was looked at is let go of again.

A page of a mapped file counts as memory of whoever touched it. So a search goes window by window,
and gives each one back; whoever maps a gigabyte holds some megabytes of it.
"""

import mmap
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WINDOW_BYTES = 16 << 20


@contextmanager
def viewed(path: Path, *, writable: bool = False) -> Iterator[mmap.mmap]:
    """Map a file that is not empty."""
    access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ
    with (
        path.open("r+b" if writable else "rb") as file,
        mmap.mmap(file.fileno(), 0, access=access) as view,
    ):
        yield view


def find(view: mmap.mmap, what: bytes, start: int = 0) -> int:
    """Where `what` next stands at or after `start`, or -1."""
    for at, end in _windows(view, start):
        found = view.find(what, at, end + len(what) - 1)
        if found >= 0:
            return found
    return -1


def matches(pattern: re.Pattern[bytes], view: mmap.mmap, *, longest: int) -> Iterator[bytes]:
    """What a pattern matches, in turn; no match is longer than `longest` bytes."""
    for at, end in _windows(view, 0):
        for match in pattern.finditer(view, at, end + longest - 1):
            if match.start() < end:
                yield match.group()


def _windows(view: mmap.mmap, start: int) -> Iterator[tuple[int, int]]:
    """Each stretch from `start` on, in windows that lie fast; one is let go of when it is done."""
    at = start
    while at < len(view):
        first = at - at % WINDOW_BYTES
        end = min(first + WINDOW_BYTES, len(view))
        yield at, end
        view.madvise(mmap.MADV_DONTNEED, first, end - first)
        at = end
