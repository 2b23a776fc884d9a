"""Objects by key, over obstore: a local directory, or a bucket by URL (docs/storage.md)."""

import hashlib
import os
import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Literal

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from app.config import settings
from app.errors import AppError, Outage

Shelf = Literal["objects", "performer-keys"]  # two stores, so that they can be backed up apart

CHUNK_BYTES = 4 << 20
ANSWER_WITHIN = timedelta(seconds=20)  # a bucket that takes longer is out, and asked again later
WHOLE_BYTES = 32 << 20  # up to here an object is sent in one piece, and lies in memory for it


class ObjectExists(AppError):
    """Objects are written once; another object already has this key."""

    status, code = 409, "object-exists"


class ObjectMissing(AppError):
    """No object has this key."""

    status, code = 404, "object-missing"


class StorageUnavailable(Outage):
    """The bucket does not answer, or lets nobody in: nothing was stored, and it is asked again."""

    code = "storage-unavailable"


@lru_cache
def _store(place: Path | str) -> ObjectStore:
    if isinstance(place, str):
        return from_url(
            place,
            config={"copy_if_not_exists": "multipart"},  # else a large object could replace another
            client_options={
                "timeout": ANSWER_WITHIN,
                "connect_timeout": ANSWER_WITHIN,
                "allow_http": settings().object_url_over_http,
            },
            retry_config={"max_retries": 3, "retry_timeout": ANSWER_WITHIN},
        )
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    return LocalStore(prefix=place.absolute())


def forget_stores() -> None:
    """Open the store anew at its next use: the settings or the credentials changed."""
    _store.cache_clear()


def _place(shelf: Shelf) -> Path | str:
    """Say where a shelf is: a directory, or a bucket by URL."""
    if shelf == "performer-keys":
        return settings().performer_keys_url or settings().performer_keys_dir
    return settings().object_url or settings().objects_dir


@contextmanager
def _open(shelf: Shelf = "objects") -> Iterator[ObjectStore]:
    """Lend one of this installation's stores; what goes wrong there gets our names."""
    try:
        yield _store(_place(shelf))
    except FileNotFoundError as error:
        raise ObjectMissing(f"no object has this key ({error})") from None
    except AlreadyExistsError:
        raise
    except BaseError as error:
        if isinstance(_place(shelf), Path):
            raise
        raise StorageUnavailable(
            f"the bucket of {shelf} does not do what it was asked ({type(error).__name__}): look "
            "at its URL in the settings, the AWS_ variables and the bucket's own status"
        ) from error


def put_new(key: str, source: bytes | Path, *, shelf: Shelf = "objects") -> None:
    """Store an object under a key nobody has used; durable when this returns.

    The same bytes under the same key are fine (a resumed step repeats itself). Raises ObjectExists.
    """
    try:
        with _open(shelf) as store:
            if isinstance(source, Path) and source.stat().st_size > WHOLE_BYTES:
                _put_in_parts(store, key, source)
            else:
                obstore.put(store, key, source, mode="create")
    except AlreadyExistsError:
        if _digest(source) != _digest_kept(key, shelf):
            raise ObjectExists(f"{key} already holds other bytes; use a new key") from None
    _sync(key, shelf)


def _put_in_parts(store: ObjectStore, key: str, source: Path) -> None:
    """Send a large file in pieces under a name of its own, then give it its key if that is free."""
    incoming = f"incoming/{secrets.token_hex(16)}"
    obstore.put(store, incoming, source, chunk_size=CHUNK_BYTES * 2, max_concurrency=2)
    try:
        obstore.copy(store, incoming, key, overwrite=False)
    finally:
        obstore.delete(store, incoming)


def replace(key: str, content: bytes, *, shelf: Shelf = "objects") -> None:
    """Store an object in place of an older one, atomically; durable when this returns."""
    with _open(shelf) as store:
        obstore.put(store, key, content, mode="overwrite")
    _sync(key, shelf)


def blot_out(key: str, instead: bytes, *, shelf: Shelf) -> None:
    """Destroy an object's bytes and leave a word in their place; harmless to repeat.

    In a directory the old bytes are overwritten where they lie before the file is replaced; what a
    bucket's versions, a copying file system or a backup kept of them must expire there.
    """
    place = _place(shelf)
    if isinstance(place, Path) and (place / key).exists():
        with (place / key).open("r+b") as file:
            file.write(bytes((place / key).stat().st_size))
            file.flush()
            os.fsync(file.fileno())
    replace(key, instead, shelf=shelf)


def get(key: str, *, shelf: Shelf = "objects") -> bytes:
    """Return the whole object. Raises ObjectMissing."""
    with _open(shelf) as store:
        return bytes(obstore.get(store, key).bytes())


def open_range(key: str, start: int, length: int) -> bytes:
    """Return `length` bytes from `start`. Raises ObjectMissing."""
    with _open() as store:
        return bytes(obstore.get_range(store, key, start=start, length=length))


def fetch(key: str, to: Path) -> None:
    """Stream an object into a file. Raises ObjectMissing."""
    with _open() as store:
        chunks = obstore.get(store, key).stream(min_chunk_size=CHUNK_BYTES)
    with to.open("wb") as file, _open():
        for chunk in chunks:
            file.write(chunk)


def exists(key: str) -> bool:
    """Say whether an object has this key."""
    try:
        with _open() as store:
            obstore.head(store, key)
    except ObjectMissing:
        return False
    return True


def delete(key: str) -> None:
    """Delete an object; deleting an absent one is fine."""
    if exists(key):
        with _open() as store:
            obstore.delete(store, key)


def delete_under(prefix: str, *, but: Collection[str] = ()) -> None:
    """Delete every object whose key begins so, `prefix` ending in a slash; `but` are kept."""
    with _open() as store:
        found = [each["path"] for batch in obstore.list(store, prefix) for each in batch]
        for key in found:
            if key not in but:
                obstore.delete(store, key)


def _sync(key: str, shelf: Shelf) -> None:
    """Flush a new file and its directories to disk: a crash must not take back a promise.

    A bucket has made its promise when it answered.
    """
    top = _place(shelf)
    if not isinstance(top, Path):
        return
    path = top / key
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


def _digest_kept(key: str, shelf: Shelf) -> bytes:
    digest = hashlib.sha256()
    with _open(shelf) as store:
        for chunk in obstore.get(store, key).stream(min_chunk_size=CHUNK_BYTES):
            digest.update(chunk)
    return digest.digest()
