"""Lay out a file's credentials: the part of signing that walks a file. Runs in sandboxed children.

The process that asks holds the key and never opens the file with any reader: it hands over open
descriptors, and is told where in the new file the manifest lies; of a JPEG also where that goes
into the old file, which it then takes from there. One child may serve several files in turn
(`app/sandbox_standing.py`).
"""

import ctypes
import hashlib
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
from app.provenance.finish import Places, pieces_in_jpeg, places_of, room_in_jpeg

_C = library._lib  # noqa: SLF001  the classes over it cost as much as laying out
_BUILDER, _, _, _, _SIGNER, _HANDED = _C.c2pa_builder_sign.argtypes
# Two that the classes do not use, so that nobody has said yet what they take.
_C.c2pa_builder_data_hashed_placeholder.argtypes = (
    *(_BUILDER, ctypes.c_size_t, ctypes.c_char_p, _HANDED),
)
_C.c2pa_builder_sign_data_hashed_embeddable.argtypes = (
    *(_BUILDER, _SIGNER, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, _HANDED),
)
_C.c2pa_builder_data_hashed_placeholder.restype = ctypes.c_int64
_C.c2pa_builder_sign_data_hashed_embeddable.restype = ctypes.c_int64
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h
JPEG = b"image/jpeg"
HEAD_BYTES = 64 << 10  # within which a JPEG's headers end, else it is laid out by the library alone
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
    """Write the file with its manifest laid out, or that alone; tell where what lies."""
    if os.fstat(source).st_size <= KEPT_BYTES:
        _keep_memory()
    places, into = _lay_out(request, source, target, sources)
    return {"places": {"pieces": places.pieces, "guarded": places.guarded}, "into": into}


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
    request: dict[str, Any], source: int, target: int, sources: tuple[int, ...]
) -> tuple[Places, int | None]:
    """Let the library lay the manifest out, with a signature that is a placeholder.

    Returns where it lies in what was written, and where that goes into the source, or None where it
    is the whole new file.

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
    signer = _placeholder(request["chain_pem"])._handle  # noqa: SLF001
    into = room_in_jpeg(os.pread(source, HEAD_BYTES, 0)) if request["apart"] else None
    if into is None:
        places = _in_file(builder, signer, source, target, request["media_type"].encode())
    else:
        places = _for_jpeg(builder, signer, source, target, into)
    _C.c2pa_free(builder)
    return places, into


def _in_file(builder: Any, signer: Any, source: int, target: int, media_type: bytes) -> Places:
    """Have the library write the file, as it knows each format; what was signed before goes."""
    os.ftruncate(target, 0)  # it may hold the file before this one
    with _stream(source) as before, _stream(target) as after:
        written = _given(_C.c2pa_builder_sign, builder, media_type, before, after, signer)
    with mmap.mmap(target, 0, access=mmap.ACCESS_READ) as view:
        return places_of(written, view)


def _for_jpeg(builder: Any, signer: Any, source: int, target: int, into: int) -> Places:
    """Write only the segments that go into a JPEG at `into`.

    The library says how long they will be, then is told the hash of everything else. To write a
    whole JPEG it reads one three times over, which is most of what signing a picture costs.
    """
    reserved = _C.c2pa_signer_reserve_size(signer)
    room = len(_given(_C.c2pa_builder_data_hashed_placeholder, builder, reserved, JPEG))
    said = json.dumps(_binding(into, room, _hash(source))).encode()
    sign = _C.c2pa_builder_sign_data_hashed_embeddable
    segments = _given(sign, builder, signer, said, JPEG, None)
    if len(segments) != room:
        raise SigningFailed("the library laid out more, or less, than it had said")
    written = os.pwrite(target, segments, 0)
    os.ftruncate(target, written)  # it may hold the file before this one
    return Places(pieces_in_jpeg(segments), ())


def _hash(source: int) -> bytes:
    with mmap.mmap(source, 0, access=mmap.ACCESS_READ) as whole:
        return hashlib.sha256(whole).digest()


def _binding(into: int, room: int, digest: bytes) -> dict[str, Any]:
    """The hard binding of a file but for `room` bytes at `into` (C2PA, data hash)."""
    return {
        "name": "jumbf manifest",
        "alg": "sha256",
        "exclusions": [{"start": into, "length": room}],
        "hash": list(digest),
        "pad": [],
    }


def _given(function: Any, *args: Any) -> bytes:
    """Return the bytes that a function of the library hands over, and free them there."""
    handed = ctypes.POINTER(ctypes.c_ubyte)()
    size = function(*args, ctypes.byref(handed))
    _there(size > 0)
    content = ctypes.string_at(handed, size)
    _C.c2pa_free(handed)
    return content


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
