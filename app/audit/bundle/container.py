"""The zip itself: what may be in it, writing one, and reading one that came from anywhere.

Members are stored, never compressed, in one layout without gaps: nothing can unfold to more than
the file's own size, and no byte hides between members. Names are a closed list, read by name and
never used as a path.
"""

import hashlib
import stat
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from app.audit.bundle.errors import BundleRefused

INDEX, README, LICENSE = "index.json", "README.txt", "license.jws"
MANIFEST, CONTRACTS = "manifest.c2pa", "contracts.json"
PERMIT, RELEASE = "decision/permit.jws", "decision/release.jws"
RELEASED_LEAF, CHECKPOINT = "log/released.json", "log/checkpoint.txt"
PERMIT_LEAF, RELEASE_LEAF = "log/permit.json", "log/release.json"
SIGNER, ISSUERS = "certificates/signer.pem", "certificates/issuers.pem"
TIME_CHAIN, TIME_TOKEN = "certificates/time-chain.pem", "certificates/time-stamp.der"
OCSP_SIGNED, OCSP_NOW = "certificates/ocsp-when-signed.der", "certificates/ocsp-now.der"
SIGNED, SIGNATURE = "certificates/signed.cbor", "certificates/signature.der"
STAMPED = "certificates/stamped.cbor"
CLAIM_ROOT, TIME_ROOTS = "anchors/claim-root.pem", "anchors/time-roots.pem"
KEYS, LOG_KEY, WITNESSES = "anchors/keys.json", "anchors/log-key.txt", "anchors/witnesses.txt"
FILES = tuple(
    f"file/output.{kind}" for kind in ("jpg", "png", "webp", "mp4", "mov", "m4a", "mp3", "wav")
)
ALWAYS = frozenset(
    {INDEX, README, LICENSE, MANIFEST, CONTRACTS, CHECKPOINT, RELEASED_LEAF, PERMIT_LEAF}
    | {RELEASE_LEAF, SIGNER, ISSUERS, TIME_CHAIN, TIME_TOKEN, OCSP_SIGNED, SIGNED, SIGNATURE}
    | {STAMPED, CLAIM_ROOT, TIME_ROOTS, KEYS, LOG_KEY}
)
SOMETIMES = frozenset({PERMIT, RELEASE, OCSP_NOW, WITNESSES, *FILES})

MEMBERS_LIMIT = 40
SMALL_LIMIT_BYTES = 2 << 20  # of every member but the file
BUNDLE_LIMIT_BYTES = (1 << 32) - (1 << 20)  # without ZIP64
DIRECTORY_LIMIT_BYTES = 16 << 10
LOCAL_HEADER, END_RECORD, ZIP64_LOCATOR = 30, 22, b"PK\x06\x07"
EPOCH = (1980, 1, 1, 0, 0, 0)
PIECE = 1 << 20


@dataclass(frozen=True)
class Bundle:
    """A bundle as read: its small members whole, its file by digest; nothing is believed yet."""

    path: Path
    small: Mapping[str, bytes]
    sha256s: Mapping[str, str]
    sizes: Mapping[str, int]

    @property
    def file(self) -> str | None:
        """The name of the output's own file in it, if there is one."""
        return next((name for name in FILES if name in self.sha256s), None)

    def __getitem__(self, name: str) -> bytes:
        try:
            return self.small[name]
        except KeyError:
            raise BundleRefused("member-missing", f"{name} is not there", name) from None

    def extract_file(self, to: Path) -> Path:
        """Copy the output's own file out, to a path of the caller's choosing."""
        with (
            zipfile.ZipFile(self.path) as archive,
            archive.open(self.file or "") as source,
            to.open("wb") as target,
        ):
            while piece := source.read(PIECE):
                target.write(piece)
        return to


