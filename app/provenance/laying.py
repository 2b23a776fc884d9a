"""Lay out a file's credentials: the part of signing that walks a file. Runs in sandboxed children.

The process that asks holds the key and never opens the file with any reader: it hands over open
descriptors, and is told where in the new file the manifest lies. One child may serve several files
in turn (`app/sandbox_standing.py`).
"""

import ctypes
import io
import json
import mmap
import os
import socket
from contextlib import ExitStack
from dataclasses import asdict
from functools import lru_cache
from typing import IO, Any

import c2pa

from app import sandbox_line
from app.provenance import credentials
from app.provenance.errors import SigningFailed
from app.provenance.finish import places_of

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h
KEPT_BYTES = 32 << 20  # at most, of what a child that stays has used before


def serve() -> dict[str, Any]:
    """Serve files until the line is closed."""
    with socket.socket(fileno=os.dup(0)) as line:
        sandbox_line.send(line, {"ready": True})
        while True:
            try:
                request, files = sandbox_line.receive_with_files(line)
            except EOFError:
                return {}
            with ExitStack() as opened:
                source, target, *sources = (
                    opened.enter_context(os.fdopen(file, mode))
                    for file, mode in zip(files, ("rb", "r+b", *["rb"] * len(files)), strict=False)
                )
                try:
                    answer = _serve_one(request, source, target, sources)
                except (c2pa.C2paError, SigningFailed) as error:
                    answer = {"refused": str(error)[:500]}
            sandbox_line.send(line, answer)


def _serve_one(
    request: dict[str, Any], source: IO[bytes], target: IO[bytes], sources: list[IO[bytes]]
) -> dict[str, Any]:
    """Write the file with its manifest laid out; tell where that lies."""
    if request["in_memory"]:
        _keep_memory()
        with io.BytesIO(source.read()) as content, io.BytesIO() as laid_out:
            written = _lay_out(request, content, laid_out, sources)
            whole = laid_out.getvalue()
        places = places_of(written, whole)
        target.seek(0)
        target.truncate(len(whole))  # it may hold the file before this one
        target.write(whole)
    else:
        written = _lay_out(request, source, target, sources)
        target.flush()
        with mmap.mmap(target.fileno(), 0, access=mmap.ACCESS_READ) as view:
            places = places_of(written, view)
    target.flush()
    return {"places": asdict(places)}


@lru_cache
def _keep_memory() -> None:
    """Keep what a file took for the next one: asked of the kernel anew it costs as much as signing.

    C's allocator hands large pieces back at once, and their every page is made and cleared again.
    glibc only; elsewhere it is as it is.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, KEPT_BYTES)
        mallopt(_TRIM_THRESHOLD, KEPT_BYTES)


def _lay_out(
    request: dict[str, Any], source: IO[bytes], target: IO[bytes], sources: list[IO[bytes]]
) -> bytes:
    """Let the library lay the manifest out, with a signature that is a placeholder."""
    placeholder = c2pa.Signer.from_callback(
        lambda _data: b"\x01" * 64, c2pa.C2paSigningAlg.ES256, request["chain_pem"]
    )
    builder = c2pa.Builder(request["definition"], credentials.context())
    for (said, media_type), content in zip(request["sources"], sources, strict=True):
        builder.add_ingredient(json.dumps(said), media_type, content)
    with placeholder:
        written: bytes = builder.sign(placeholder, request["media_type"], source, target)
    return written
