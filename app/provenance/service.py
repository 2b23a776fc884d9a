"""Sign an output and keep what proves it; find it again by any of its traces."""

import hashlib
import struct
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog
from sqlmodel import Session, col, select

from app import keys, sandbox, storage
from app.provenance import credentials, ocsp, pki, softbinding
from app.provenance import fingerprint as prints
from app.provenance.desk import Desk
from app.provenance.errors import (
    CertificateMissing,
    ManifestConflict,
    ManifestUnknown,
    ReleaseGateClosed,
    SigningFailed,
)
from app.provenance.finish import Box, superboxes
from app.provenance.manifest import Manifest, Source
from app.provenance.models import SignedManifest
from app.provenance.sign import SignedFile, check_release, media_type_of, sign_file

logger = structlog.get_logger()
BOX_HEADER = 8  # bytes: length and kind
FINGERPRINT_LIMITS = {"wall_s": 120.0, "cpu_s": 120, "memory_bytes": 2 << 30}


@dataclass(frozen=True)
class SignedOutput:
    """A signed file that passed the release gate, and all that `register` keeps of it."""

    file: SignedFile
    manifest: Manifest
    media_type: str
    fingerprint: dict[str, Any] | None
    verified_by: tuple[str, ...]


def sign_output(
    src: Path, dst: Path, manifest: Manifest, *, desk: Desk, whose: str = ""
) -> SignedOutput:
    """Sign with this installation's key, read the result back, take its fingerprint.

    `whose` it is, an organization's id, says whose leaf signs, where that has its own. Makes a new
    leaf when one is due. Where a rotation retires the key meanwhile, signs once more with the new
    one. `dst` is removed when the gate stays closed. Raises ReleaseGateClosed, SigningFailed,
    UnsupportedFormat, TimeStampUnavailable (wait), and the sandbox's errors.
    """
    while True:
        pki.renew(desk.certificates, ocsp_url=desk.ocsp_url)
        signer, staple = ocsp.signer_and_staple(desk.certificates, whose)
        try:
            return _sign_and_check(
                src, dst, manifest, signer=signer, staple=staple, desk=desk, whose=whose
            )
        except (ReleaseGateClosed, keys.KeyMissing, CertificateMissing):
            if ocsp.signer_and_staple(desk.certificates, whose)[0] == signer:
                raise


def _sign_and_check(
    src: Path,
    dst: Path,
    manifest: Manifest,
    *,
    signer: pki.Signer,
    staple: bytes,
    desk: Desk,
    whose: str,
) -> SignedOutput:
    signed = sign_file(
        src,
        dst,
        manifest,
        sign=signer.sign,
        chain_pem=signer.chain_pem,
        stamp=desk.stamp,
        staple=staple,
        party=whose,
    )
    try:
        verified_by = check_release(dst, **desk.trust, payload=manifest.payload, original=src)
        fingerprint = fingerprint_file(dst)
        with dst.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != signed.sha256:
                raise ReleaseGateClosed(f"{dst.name} changed while it was looked at")
    except Exception:
        dst.unlink(missing_ok=True)
        raise
    return SignedOutput(signed, manifest, media_type_of(dst), fingerprint, verified_by)


def with_credentials(path: Path, *, desk: Desk, private: Collection[str] = ()) -> Source | None:
    """Return a file as a source to name, when it carries credentials of its own that hold.

    Under whose root does not matter: they are passed on as they are. What does not hold is not, nor
    what spells any `private` text: whoever holds the file could read it there.
    """
    if not credentials.holds_store(path):
        return None
    if credentials.spells(path, private):
        logger.warning("the generator's credentials are left out: they tell what is private")
        return None
    found = sandbox.run(
        "app.provenance.credentials:read_credentials",
        {"path": str(path.resolve()), **desk.roots},
        wall_s=60,
        cpu_s=60,
        memory_bytes=2 << 30,
        reads=[path],
    )
    return Source(path, media_type_of(path)) if found.get("state") == "valid" else None


def altered_footage(path: Path, *, desk: Desk, private: Collection[str] = ()) -> Source:
    """Return the footage that an output altered, as a source to name.

    Credentials of its own go along where `with_credentials` would pass them on; others are hidden
    in this copy of it, so that the footage is named and nothing is said for it.
    """
    if credentials.holds_store(path) and with_credentials(path, desk=desk, private=private) is None:
        credentials.hide_store(path)
    return Source(path, media_type_of(path))