def write(target: BinaryIO, members: Mapping[str, bytes], file: tuple[str, Path] | None) -> None:
    """Write a bundle; the same members are the same bytes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        for name in sorted(members):
            archive.writestr(_entry(name), members[name])
        if file is not None:
            name, path = file
            entry = _entry(name)
            entry.file_size = path.stat().st_size
            with path.open("rb") as source, archive.open(entry, "w") as member:
                while piece := source.read(PIECE):
                    member.write(piece)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.create_system, entry.external_attr = 3, (stat.S_IFREG | 0o644) << 16
    return entry


def read(path: Path) -> Bundle:
    """Read a bundle from anywhere within limits. Raises BundleRefused, saying at which member."""
    try:
        _look_at_end(path)
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _check_entries(entries, archive.start_dir, path.stat().st_size)
            return _read(path, archive, entries)
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError) as error:
        if isinstance(error, BundleRefused):
            raise
        raise BundleRefused("not-a-bundle", f"it cannot be read as a zip: {error}") from None
    except (struct.error, RuntimeError, LookupError, UnicodeError) as error:
        raise BundleRefused("not-a-bundle", f"it is no zip ({type(error).__name__})") from None


def _look_at_end(path: Path) -> None:
    """Look at the directory's own account before anything reads the directory."""
    size = path.stat().st_size
    if not END_RECORD <= size <= BUNDLE_LIMIT_BYTES:
        raise BundleRefused("bundle-size", f"a bundle of {size} bytes is not read")
    with path.open("rb") as file:
        file.seek(max(0, size - END_RECORD - 20))
        tail = file.read()
    mark, disk, start_disk, here, total, length, _, comment = struct.unpack(
        "<4s4H2LH", tail[-END_RECORD:]
    )
    if mark != b"PK\x05\x06" or comment or disk or start_disk or here != total:
        raise BundleRefused("not-a-bundle", "it does not end as a plain zip does")
    if tail[:-END_RECORD].startswith(ZIP64_LOCATOR):
        raise BundleRefused("bundle-size", "a ZIP64 is not read")
    if total > MEMBERS_LIMIT or length > DIRECTORY_LIMIT_BYTES:
        raise BundleRefused("too-many-members", f"{total} members; {MEMBERS_LIMIT} are read")


def _check_entries(entries: list[zipfile.ZipInfo], directory_at: int, size: int) -> None:
    """Names from the closed list, once each; plain stored files, one after the other."""
    at, seen = 0, set[str]()
    for entry in entries:
        name = entry.orig_filename
        shown = name.encode("ascii", "backslashreplace").decode()[:60]
        if name not in ALWAYS | SOMETIMES:
            raise BundleRefused("name-unknown", f"{shown!r} is no member of a bundle", shown)
        if name in seen:
            raise BundleRefused("name-twice", f"{shown} is there twice", shown)
        seen.add(name)
        plain = stat.S_ISREG(entry.external_attr >> 16) and not entry.flag_bits & ~0x800
        if not plain or entry.compress_type != zipfile.ZIP_STORED or entry.extra or entry.comment:
            raise BundleRefused("not-plain", f"{shown} is not a plain stored file", shown)
        if entry.file_size != entry.compress_size or entry.header_offset != at:
            raise BundleRefused("sizes-lie", f"{shown} is not where and what it says", shown)
        if name not in FILES and entry.file_size > SMALL_LIMIT_BYTES:
            raise BundleRefused("member-size", f"{shown} is larger than it may be", shown)
        at += LOCAL_HEADER + len(name) + entry.file_size
    directory = sum(46 + len(entry.orig_filename) for entry in entries)
    if at != directory_at or at + directory + END_RECORD != size:
        raise BundleRefused("sizes-lie", "there are bytes in it that belong to no member")
    if sum(name in FILES for name in seen) > 1:
        raise BundleRefused("name-twice", "there are several files in it; a bundle is about one")
    missing = sorted(ALWAYS - seen)
    if missing:
        raise BundleRefused("member-missing", f"{', '.join(missing)} not there", missing[0])


def _read(path: Path, archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> Bundle:
    small, sha256s, sizes = {}, {}, {}
    for entry in entries:
        digest, kept = hashlib.sha256(), bytearray()
        try:
            with archive.open(entry) as member:
                while piece := member.read(PIECE):
                    digest.update(piece)
                    if entry.filename not in FILES:
                        kept += piece
        except (zipfile.BadZipFile, EOFError) as error:
            raise BundleRefused("member-damaged", str(error), entry.filename) from None
        if entry.filename not in FILES:
            small[entry.filename] = bytes(kept)
        sha256s[entry.filename], sizes[entry.filename] = digest.hexdigest(), entry.file_size
    return Bundle(path, small, sha256s, sizes)
