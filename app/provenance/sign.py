"""Sign a finished file, then read it back before anyone may have it."""

import hashlib
import json
import mmap
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import BaseModel, Field, ValidationError

from app import sandbox, sandbox_standing
from app.provenance import hardbinding, revocation, second
from app.provenance.certificate_files import Revocation
from app.provenance.errors import ReleaseGateClosed, SigningFailed, UnsupportedFormat
from app.provenance.expected import check_laid_out
from app.provenance.finish import Places, finish_manifest, manifest_at, put_manifest
from app.provenance.manifest import Manifest

FIRST_VERIFIER = "c2pa-python"
SLOWEST_BYTES_A_SECOND = 10 << 20
IN_MEMORY_BYTES = 16 << 20  # larger files have a child each, and are written as it goes along
APART = {"image/jpeg"}  # whose manifest is laid out apart from the file
LAYING = "app.provenance.laying:serve"
Finish = Callable[[bytes], bytes]
MEDIA_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
}


@dataclass(frozen=True)
class SignedFile:
    """What signing left on disk: the whole file's SHA-256 (hex), its size, and its manifest."""

    sha256: str
    size_bytes: int
    manifest_bytes: bytes


class LaidOut(BaseModel):
    """What a child says of a file it laid out: a process that may have been taken over.

    `places` are those of the manifest in what it wrote: the new file, or what goes `into` the old
    one at this offset.
    """

    places: Places
    into: int | None = Field(default=None, ge=0)


@dataclass(frozen=True)
class Order:
    """What a child is told of a file, what else it reads, and what is made of its manifest here."""

    said: Mapping[str, Any]
    sources: Sequence[Path]
    finish: Finish
    party: str


def media_type_of(path: Path) -> str:
    """Return the MIME type a file is signed as, by its suffix. Raises UnsupportedFormat."""
    try:
        return MEDIA_TYPES[path.suffix.lower()]
    except KeyError:
        raise UnsupportedFormat(
            f"{path.suffix or 'a file without suffix'} cannot carry credentials;"
            f" use one of {', '.join(sorted(MEDIA_TYPES))}"
        ) from None


def sign_file(
    src: Path,
    dst: Path,
    manifest: Manifest,
    *,
    sign: Callable[[bytes], bytes],
    chain_pem: str,
    stamp: Callable[[bytes], bytes] | None = None,
    staple: bytes | None = None,
    party: str = "",
) -> SignedFile:
    """Write a signed copy of `src` to `dst`; the key is asked once and never enters the library.

    The file is read in a sandboxed child, which for small files serves several of one `party` in
    turn. It is told nothing of keys; what it lays out is signed only if it is what was ordered.

    `sign` is ES256 and returns raw r||s; `chain_pem` is leaf first; `stamp` returns an RFC 3161
    TimeStampToken for the bytes it is given (None: no time stamp, and the signature ends with its
    leaf); `staple` is a DER OCSP response about the leaf. Existing credentials in `src` are
    replaced. Call `check_release` before handing `dst` out. Raises
    UnsupportedFormat, SigningFailed; on failure `dst` is removed.
    """
    said = {
        "definition": json.dumps(manifest.definition),  # the child passes it on as it is
        "media_type": media_type_of(src),
        "chain_pem": chain_pem,
        "sources": [[said, source.media_type] for said, source in manifest.sources],
    }

    def finish(written: bytes) -> bytes:
        boxes = check_laid_out(written, manifest)
        return finish_manifest(
            written, boxes, manifest.payload, sign=sign, stamp=stamp, staple=staple
        )

    order = Order(said, [source.path for _, source in manifest.sources], finish, party)
    write = _in_memory if src.stat().st_size <= IN_MEMORY_BYTES else _in_place
    try:
        try:
            return write(src, dst, order)
        except sandbox_standing.Lost:  # its zygote died, or its time was up: another one, once
            sandbox_standing.end_idle()
            return write(src, dst, order)
    except sandbox_standing.Lost as lost:
        dst.unlink(missing_ok=True)
        raise sandbox.SandboxCrashed(
            f"{src.name} broke the process that was to sign it ({lost})", reason="signing"
        ) from lost
    except Exception:
        dst.unlink(missing_ok=True)
        raise


