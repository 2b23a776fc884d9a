"""Lay out a file's credentials: the part of signing that walks a file. Runs in sandboxed children.

The process that asks holds the key and never opens the file with any reader: it hands over open
descriptors, and is told where in the new file the manifest lies. One child may serve several files
in turn (`app/sandbox_standing.py`).
"""

import ctypes
import json
import mmap
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import c2pa
from c2pa import c2pa as library

from app import sandbox_line
from app.provenance import credentials
from app.provenance.errors import SigningFailed
from app.provenance.finish import places_of

_C = library._lib  # noqa: SLF001  the classes over it cost as much as laying out
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
            try:
                answer = _serve_one(request, *files)
            except (c2pa.C2paError, SigningFailed) as error:
                answer = {"refused": str(error)[:500]}
            finally:
                for file in files:
                    os.close(file)
            sandbox_line.send(line, answer)


def _serve_one(request: dict[str, Any], source: int, target: int, *sources: int) -> dict[str, Any]:
    """Write the file with its manifest laid out; tell where that lies."""
    if os.fstat(source).st_size <= KEPT_BYTES:
        _keep_memory()
    os.ftruncate(target, 0)  # it may hold the file before this one
    written = _lay_out(request, source, target, sources)
    with mmap.mmap(target, 0, access=mmap.ACCESS_READ) as view:
        places = places_of(written, view)
    return {"places": {"pieces": places.pieces, "guarded": places.guarded}}


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


def _lay_out(request: dict[str, Any], source: int, target: int, sources: tuple[int, ...]) -> bytes:
    """Let the library lay the manifest out, with a signature that is a placeholder.

    By the library's own C functions, as the pinned release has them: the classes over them are made
    for many threads and cost as much again as laying out a small picture. What is left unfreed
    where one fails ends with this process, which serves nothing more after that.
    """
    empty = _there(_C.c2pa_builder_from_context(credentials.context().execution_context))
    builder = _there(_C.c2pa_builder_with_definition(empty, request["definition"].encode()))
    for (said, media_type), file in zip(request["sources"], sources, strict=True):
        with _stream(file) as content:
            added = _C.c2pa_builder_add_ingredient_from_stream(
                builder, json.dumps(said).encode(), media_type.encode(), content
            )
        _there(added == 0)
    written, media_type = ctypes.POINTER(ctypes.c_ubyte)(), request["media_type"].encode()
    signer = _placeholder(request["chain_pem"])._handle  # noqa: SLF001
    with _stream(source) as before, _stream(target) as after:
        size = _C.c2pa_builder_sign(
            builder, media_type, before, after, signer, ctypes.byref(written)
        )
    _there(size > 0)
    manifest = ctypes.string_at(written, size)
    _C.c2pa_free(written)
    _C.c2pa_free(builder)
    return manifest


def _there(result: Any) -> Any:
    """Return what the library returned; where that is nothing, raise what it says of it."""
    if not result:
        why = library._read_native_error()  # noqa: SLF001
        raise c2pa.C2paError(why or "the library does not say why")
    return result


@lru_cache(maxsize=1)
def _placeholder(chain_pem: str) -> c2pa.Signer:
    """Sign nothing; the certificates are read once for as long as they are the same."""
    return c2pa.Signer.from_callback(
        lambda _data: b"\x01" * 64, c2pa.C2paSigningAlg.ES256, chain_pem
    )


@contextmanager
def _stream(file: int) -> Iterator[Any]:
    """Lend an open file as the library takes one, by C's own functions on it, from its start.

    `c2pa.Stream` calls Python for every piece, which costs a fifth of what signing a picture does.
    """
    os.lseek(file, 0, os.SEEK_SET)
    context = ctypes.cast(file, ctypes.POINTER(library.StreamContext))
    made = _there(_C.c2pa_create_stream(context, *_of_files()))
    try:
        yield made
    finally:
        _C.c2pa_release_stream(made)


@lru_cache
def _of_files() -> tuple[Any, ...]:
    """`read`, `lseek`, `write`: they take a descriptor where the library passes its context."""
    of_system = ctypes.CDLL(None)
    return (
        library.ReadCallback(("read", of_system)),
        library.SeekCallback(("lseek", of_system)),
        library.WriteCallback(("write", of_system)),
        library.FlushCallback(lambda _file: 0),  # nothing is held back
    )
