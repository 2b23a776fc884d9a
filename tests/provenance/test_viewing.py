"""Files of any size are looked through without being held."""

import mmap
import re
import sys
from pathlib import Path

import pytest

from app.provenance import viewing

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
FILE_BYTES, LITTLE_BYTES = 64 << 20, 32 << 20


@pytest.fixture
def narrow(monkeypatch):
    """Windows of one page."""
    monkeypatch.setattr(viewing, "WINDOW_BYTES", mmap.PAGESIZE)


class TestViewed:
    def test_finds_what_lies_across_windows_and_goes_on_from_there(self, narrow, tmp_path):
        path, across = tmp_path / "file", mmap.PAGESIZE - 2
        path.write_bytes(bytes(across) + b"needle" + bytes(mmap.PAGESIZE) + b"needle")
        with viewing.viewed(path) as view:
            assert viewing.find(view, b"needle") == across
            assert viewing.find(view, b"needle", across + 1) == across + 6 + mmap.PAGESIZE
            assert viewing.find(view, b"needle", across + 7 + mmap.PAGESIZE) == -1

    def test_matches_each_place_once(self, narrow, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(bytes(mmap.PAGESIZE - 2) + b"n01" + bytes(mmap.PAGESIZE) + b"n02")
        with viewing.viewed(path) as view:
            found = viewing.matches(re.compile(rb"n\d\d"), view, longest=3)
            assert list(found) == [b"n01", b"n02"]

    @linux_only
    def test_holds_a_window_of_it_where_plain_looking_holds_all(self, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(bytes(FILE_BYTES))
        with viewing.viewed(path) as view:
            before = mapped_bytes()
            assert viewing.find(view, b"needle") == -1
            assert mapped_bytes() - before < LITTLE_BYTES
            assert view.find(b"needle") == -1  # the planted fault
            assert mapped_bytes() - before > LITTLE_BYTES


def mapped_bytes() -> int:
    """How much of the files it mapped this process holds, on a disk or in memory."""
    said = Path("/proc/self/status").read_text()
    return sum(int(held) << 10 for held in re.findall(r"Rss(?:File|Shmem):\s+(\d+) kB", said))