def check_release(
    path: Path,
    *,
    claim_root_pem: str,
    tsa_root_pem: str,
    payload: bytes,
    revocations: Mapping[int, Revocation],
    original: Path | None = None,
) -> tuple[str, ...]:
    """Read a signed file back as a stranger would; raise ReleaseGateClosed unless all of it holds.

    Checked by two independent verifiers, each in a fresh sandboxed child: hard binding, signer
    under our root, time stamp; and that the soft binding names `payload` as bytes, no retired key
    signed, and the media are those of `original`, where it is given. Returns who verified.
    Above the second one's limit (128 MiB) our own look at the hard binding takes its place.
    """
    roots = {"claim_root_pem": claim_root_pem, "tsa_root_pem": tsa_root_pem}
    found = _ask(path, "app.provenance.credentials:read_credentials", roots)
    # 1. The credentials are there and every hash in them holds.
    if found["state"] != "valid":
        raise ReleaseGateClosed(
            f"{path.name} does not verify after signing: {', '.join(found['codes']) or found}"
        )
    # 2. The signer is ours.
    if not found["signer_ours"]:
        raise ReleaseGateClosed(f"{path.name} is signed, but not under this installation's root")
    # 3. The signature outlives its leaf.
    if not found["time_trusted"]:
        raise ReleaseGateClosed(f"{path.name} carries no time stamp that verifies")
    # 4. Its key had not been retired by then.
    if revocation.of(found, revocations) == "revoked":
        raise ReleaseGateClosed(
            f"{path.name} was signed by a key that has been replaced or revoked"
        )
    # 5. The soft binding names the payload that was embedded.
    if found["payload"] != payload.hex():
        raise ReleaseGateClosed(f"{path.name} names another watermark than it carries")
    # 6. Somebody else's code says so too.
    large = path.stat().st_size > second.LIMIT_BYTES
    compared = {
        "original": "" if original is None else str(original.resolve()),
        "media_type": media_type_of(path),
    }
    if large:
        again = _ask(path, "app.provenance.second:hash_again", compared, original)
        if again.get("holds") is not True:
            raise ReleaseGateClosed(f"{path.name} convinces {FIRST_VERIFIER}, but not our own hash")
    else:
        again = _ask(path, "app.provenance.second:verify_again", {**compared, **roots}, original)
        if again.get("state") != "Trusted" or again.get("time_trusted") is not True:
            raise ReleaseGateClosed(
                f"{path.name} convinces {FIRST_VERIFIER}, but not {second.NAME}: {again}"
            )
        if again.get("label") != found["label"]:
            raise ReleaseGateClosed(f"{path.name} shows each verifier another manifest")
    # 7. What was signed is what was to be signed.
    if original is not None and again.get("same_media") is not True:
        raise ReleaseGateClosed(f"{path.name} does not hold the media it was made from")
    return (FIRST_VERIFIER, hardbinding.NAME if large else second.NAME)


def _ask(
    path: Path, function: str, args: Mapping[str, str], original: Path | None = None
) -> dict[str, Any]:
    """Read in a process that signed nothing, for as long as a large file takes."""
    wait_s = _wait_s(path)
    return sandbox.run(
        function,
        {"path": str(path.resolve()), **args},
        wall_s=wait_s,
        cpu_s=wait_s,
        memory_bytes=2 << 30,
        reads=[path, *([] if original is None else [original])],
    )


def _in_memory(src: Path, dst: Path, order: Order) -> SignedFile:
    """Write a small file once, when it is finished; what the child could still change is not it.

    Of a JPEG the child writes only what is added; the picture is taken from `src` here.
    """
    apart = order.said["media_type"] in APART
    with ExitStack() as opened:
        with sandbox_standing.standing(LAYING, order.party) as child:
            _give(child, order, src, child.scratch, apart=apart)
            target = opened.enter_context(dst.open("wb"))  # meanwhile: clearing it takes time
            old = memoryview(src.read_bytes() if apart else b"")
            laid_out = _heard(child, src)
            written = bytearray(os.fstat(child.scratch.fileno()).st_size)
            del written[os.preadv(child.scratch.fileno(), [written], 0) :]
        finished = _finish(written, laid_out.places, order)
        digest = hashlib.sha256()
        for part in _parts(old, written, laid_out.into):
            target.write(part)
            digest.update(part)
        size_bytes = target.tell()
    return SignedFile(digest.hexdigest(), size_bytes, finished)


def _parts(
    old: memoryview, written: bytearray, into: int | None
) -> Sequence[memoryview | bytearray]:
    """The new file: what was written, or the old one with that `into` it."""
    if into is None:
        return (written,)
    if into > len(old):
        raise SigningFailed(f"a manifest into byte {into} of {len(old)}")
    return old[:into], written, old[into:]


def _in_place(src: Path, dst: Path, order: Order) -> SignedFile:
    """Write a large file as the library goes along, by a child that is gone before it is read."""
    room = src.stat().st_size + sandbox.FILE_BYTES
    with dst.open("w+b") as target:
        with sandbox_standing.fresh(LAYING, file_bytes=room) as child:
            _give(child, order, src, target, apart=False)
            laid_out = _heard(child, src)
        with mmap.mmap(target.fileno(), 0) as view:
            finished = _finish(view, laid_out.places, order)
        target.seek(0)
        digest = hashlib.file_digest(target, "sha256").hexdigest()
    return SignedFile(digest, dst.stat().st_size, finished)


def _finish(whole: mmap.mmap | bytearray, places: Places, order: Order) -> bytes:
    """Sign the manifest that was laid out, where it lies; return it."""
    finished = order.finish(manifest_at(whole, places))
    put_manifest(whole, places, finished)
    return finished


def _give(
    child: sandbox_standing.Standing, order: Order, src: Path, target: BinaryIO, *, apart: bool
) -> None:
    """Have the child write `src` into `target` with its manifest laid out, or that `apart`."""
    with ExitStack() as opened:
        files = [opened.enter_context(path.open("rb")).fileno() for path in (src, *order.sources)]
        files.insert(1, target.fileno())
        child.tell({**order.said, "apart": apart}, files, wall_s=_wait_s(src))


def _heard(child: sandbox_standing.Standing, src: Path) -> LaidOut:
    """Return where the child says the manifest lies; what it says is validated."""
    said = child.hear(wall_s=_wait_s(src))
    try:
        return LaidOut.model_validate(said)
    except ValidationError:
        why = str(said.get("refused", "no manifest came back"))[:500]
        raise SigningFailed(f"{src.name} could not be signed: {why}") from None


def _wait_s(path: Path) -> int:
    return 60 + path.stat().st_size // SLOWEST_BYTES_A_SECOND