def fingerprint_file(path: Path) -> dict[str, Any] | None:
    """Return a file's fingerprint, taken in a sandboxed child; None when it cannot be read."""
    answer = sandbox.run(
        "app.provenance.content:fingerprint_content",
        {"path": str(path.resolve())},
        wall_s=FINGERPRINT_LIMITS["wall_s"],
        cpu_s=int(FINGERPRINT_LIMITS["cpu_s"]),
        memory_bytes=int(FINGERPRINT_LIMITS["memory_bytes"]),
        reads=[path],
    )
    found = answer.get("fingerprint")
    return (
        None if found is None else prints.Fingerprint.model_validate(found).model_dump(mode="json")
    )


def register(session: Session, output: SignedOutput) -> SignedManifest:
    """Keep a signed output's manifest, its bindings and its whole-file hash; twice is once.

    Raises ManifestConflict when the generation or the payload already has another manifest.
    """
    digest = hashlib.sha256(output.file.manifest_bytes).hexdigest()
    generation_id = output.manifest.generation_id
    kept = by_generation(session, generation_id)
    if kept is not None and kept.manifest_sha256 != digest:
        raise ManifestConflict(f"{generation_id} was signed before, as {kept.id}; use that file")
    if kept is None:
        kept = SignedManifest(
            generation_id=generation_id,
            label=manifest_label(output.file.manifest_bytes),
            manifest_sha256=digest,
            file_sha256=output.file.sha256,
            size_bytes=output.file.size_bytes,
            media_type=output.media_type,
            openings=output.manifest.openings,
            verified_by=list(output.verified_by),
        )
        storage.put_new(kept.object_key, output.file.manifest_bytes)
        session.add(kept)
        session.flush()
    softbinding.bind_payload(session, kept, output.manifest.payload)
    if output.fingerprint is not None:
        softbinding.bind_fingerprint(session, kept, output.fingerprint)
    return kept


def by_generation(session: Session, generation_id: str) -> SignedManifest | None:
    """Return the manifest of a generation's output."""
    return session.exec(
        select(SignedManifest).where(SignedManifest.generation_id == generation_id)
    ).one_or_none()


def by_file(session: Session, file_sha256: str) -> SignedManifest | None:
    """Return the manifest that left in exactly this file."""
    return session.exec(
        select(SignedManifest).where(SignedManifest.file_sha256 == file_sha256)
    ).one_or_none()


def by_label(session: Session, label: str) -> SignedManifest | None:
    """Return the manifest of this name: `urn:c2pa:...`."""
    return session.exec(select(SignedManifest).where(SignedManifest.label == label)).one_or_none()


def by_traces(
    session: Session, *, labels: list[str], generation_ids: list[str]
) -> SignedManifest | None:
    """Return a manifest that any of these names belongs to: what a broken file still spells."""
    return session.exec(
        select(SignedManifest)
        .where(
            sa.or_(
                col(SignedManifest.label).in_(labels),
                col(SignedManifest.generation_id).in_(generation_ids),
            )
        )
        .order_by(SignedManifest.id)
        .limit(1)
    ).one_or_none()


def manifest_bytes(kept: SignedManifest) -> bytes:
    """Return the kept manifest; checked against its name. Raises ManifestUnknown."""
    try:
        content = storage.get(kept.object_key)
    except storage.ObjectMissing:
        content = b""
    if hashlib.sha256(content).hexdigest() != kept.manifest_sha256:
        raise ManifestUnknown(f"the bytes of {kept.id} are lost or damaged; restore the object")
    return content


def manifest_label(manifest: bytes) -> str:
    """Return the name of a store's active manifest: its last one, per the specification."""
    return _manifests(manifest)[-1].path.removeprefix("/c2pa/")


def active_manifest(store: bytes) -> bytes:
    """Return a store that holds the active manifest alone, without those of its ingredients."""
    first, active = _manifests(store)[0], _manifests(store)[-1]
    described = store[BOX_HEADER : first.start]  # the store's own description
    content = described + store[active.start : active.end]
    return struct.pack(">I4s", BOX_HEADER + len(content), b"jumb") + content


def _manifests(store: bytes) -> list[Box]:
    boxes = [box for box in superboxes(store) if box.path.count("/") == 2]
    if not boxes:
        raise SigningFailed("the signed manifest has no label; the library changed its layout")
    return boxes
