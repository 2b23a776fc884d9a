"""The corpus: files as they come back, whole, hurt and forged, each with the word it must get.

`plain` needs no watermark: small media of all eight formats. `marked` is pictures with our mark and
without credentials. What was done to a file is its name.
"""

import dataclasses
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from sqlmodel import Session

from app import clock, config, keys
from app.ids import new_id
from app.provenance import certificate_files, hardbinding, pki, sign
from app.provenance.certificates import BACKDATED, BY_PURPOSE, PROFILES
from tests.audit.evidence import first_generation, graft, release, tiny
from tests.provenance import making
from tests.provenance.conftest import KEY, PAYLOADS
from tests.provenance.making import FORMATS, OCSP_URL, Authority

SHORT = timedelta(seconds=20)  # how long the leaf lives that is to end


class Case(NamedTuple):
    """A file, and the one word a verdict on it must be."""

    path: Path
    word: str


@dataclass(frozen=True)
class Place:
    """Where the corpus is built: a database, a directory, an installation's keys."""

    session: Session
    directory: Path
    data_dir: Path

    @property
    def authority(self) -> Authority:
        return Authority(self.data_dir / "certificates")

    def new(self, name: str, content: bytes | None = None) -> Path:
        path = self.directory / name
        if content is not None:
            path.write_bytes(content)
        return path

    def media(self, name: str, seed: int = 1) -> Path:
        return tiny(self.new(name), seed)

    def released(self, name: str, seed: int = 1) -> Path:
        """A file that went through the gate and is on record, under a mark of its own."""
        out = self.new(name)
        src = self.media(f"source-of-{name}", seed)
        release(self.session, self.authority, src, out, new_id("gen").encode()[-8:])
        return out


def plain(place: Place) -> Iterator[Case]:
    """Every file that needs no mark."""
    yield from expired(place)
    short = next(i for i in certificate_files.every(place.authority.directory) if i.name == "claim")
    for kind in FORMATS:
        yield from whole_and_hurt(place, kind)
        yield from foreign(place, kind)
    yield from wrongly_signed(place)
    yield from transplanted(place)
    yield from hostile(place)
    yield from revoked(place)  # last: who signs changes
    time.sleep(max(0.0, (short.certificate.not_valid_after_utc - clock.now()).total_seconds() + 1))


