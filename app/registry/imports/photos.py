"""Taking photos out of what was sent: one by one, each no larger than a portrait, and no bomb.

Names and bytes only: no picture is read here. An archive is refused whole where its directory is
not what plain programs write; one photo of it is refused where it would unpack to far more than it
takes, which no photo does.
"""

import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from app.registry.imports.errors import ArchiveRefused
from app.registry.imports.table import PHOTO_CHARACTERS, photo_key

MOST_PHOTOS = 5000
MOST_DIRECTORY_BYTES = 4 << 20
GROWS_MOST = 3  # JPEG, PNG and WebP are compressed: another compression gains a few per cent
_END, _END_BYTES, _LOCATOR = b"PK\x05\x06", 22, b"PK\x06\x07"
_LOCKED = 0x1


@dataclass(frozen=True)
class Photo:
    """One photo by its name as compared; `code` says why it is no use, else it has its bytes."""

    name: str
    key: str
    content: bytes = b""
    code: str = ""


def photos_in(files: Sequence[tuple[str, BinaryIO]], *, limit_bytes: int) -> Iterator[Photo]:
    """Give each photo of what was sent, pictures and archives of pictures alike.

    `limit_bytes` is the largest photo. Raises ArchiveRefused before the first of that archive, and
    at the first photo past MOST_PHOTOS, of all files together.
    """
    for count, photo in enumerate(_photos_in(files, limit_bytes), start=1):
        if count > MOST_PHOTOS:
            raise ArchiveRefused(
                f"more than {MOST_PHOTOS} photos came at once; those before {photo.name} are taken "
                "in, send the rest by itself"
            )
        yield photo


def _photos_in(files: Sequence[tuple[str, BinaryIO]], limit_bytes: int) -> Iterator[Photo]:
    for name, file in files:
        file.seek(0)
        is_archive = file.read(4) in (b"PK\x03\x04", _END)
        file.seek(0)
        if is_archive:
            yield from _unpacked(name, file, limit_bytes)
            continue
        content = file.read(limit_bytes + 1)
        code = "photo-too-large" if len(content) > limit_bytes else ""
        yield Photo(_short(name), photo_key(name), b"" if code else content, code)


def _unpacked(name: str, file: BinaryIO, limit_bytes: int) -> Iterator[Photo]:
    _check_end(name, file)
    try:
        with zipfile.ZipFile(file) as archive:
            members = [each for each in archive.infolist() if _is_photo(each)]
            packed = sum(each.compress_size for each in members)
            if len(members) > MOST_PHOTOS or packed > file.seek(0, 2):
                raise _refused(name)
            counted = Counter(photo_key(each.filename) for each in members)
            for member in members:
                yield _photo(archive, member, counted, limit_bytes)
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError):
        raise _refused(name) from None


def _photo(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, counted: Counter[str], limit_bytes: int
) -> Photo:
    key = photo_key(member.filename)
    code = ""
    if counted[key] > 1:
        code = "photo-twice"
    elif member.flag_bits & _LOCKED:
        code = "photo-locked"
    elif member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        code = "photo-packed"
    elif member.file_size > limit_bytes:
        code = "photo-too-large"
    elif member.file_size > GROWS_MOST * member.compress_size:
        code = "photo-bomb"
    name = _short(member.filename)
    if code:
        return Photo(name, key, code=code)
    try:
        with archive.open(member) as opened:
            return Photo(name, key, opened.read(limit_bytes))
    except (zipfile.BadZipFile, zlib.error, EOFError):
        return Photo(name, key, code="photo-damaged")


def _short(name: str) -> str:
    return name[:PHOTO_CHARACTERS]


def _is_photo(member: zipfile.ZipInfo) -> bool:
    """Leave out folders, and what systems put beside files."""
    base = member.filename.replace("\\", "/").rpartition("/")[2]
    return bool(base) and not base.startswith(".") and "__MACOSX" not in member.filename


def _check_end(name: str, file: BinaryIO) -> None:
    """Look at what an archive says of its directory, before anybody reads that into memory."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END_BYTES - 20))
    tail = file.read()
    end = tail[-_END_BYTES:]
    file.seek(0)
    entries, directory = int.from_bytes(end[10:12], "little"), int.from_bytes(end[12:16], "little")
    plain = end.startswith(_END) and end.endswith(b"\0\0") and not tail.startswith(_LOCATOR)
    if not plain or entries > MOST_PHOTOS or directory > MOST_DIRECTORY_BYTES:
        raise _refused(name)


def _refused(name: str) -> ArchiveRefused:
    return ArchiveRefused(
        f"{name[:100]} cannot be read as an archive: make a plain zip of at most {MOST_PHOTOS} "
        "photos, without a comment or a password, and send it again"
    )
