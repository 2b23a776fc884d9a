"""Sign a finished file, then read it back before anyone may have it."""

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import c2pa

from app import sandbox
from app.provenance import credentials, hardbinding, revocation, second
from app.provenance.certificate_files import Revocation
from app.provenance.errors import ReleaseGateClosed, SigningFailed, UnsupportedFormat
from app.provenance.finish import finish_manifest, put_manifest, replace_manifest
from app.provenance.manifest import Manifest

FIRST_VERIFIER = "c2pa-python"
SLOWEST_BYTES_A_SECOND = 10 << 20
IN_MEMORY_BYTES = 16 << 20  # larger files are written as the library goes along
LayOut = Callable[[BinaryIO, BinaryIO], bytes]
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
) -> SignedFile:
    """Write a signed copy of `src` to `dst`; the key is asked once and never enters the library.

    `sign` is ES256 and returns raw r||s; `chain_pem` is leaf first; `stamp` returns an RFC 3161
    TimeStampToken for the bytes it is given (None: no time stamp, and the signature ends with its
    leaf); `staple` is a DER OCSP response about the leaf. Existing credentials in `src` are
    replaced. Call `check_release` before handing `dst` out. Raises
    UnsupportedFormat, SigningFailed; on failure `dst` is removed.
    """
    media_type = media_type_of(src)

    def finish(written: bytes) -> bytes:
        return finish_manifest(written, manifest.payload, sign=sign, stamp=stamp, staple=staple)

    lay_out = partial(_lay_out, manifest=manifest, media_type=media_type, chain_pem=chain_pem)
    write = _in_memory if src.stat().st_size <= IN_MEMORY_BYTES else _in_place
    try:
        return write(src, dst, lay_out, finish)
    except c2pa.C2paError as error:
        dst.unlink(missing_ok=True)
        raise SigningFailed(f"{src.name} could not be signed: {error}") from error
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
) -> tuple[str, ...]:
    """Read a signed file back as a stranger would; raise ReleaseGateClosed unless all of it holds.

    Checked by two independent verifiers: hard binding, signer under our root, time stamp; and that
    the soft binding names `payload` as bytes, and no retired key signed. Returns who verified.
    Above the second one's limit (128 MiB) the first reads in a fresh process, and our own look at
    the hard binding takes the place of the second.
    """
    roots = {"claim_root_pem": claim_root_pem, "tsa_root_pem": tsa_root_pem}
    large = path.stat().st_size > second.LIMIT_BYTES
    found = _read_afresh(path, roots) if large else _read(path, roots)
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
    if large:
        if not hardbinding.holds(path):
            raise ReleaseGateClosed(f"{path.name} convinces {FIRST_VERIFIER}, but not our own hash")
        return (FIRST_VERIFIER, hardbinding.NAME)
    again = sandbox.run(
        "app.provenance.second:verify_again",
        {"path": str(path.resolve()), "media_type": media_type_of(path), **roots},
        wall_s=60,
        cpu_s=60,
        memory_bytes=2 << 30,
        reads=[path],
    )
    if again.get("state") != "Trusted" or again.get("time_trusted") is not True:
        raise ReleaseGateClosed(
            f"{path.name} convinces {FIRST_VERIFIER}, but not {second.NAME}: {again}"
        )
    return (FIRST_VERIFIER, second.NAME)


def _read(path: Path, roots: Mapping[str, str]) -> dict[str, Any]:
    return credentials.read_credentials(path=str(path), **roots)


def _read_afresh(path: Path, roots: Mapping[str, str]) -> dict[str, Any]:
    """Read in a process that signed nothing, for as long as a large file takes."""
    wait_s = 60 + path.stat().st_size // SLOWEST_BYTES_A_SECOND
    return sandbox.run(
        "app.provenance.credentials:read_credentials",
        {"path": str(path.resolve()), **roots},
        wall_s=wait_s,
        cpu_s=wait_s,
        memory_bytes=2 << 30,
        reads=[path],
    )


def _in_memory(src: Path, dst: Path, lay_out: LayOut, finish: Finish) -> SignedFile:
    """Write a small file once, when it is finished."""
    with io.BytesIO(src.read_bytes()) as source, io.BytesIO() as target:
        written = lay_out(source, target)
        whole = bytearray(target.getbuffer())
    finished = finish(written)
    put_manifest(whole, written, finished)
    dst.write_bytes(whole)
    return SignedFile(hashlib.sha256(whole).hexdigest(), len(whole), finished)


def _in_place(src: Path, dst: Path, lay_out: LayOut, finish: Finish) -> SignedFile:
    """Write a large file as the library goes along, then the manifest where it lies."""
    with src.open("rb") as source, dst.open("w+b") as target:
        written = lay_out(source, target)
    finished = finish(written)
    replace_manifest(dst, written, finished)
    with dst.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return SignedFile(digest, dst.stat().st_size, finished)


def _lay_out(
    source: BinaryIO, target: BinaryIO, *, manifest: Manifest, media_type: str, chain_pem: str
) -> bytes:
    """Let the library lay the manifest out, with a signature that is a placeholder."""
    placeholder = c2pa.Signer.from_callback(
        lambda _data: b"\x01" * 64, c2pa.C2paSigningAlg.ES256, chain_pem
    )
    builder = c2pa.Builder(manifest.definition, credentials.context())
    for said, ingredient in manifest.sources:
        with ingredient.path.open("rb") as content:
            builder.add_ingredient(said, ingredient.media_type, content)
    with placeholder:
        written: bytes = builder.sign(placeholder, media_type, source, target)
    return written
