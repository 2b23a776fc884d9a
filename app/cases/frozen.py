"""What a case freezes when it is opened: digests of everything on record about what it is about.

The rows themselves are evidence already (`app/anchored.py`); this says which of them there were,
so that whoever looks later sees whether something was added or taken away since.
"""

from hashlib import sha256
from typing import Any

import rfc8785
from sqlmodel import Session, col, select

from app.gateway.models import Generation, GenerationReplica
from app.ledger.models import JournalEntry
from app.licensing.contracts.models import Contract
from app.licensing.decisions.models import Decision
from app.provenance.models import SignedManifest
from app.transparency import service as transparency
from app.transparency.errors import CheckpointNotFound


def freeze(
    session: Session, generation: Generation | None, file_sha256: str | None
) -> dict[str, Any]:
    """Return what is on record now: the output, its contracts, decisions, money, and the log."""
    frozen: dict[str, Any] = {"v": 1, "file_sha256": file_sha256, "log": _log(session)}
    if generation is None:
        return frozen | {"output": None}
    manifests = select(SignedManifest.manifest_sha256).where(
        SignedManifest.generation_id == generation.id
    )
    contracts = (
        select(Contract.series_id, Contract.version, Contract.document_sha256)
        .join(GenerationReplica, col(GenerationReplica.contract_id) == col(Contract.id))
        .where(GenerationReplica.generation_id == generation.id)
    )
    decisions = select(Decision.id, Decision.phase, Decision.receipt_sha256).where(
        Decision.generation_id == generation.id
    )
    entries = select(JournalEntry.id, JournalEntry.digest).where(
        JournalEntry.generation_id == generation.id
    )
    return frozen | {
        "output": {
            "generation_id": generation.id,
            "state": generation.state,
            "file_sha256": generation.output_sha256,
            "manifests": sorted(session.exec(manifests)),
        },
        "contracts": _rows(session.exec(contracts.order_by(col(Contract.id)))),
        "decisions": _rows(session.exec(decisions.order_by(col(Decision.id)))),
        "entries": _rows(session.exec(entries.order_by(col(JournalEntry.id)))),
    }


def digest_of(frozen: dict[str, Any]) -> str:
    """Return the SHA-256 of what was frozen, as canonical JSON (RFC 8785)."""
    return sha256(rfc8785.dumps(frozen)).hexdigest()


def _log(session: Session) -> dict[str, Any] | None:
    try:
        newest = transparency.checkpoint_at(session)
    except CheckpointNotFound:
        return None
    return {"size": newest.size, "root": newest.root_hash.hex()}


def _rows(found: Any) -> list[list[Any]]:
    return [list(row) for row in found]
