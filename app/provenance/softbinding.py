"""From a payload or a likeness back to the manifest: the soft bindings of the repository."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sqlmodel import Session, select

from app.provenance import fingerprint as prints
from app.provenance.errors import ManifestConflict
from app.provenance.manifest import ALGORITHM
from app.provenance.models import SignedManifest, SoftBinding

FINGERPRINT_ALGORITHM = f"org.understudy.fingerprint.{prints.VERSION}"


def bind_payload(session: Session, kept: SignedManifest, payload: bytes) -> None:
    """Let the watermark's payload lead to this manifest. Raises ManifestConflict."""
    taken = by_payload(session, payload.hex())
    if taken is not None and taken.id != kept.id:
        raise ManifestConflict(
            f"the payload {payload.hex()} already leads to {taken.id}; embed a fresh one"
        )
    if taken is None:
        session.add(
            SoftBinding(
                manifest_id=kept.id, kind="watermark", algorithm=ALGORITHM, value=payload.hex()
            )
        )
        session.flush()


def bind_fingerprint(
    session: Session, kept: SignedManifest, fingerprint: Mapping[str, Any]
) -> None:
    """Let what the output looks and sounds like lead to this manifest."""
    canonical = json.dumps(fingerprint, sort_keys=True, separators=(",", ":")).encode()
    if fingerprint_of(session, kept) is None:
        session.add(
            SoftBinding(
                manifest_id=kept.id,
                kind="fingerprint",
                algorithm=FINGERPRINT_ALGORITHM,
                value=hashlib.sha256(canonical).hexdigest(),
                fingerprint=dict(fingerprint),
            )
        )
        session.flush()


def by_payload(session: Session, payload_hex: str) -> SignedManifest | None:
    """Return the manifest a watermark payload leads to."""
    return session.exec(
        select(SignedManifest)
        .join(SoftBinding)
        .where(
            SoftBinding.kind == "watermark",
            SoftBinding.algorithm == ALGORITHM,
            SoftBinding.value == payload_hex,
        )
    ).one_or_none()


def fingerprint_of(session: Session, kept: SignedManifest) -> dict[str, Any] | None:
    """Return the fingerprint kept with a manifest, if there is one."""
    binding = session.exec(
        select(SoftBinding).where(
            SoftBinding.manifest_id == kept.id, SoftBinding.kind == "fingerprint"
        )
    ).one_or_none()
    return None if binding is None else binding.fingerprint


def nearest(
    session: Session, fingerprint: Mapping[str, Any], *, apart_from: str | None = None
) -> tuple[SignedManifest, float] | None:
    """Return the output most like this fingerprint and how like it is, 0..1; None if none is."""
    return next(iter(likest(session, fingerprint, apart_from=apart_from, at_most=1)), None)


def likest(
    session: Session,
    fingerprint: Mapping[str, Any],
    *,
    at_most: int,
    apart_from: str | None = None,
) -> list[tuple[SignedManifest, float]]:
    """Return the outputs most like this fingerprint, likest first, and how like each is, 0..1.

    Only the same medium, and only as alike as the thresholds ask. Looks at every fingerprint: fine
    for thousands of outputs, not for millions.
    """
    found: list[tuple[float, str]] = []
    rows = session.exec(
        select(SoftBinding)
        .where(SoftBinding.kind == "fingerprint", SoftBinding.algorithm == FINGERPRINT_ALGORITHM)
        .execution_options(yield_per=100)
    )
    for row in rows:
        other = row.fingerprint
        if other is None or row.manifest_id == apart_from:
            continue
        alike = prints.alike(fingerprint, other)
        if alike is not None:
            found.append((alike, row.manifest_id))
    found.sort(reverse=True)
    return [(session.get_one(SignedManifest, id_), alike) for alike, id_ in found[:at_most]]
