"""From a file without credentials back to its manifest: what strangers may recover, and how.

What the C2PA Soft Binding Resolution API 1.1.0 asks for, without HTTP. A stranger learns which
manifest, and how well the content agrees; nothing of the mark but that it leads there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from sqlmodel import Session

from app.audit import records
from app.audit.errors import AlgorithmUnknown, AssetUnreadable, BindingMalformed, SearchGaveUp
from app.provenance import fingerprint as prints
from app.provenance import service as provenance
from app.provenance import softbinding, verify
from app.provenance.errors import ManifestUnknown
from app.provenance.manifest import ALGORITHM as WATERMARK
from app.provenance.models import SignedManifest
from app.provenance.softbinding import FINGERPRINT_ALGORITHM as FINGERPRINT

ALGORITHMS = (WATERMARK, FINGERPRINT)
PAYLOAD_BYTES = 8
RESULTS_MOST = 100
EXACT, UNSURE = 100, 50  # scores of a mark: the content agrees; it may, and nothing contradicts


@dataclass(frozen=True)
class Match:
    """A manifest that something leads to, by its C2PA name; 100 is the strongest match."""

    manifest_id: str
    similarity_score: int


def by_binding(session: Session, algorithm: str, value: bytes, *, at_most: int = 10) -> list[Match]:
    """Return what a soft binding leads to, strongest first; nothing where it is on no record.

    The value is the 8 bytes of a payload, or the JSON of a fingerprint. Raises AlgorithmUnknown,
    BindingMalformed.
    """
    if algorithm == WATERMARK:
        kept = softbinding.by_payload(session, _payload(value))
        found = [] if kept is None else [(kept, EXACT)]
    elif algorithm == FINGERPRINT:
        found = _alike(session, _fingerprint(value), at_most)
    else:
        raise AlgorithmUnknown(
            f"this service resolves {' and '.join(ALGORITHMS)}; see /services/supportedAlgorithms"
        )
    return _matches(session, found, at_most)


def by_content(
    session: Session,
    path: Path,
    *,
    watermark_keys: Mapping[int, bytes],
    algorithm: str | None = None,
    hint: tuple[str, bytes] | None = None,
    at_most: int = 10,
    may_tell: verify.MayTell = verify.freely,
) -> list[Match]:
    """Return what a file's mark and its likeness lead to, strongest first.

    A mark on content that contradicts the output it names leads nowhere: it was copied there. A
    hint is somebody's word: it leads to a manifest only where the content agrees. The file is read
    as one to verify is, in a sandboxed child. Raises AlgorithmUnknown, AssetUnreadable,
    BindingMalformed, SearchGaveUp and SandboxUnavailable.
    """
    if algorithm not in (None, *ALGORITHMS):
        raise AlgorithmUnknown(f"this service resolves {' and '.join(ALGORITHMS)}")
    by_mark, by_likeness = algorithm != FINGERPRINT, algorithm != WATERMARK
    hinted = _hinted(session, hint)
    # 1. The mark and the fingerprint, as the file has them.
    seen = verify.read_content(path, watermark_keys if by_mark else {})
    if by_mark:
        seen = verify.told(seen, path, may_tell)
    if not seen.readable:
        raise AssetUnreadable(f"the asset cannot be looked at: {seen.reason}")
    found: list[tuple[SignedManifest, int]] = []
    # 2. Where the mark leads, unless the content contradicts it.
    if by_mark and (marked := _marked(session, [mark.payload for mark in seen.marks])):
        content = _content(session, seen, marked)
        if content != "other":
            found.append((marked, EXACT if content == "same" else UNSURE))
    # 3. What the hint names, where the content agrees.
    if hinted and _content(session, seen, hinted) == "same":
        found.append((hinted, EXACT))
    # 4. What it is like.
    if by_likeness and seen.fingerprint:
        found += _alike(session, seen.fingerprint, at_most)
    if not found and by_mark and not seen.searched:
        raise SearchGaveUp(
            "looking for a mark took more time or memory than it may, or too many files of this"
            " content were asked about; send a shorter or smaller copy, or ask tomorrow"
        )
    return _matches(session, found, at_most)


def manifest_store(session: Session, manifest_id: str, *, active_only: bool = False) -> bytes:
    """Return the manifest store of this active manifest: the only door by which strangers get one.

    Raises ManifestUnknown, in the same words whether it never was or may not be seen.
    """
    kept = provenance.by_label(session, manifest_id)
    if kept is None or not may_be_seen(session, kept):
        raise ManifestUnknown("no manifest that may be seen here has this identifier")
    store = provenance.manifest_bytes(kept)
    return provenance.active_manifest(store) if active_only else store


def may_be_seen(session: Session, kept: SignedManifest) -> bool:
    """Say whether strangers may know of a manifest at all: only once its output was released."""
    return records.is_released(session, kept.generation_id)


def _matches(
    session: Session, found: list[tuple[SignedManifest, int]], at_most: int
) -> list[Match]:
    """Those that may be seen, each once at its strongest, no more than were asked for."""
    best: dict[str, int] = {}
    for kept, score in found:
        if may_be_seen(session, kept):
            best[kept.label] = max(score, best.get(kept.label, 0))
    ranked = sorted(best.items(), key=lambda item: (-item[1], item[0]))
    return [Match(label, score) for label, score in ranked[: min(at_most, RESULTS_MOST)]]


def _alike(
    session: Session, fingerprint: prints.Fingerprint, at_most: int
) -> list[tuple[SignedManifest, int]]:
    likest = softbinding.likest(
        session, fingerprint.model_dump(mode="json"), at_most=min(at_most, RESULTS_MOST)
    )
    return [(kept, round(100 * alike)) for kept, alike in likest]


def _content(session: Session, seen: verify.Content, kept: SignedManifest) -> prints.Content | None:
    """Whether the content is that of the manifest's output; None where it cannot be compared."""
    agreed = seen.agreement(softbinding.fingerprint_of(session, kept))
    return None if agreed is None else agreed.content


def _marked(session: Session, payloads: list[str]) -> SignedManifest | None:
    """What the first payload on record leads to."""
    found = (softbinding.by_payload(session, payload) for payload in payloads)
    return next(filter(None, found), None)


def _hinted(session: Session, hint: tuple[str, bytes] | None) -> SignedManifest | None:
    """What a hint names; a binding of an algorithm that is not ours cannot help."""
    if hint is None or hint[0] != WATERMARK:
        return None
    return softbinding.by_payload(session, _payload(hint[1]))


def _payload(value: bytes) -> str:
    if len(value) != PAYLOAD_BYTES:
        raise BindingMalformed(f"a value of {WATERMARK} is {PAYLOAD_BYTES} bytes, not {len(value)}")
    return value.hex()


def _fingerprint(value: bytes) -> prints.Fingerprint:
    try:
        return prints.Fingerprint.model_validate_json(value)
    except ValidationError:
        raise BindingMalformed(
            f"a value of {FINGERPRINT} is the JSON of a fingerprint; see docs/soft-bindings.md"
        ) from None