def marked(place: Place, pictures: Path, samples: Path) -> Iterator[Case]:
    """Pictures that carry a mark of ours and have lost their credentials, or never had any."""
    import watermark.image

    for name in ("girl.png", "mona.png"):
        out = place.new(f"released-{name}")
        release(place.session, place.authority, pictures / name, out, PAYLOADS[name])
    girl = cv2.imread(str(pictures / "girl.png"))
    painted = girl.copy()
    cv2.circle(painted, (230, 210), 30, (40, 60, 200), -1)
    smaller = cv2.resize(girl, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
    newton = cv2.imread(str(samples / "isaac-newton.jpg"))
    mona = cv2.resize(cv2.imread(str(samples / "mona-lisa.jpg")), (480, 715))
    for name, picture, word in (
        ("stripped.png", girl, "recovered"),
        ("face-painted-over.png", painted, "recovered"),
        ("smaller-and-compressed.jpg", smaller, "recovered"),
        ("an-inset-in-a-busy-picture.png", _in_a_busy_picture(girl, newton), "recovered"),
        ("our-mark-on-a-stranger.png", _marked(watermark.image, newton), "transplanted"),
        ("our-mark-on-another-output.png", _marked(watermark.image, mona), "transplanted"),
    ):
        cv2.imwrite(str(place.new(name)), picture)
        yield Case(place.new(name), word)


def _in_a_busy_picture(picture, stranger):  # type: ignore[no-untyped-def]
    """A small picture in a corner of a collage that has more details than it."""
    rng = np.random.default_rng(8)
    page = np.zeros((1200, 1300, 3), np.uint8)
    for top in range(0, 1200, 100):
        for left in range(0, 1300, 100):
            y, x = (int(rng.integers(0, side - 100)) for side in stranger.shape[:2])
            piece = stranger[y : y + 100, x : x + 100].astype(np.int16)
            page[top : top + 100, left : left + 100] = np.clip(
                piece + rng.integers(-60, 61, (10, 10, 1)).repeat(10, 0).repeat(10, 1), 0, 255
            )
    page[40 : 40 + picture.shape[0], 60 : 60 + picture.shape[1]] = picture
    return page


def _marked(image, picture):  # type: ignore[no-untyped-def]
    return image.embed(picture, PAYLOADS["girl.png"], KEY)


def expired(place: Place) -> Iterator[Case]:
    """Signed by a leaf that has ended since: the time stamp carries it, or nothing does."""
    with pytest.MonkeyPatch.context() as short:
        lives = (BACKDATED + SHORT).total_seconds() / 86400
        leaf = dataclasses.replace(BY_PURPOSE["claim"], days=lives, renew_days=0)
        profiles = [leaf if each.purpose == "claim" else each for each in PROFILES]
        short.setattr(pki, "PROFILES", profiles)
        pki.create_missing(place.authority.directory, ocsp_url=OCSP_URL)
        ours = place.authority.signer
        stamped = place.released("leaf-expired-stamped.jpg", seed=21)
        bare = place.new("leaf-expired-without-stamp.jpg")
        src = place.media("bare.jpg", seed=22)
        sign.sign_file(src, bare, making.a_manifest(src), sign=ours.sign, chain_pem=ours.chain_pem)
    pki.create_missing(place.authority.directory, ocsp_url=OCSP_URL)
    yield Case(stamped, "intact")
    yield Case(bare, "unknown-origin")


def whole_and_hurt(place: Place, kind: str) -> Iterator[Case]:
    """As it was handed out; a byte of media changed; bytes added; its end lost; stripped."""
    released = place.released(f"released.{kind}", seed=1 + FORMATS.index(kind))
    whole = released.read_bytes()
    start = whole.find(hardbinding.STORE_BOX) - 12
    end = start + int.from_bytes(whole[start : start + 4], "big")
    media = start // 2 if start > len(whole) - end else (end + len(whole)) // 2
    flipped = whole[:media] + bytes((whole[media] ^ 1,)) + whole[media + 1 :]
    yield Case(released, "intact")
    yield Case(place.new(f"byte-changed.{kind}", flipped), "altered")
    yield Case(place.new(f"bytes-added.{kind}", whole + _free_box(kind)), "altered")
    yield Case(place.new(f"manifest-byte-changed.{kind}", _flip(whole, end - 9000)), "altered")
    yield Case(place.new(f"manifest-blotted-out.{kind}", _blot(whole, start, end)), "altered")
    cut = end - 60 if start > len(whole) - end else (end + len(whole)) // 2
    yield Case(place.new(f"end-lost.{kind}", whole[:cut]), "altered")
    yield Case(
        place.new(f"never-signed.{kind}", tiny(place.new(f"p.{kind}"), 31).read_bytes()), "not-ours"
    )


def _free_box(kind: str) -> bytes:
    return (
        struct.pack(">I4s", 16, b"free") + bytes(8) if kind in ("mp4", "mov", "m4a") else b"\0" * 16
    )


def _flip(whole: bytes, at: int) -> bytes:
    return whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :]


def _blot(whole: bytes, start: int, end: int) -> bytes:
    """Blot out two hundred bytes, two thirds into the store: what it names can still be read."""
    at = start + 2 * (end - start) // 3
    return whole[:at] + b"\xff" * 200 + whole[at + 200 :]


def foreign(place: Place, kind: str) -> Iterator[Case]:
    """Somebody else's valid credentials, which spell our names; and theirs, broken."""
    with pytest.MonkeyPatch.context() as elsewhere:
        other = making.another_authority(elsewhere, place.data_dir.parent / "foreign")
        src = place.media(f"theirs-before.{kind}", seed=11)
        named = making.a_manifest(src, generation_id=first_generation(place.session))
        out = place.new(f"theirs-with-our-generation-id.{kind}")
        making.signed(other, src, out, named)
        plainly = place.new(f"theirs-hurt.{kind}")
        making.signed(other, src, plainly)
    config.settings.cache_clear()
    whole = plainly.read_bytes()
    at = whole.find(hardbinding.STORE_BOX) - 12 + 3000
    plainly.write_bytes(_flip(whole, at))
    yield Case(out, "unknown-origin")
    yield Case(plainly, "unknown-origin")


