"""Objects by key, over obstore: a local directory today, a bucket by URL later."""

import hashlib
import os
from functools import lru_cache
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import LocalStore

from app.config import settings
from app.errors import AppError

CHUNK_BYTES = 4 << 20


class ObjectExists(AppError):
    """Objects are written once; another object already has this key."""

    status, code = 409, "object-exists"


class ObjectMissing(AppError):
    """No object has this key."""

    status, code = 404, "object-missing"


@lru_cache
def _store(directory: Path) -> LocalStore:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return LocalStore(prefix=directory.absolute())


def _open() -> LocalStore:
    return _store(settings().objects_dir)


def put_new(key: str, source: bytes | Path) -> None:
    """Store an object under a key nobody has used; durable when this returns.

    The same bytes under the same key are fine (a resumed step repeats itself). Raises ObjectExists.
    """
    try:
        obstore.put(_open(), key, source, mode="create")
    except AlreadyExistsError:
        if _digest(source) != _digest(_path(key)):
            raise ObjectExists(f"{key} already holds other bytes; use a new key") from None
    _sync(_path(key))


def replace(key: str, content: bytes) -> None:
    """Store an object in place of an older one, atomically; durable when this returns."""
    obstore.put(_open(), key, content, mode="overwrite")
    _sync(_path(key))


def get(key: str) -> bytes:
    """Return the whole object. Raises ObjectMissing."""
    try:
        return bytes(obstore.get(_open(), key).bytes())
    except FileNotFoundError:
        raise ObjectMissing(f"no object has the key {key}") from None


def open_range(key: str, start: int, length: int) -> bytes:
    """Return `length` bytes from `start`. Raises ObjectMissing."""
    try:
        return bytes(obstore.get_range(_open(), key, start=start, length=length))
    except FileNotFoundError:
        raise ObjectMissing(f"no object has the key {key}") from None


def fetch(key: str, to: Path) -> None:
    """Stream an object into a file. Raises ObjectMissing."""
    try:
        result = obstore.get(_open(), key)
    except FileNotFoundError:
        raise ObjectMissing(f"no object has the key {key}") from None
    with to.open("wb") as file:
        for chunk in result.stream(min_chunk_size=CHUNK_BYTES):
            file.write(chunk)


def exists(key: str) -> bool:
    """Say whether an object has this key."""
    try:
        obstore.head(_open(), key)
    except FileNotFoundError:
        return False
    return True


def delete(key: str) -> None:
    """Delete an object; deleting an absent one is fine."""
    if exists(key):
        obstore.delete(_open(), key)


def _path(key: str) -> Path:
    return settings().objects_dir / key


def _sync(path: Path) -> None:
    """Flush a new file and its directories to disk: a crash must not take back a promise."""
    top = settings().objects_dir
    for place in (path, *(parent for parent in path.parents if parent.is_relative_to(top))):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _digest(source: bytes | Path) -> bytes:
    if isinstance(source, bytes):
        return hashlib.sha256(source).digest()
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
