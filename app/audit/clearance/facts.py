"""What a clearance pack says of an output: public facts, and as much more as its contracts tell."""

from datetime import datetime
from typing import Any

from sqlmodel import Session, select

from app.audit import records, service
from app.audit.bundle.token import text_of
from app.audit.disclosed import disclosed
from app.gateway.materials.models import GenerationMaterial
from app.gateway.models import Generation
from app.licensing.document.disclosure import TERMS, Viewer
from app.provenance import service as provenance
from app.provenance import signature
from app.provenance.models import SignedManifest

FORMAT = "understudy-clearance"
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"  # IPTC's words, as C2PA uses them
MARKING = ("C2PA manifest, in the file", "invisible watermark, where the content can carry one")


def facts_of(
    session: Session, generation_id: str, manifest: SignedManifest, *, reader: str, at: datetime
) -> dict[str, Any]:
    """Return the pack's facts for a reader, JSON values: nothing that `disclosed` does not tell.

    `reader` is the id of an organization that was granted more, or empty: whoever is handed the
    pack. Raises NotFound for what was never released.
    """
    viewer = Viewer(frozenset({reader} - {""}))
    state = service.license_of(session, generation_id, viewer=viewer)
    generation = session.get_one(Generation, generation_id)
    parts = signature.parts_of(provenance.manifest_bytes(manifest))
    return {
        "v": 1,
        "format": FORMAT,
        "generation_id": generation_id,
        "as_of": text_of(at),
        "reader": reader or None,
        "file": {
            "sha256": manifest.file_sha256,
            "size_bytes": manifest.size_bytes,
            "media_type": manifest.media_type,
        },
        "signed_at": text_of(manifest.signed_at),
        "license": {name: state[name] for name in ("when_made", "now")},
        "ai_use": _ai_use(session, generation),
        "marking": list(MARKING),
        "contracts": list(parts.consent["contracts"]),
        "log": records.log_inclusion(session, generation_id),
        "disclosed": disclosed(session, generation_id, viewer=viewer, at=at),
    }


def _ai_use(session: Session, generation: Generation) -> dict[str, Any]:
    """Say what the signed manifest in the file says too: made anew, or footage altered; by what."""
    footage = select(GenerationMaterial).where(
        GenerationMaterial.generation_id == generation.id, GenerationMaterial.role == "footage"
    )
    altered = session.exec(footage).first() is not None
    kind = "compositeWithTrainedAlgorithmicMedia" if altered else "trainedAlgorithmicMedia"
    return {
        "digital_source_type": SOURCE_TYPES + kind,
        "altered_footage": altered,
        "generator": generation.generator,
        "replica_of_a_registered_performer": True,
    }


def tells_terms(facts: dict[str, Any]) -> bool:
    """Whether the contracts let this reader see their terms, and so what follows from them."""
    return bool(facts["disclosed"]["level"] == TERMS)
