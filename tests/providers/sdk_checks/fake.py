"""Where the fake is, and what the checks share. FAKE_BASE, FAKE_TLS_BASE and CHECK_IMAGE override the defaults."""
import base64
import json
import os
import ssl
import tempfile
import urllib.request
from pathlib import Path

BASE = os.environ.get("FAKE_BASE", "http://127.0.0.1:9911")
TLS_BASE = os.environ.get("FAKE_TLS_BASE", "https://127.0.0.1:9912")
HERE = Path(__file__).resolve().parent
VIDEO = HERE.parent / "sample.mp4"
SIZE = Path(os.environ.get("FAKE_MP4") or VIDEO).stat().st_size


def image() -> str:
    """CHECK_IMAGE, else a sample portrait, else a one-pixel PNG."""
    for p in (os.environ.get("CHECK_IMAGE"), HERE.parents[2] / "samples" / "girl-with-a-pearl-earring.jpg"):
        if p and Path(p).is_file():
            return str(p)
    p = Path(tempfile.mkdtemp()) / "pixel.png"
    p.write_bytes(base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="))
    return str(p)


def get(path: str, base: str = BASE):
    ctx = ssl.create_default_context() if base.startswith("https") else None
    with urllib.request.urlopen(base + path, context=ctx) as r:
        return json.load(r)


def jobs(provider: str) -> int:
    return get("/_stats")["jobs"].get(provider, 0)


def download(url: str) -> bytes:
    ctx = ssl.create_default_context() if url.startswith("https") else None
    with urllib.request.urlopen(url, context=ctx) as r:
        return r.read()


def httpget(url: str, headers: dict) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as r:
        return r.read()


def same(data: bytes, label: str):
    assert len(data) == SIZE and data[4:8] == b"ftyp", (label, len(data))
    print(label, "ok", len(data))


def expect(label: str, got, want):
    assert got == want, (label, "got", got, "expected", want)
    print(label, got)