def wrongly_signed(place: Place) -> Iterator[Case]:
    """Our chain over another key's signature; a signature of ours that no record knows."""
    ours = place.authority.signer
    for kind in ("jpg", "mp4", "wav"):
        src = place.media(f"before-wrong-key.{kind}", seed=12)
        for name, sign_with, word in (
            (f"another-key-under-our-chain.{kind}", _another_key(place), "altered"),
            (f"signed-by-us-and-never-kept.{kind}", ours.sign, "unknown-origin"),
        ):
            out = place.new(name)
            sign.sign_file(
                src,
                out,
                making.a_manifest(src),
                sign=sign_with,
                chain_pem=ours.chain_pem,
                stamp=place.authority.stamp,
            )
            yield Case(out, word)


def _another_key(place: Place) -> Callable[[bytes], bytes]:
    kept = keys._Files(place.directory / "wrong-key")
    kept.create("claim", "P-256")
    return lambda data: kept.sign("claim", data, "P-256")


def transplanted(place: Place) -> Iterator[Case]:
    """A manifest of ours in another file: of ours, or a stranger's."""
    one, other = (place.released(f"graft-{n}.png", seed=40 + 9 * n) for n in range(2))
    chunk = one.read_bytes()
    at = chunk.index(b"caBX")
    (size,) = struct.unpack(">I", chunk[at - 4 : at])
    store = chunk[at + 4 : at + 4 + size]
    yield Case(graft(other, store), "transplanted")
    stranger = place.media("stranger.png", seed=77).read_bytes()
    carried = struct.pack(">I", size) + chunk[at : at + 8 + size]
    header = 8 + 25  # signature and IHDR
    forged = stranger[:header] + carried + stranger[header:]
    yield Case(place.new("our-manifest-on-a-stranger.png", forged), "altered")


def hostile(place: Place) -> Iterator[Case]:
    """What is made to break whoever reads it. None of it is anything."""
    deep = b""
    for _ in range(3000):
        deep = struct.pack(">I4s", len(deep) + 8, b"moov") + deep
    ftyp = struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0)
    bomb = zlib.compress(bytes(20 << 20), 9)
    for name, content in (
        ("empty", b""),
        ("one-byte", b"\0"),
        ("text.jpg", b"hello, world"),
        ("page.html", b"<html><img src=http://127.0.0.1:1/></html>"),
        ("paper.pdf", b"%PDF-1.7\n%%EOF"),
        ("program", b"\x7fELF" + bytes(200)),
        ("only-a-start.jpg", b"\xff\xd8\xff\xe0"),
        ("only-a-signature.png", b"\x89PNG\r\n\x1a\n"),
        ("chunk-without-end.png", b"\x89PNG\r\n\x1a\n" + b"\xff\xff\xff\xffIDAT" + bytes(40)),
        ("huge-picture.png", making.huge_png(20_000, 20_000)),
        ("compressed-twice.png", b"\x89PNG\r\n\x1a\n" + bomb),
        ("boxes-in-boxes.mp4", ftyp + deep),
        ("box-of-no-length.mp4", ftyp + struct.pack(">I4s", 0, b"moov")),
        ("box-of-seven-bytes.mp4", ftyp + struct.pack(">I4s", 7, b"moov") + bytes(20)),
        ("box-without-end.mp4", ftyp + struct.pack(">I4sQ", 1, b"mdat", 1 << 62)),
        ("list-without-end.wav", b"RIFF\xff\xff\xff\xffWAVELIST\xff\xff\xff\xff"),
        ("frame-without-end.mp3", b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(40)),
        ("store-in-store.jpg", b"\xff\xd8\xff\xeb\0\x40JP" + b"\0\0\0\x01jumb" * 8 + b"\xff\xd9"),
    ):
        yield Case(place.new(f"hostile-{name}", content), "unreadable")


def revoked(place: Place) -> Iterator[Case]:
    """One leaf, revoked since an instant between two files."""
    before = place.released("revoked-since.jpg", seed=51)
    serial = place.authority.signer.certificate.serial_number
    pki.revoke(
        place.authority.directory,
        serial,
        reason="keyCompromise",
        at=clock.now() + timedelta(seconds=1),
    )
    yield Case(before, "intact")
    pki.create_missing(place.authority.directory, ocsp_url=OCSP_URL)
    after = place.released("revoked-from-before.jpg", seed=52)
    serial = place.authority.signer.certificate.serial_number
    pki.revoke(
        place.authority.directory,
        serial,
        reason="keyCompromise",
        at=clock.now() - timedelta(hours=1),
    )
    yield Case(after, "recovered")
