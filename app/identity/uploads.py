"""Uploads: one multipart form of limited size, read only once it is known who sends it."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from app.errors import AppError, TooLarge, TooSlow
from app.identity.errors import FileMissing, UploadMalformed

CHUNK_BYTES = 1 << 20
FORM_OVERHEAD_BYTES = 64 << 10
MAX_FIELDS = 8


@asynccontextmanager
async def limited_form(
    request: Request,
    limit_bytes: int,
    *,
    too_large: type[AppError] = TooLarge,
    files: int = 1,
) -> AsyncIterator[FormData]:
    """Lend a form with at most `files` files; big ones spool to disk, and are gone afterwards.

    Stops reading at the limit, whatever the headers claim. Text that no UTF-8 can hold, which some
    `charset` could bring, is none. Raises UploadMalformed, `too_large`.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise UploadMalformed("send multipart/form-data, with the file as one of its fields")
    chunks = _limited(request, limit_bytes + FORM_OVERHEAD_BYTES, limit_bytes, too_large)
    parser = MultiPartParser(request.headers, chunks, max_files=files, max_fields=MAX_FIELDS)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise UploadMalformed(f"the form cannot be read: {error}") from None
    try:
        _insist_utf8(form)
        yield form
    finally:
        await form.close()


async def read_body(request: Request, limit_bytes: int, *, within_s: float) -> bytes:
    """Return a whole body, held in memory. Raises TooLarge at the limit, TooSlow at its time."""
    read = bytearray()
    try:
        async with asyncio.timeout(within_s):
            async for chunk in _limited(request, limit_bytes, limit_bytes, TooLarge):
                read += chunk
    except TimeoutError:
        raise TooSlow(f"the body had not come whole after {within_s:g} s; send it again") from None
    return bytes(read)


async def keep_body(request: Request, file: Path, limit_bytes: int) -> int:
    """Write a whole body into a file of its own; return its size. Raises TooLarge at the limit."""
    size_bytes = 0
    with file.open("wb") as opened:
        async for chunk in _limited(request, limit_bytes, limit_bytes, TooLarge):
            opened.write(chunk)
            size_bytes += len(chunk)
    return size_bytes


def _insist_utf8(form: FormData) -> None:
    for field, value in form.multi_items():
        said = value.filename or "" if isinstance(value, UploadFile) else value
        try:
            f"{field}{said}".encode()
        except UnicodeEncodeError:
            raise UploadMalformed(
                "the form cannot be read: a field is not text as UTF-8 has it; send UTF-8"
            ) from None


def file_of(form: FormData, field: str) -> UploadFile:
    """Return the file of a form. Raises FileMissing where there is none under this name."""
    upload = form.get(field)
    if not isinstance(upload, UploadFile):
        raise FileMissing(
            f"send the file as the form field `{field}` (multipart/form-data)",
            errors=[{"pointer": f"/body/{field}", "message": "a file is required"}],
        )
    return upload


def keep(
    upload: BinaryIO, file: Path, limit_bytes: int, *, too_large: type[AppError] = TooLarge
) -> bytes:
    """Write an upload into a file of its own; return its SHA-256. Raises `too_large`."""
    size_bytes, digest = 0, hashlib.sha256()
    with file.open("wb") as opened:
        while chunk := upload.read(CHUNK_BYTES):
            size_bytes += len(chunk)
            if size_bytes > limit_bytes:
                raise too_large(f"the upload is larger than the {limit_bytes} bytes allowed")
            digest.update(chunk)
            opened.write(chunk)
    return digest.digest()


def form_body(**properties: dict[str, Any]) -> dict[str, Any]:
    """Document a form of required fields: for FastAPI's `openapi_extra=`."""
    schema = {"type": "object", "required": list(properties), "properties": properties}
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    }


async def _limited(
    request: Request, left: int, limit_bytes: int, too_large: type[AppError]
) -> AsyncGenerator[bytes, None]:
    async for chunk in request.stream():
        left -= len(chunk)
        if left < 0:
            raise too_large(f"the upload is larger than the {limit_bytes} bytes allowed")
        yield chunk
