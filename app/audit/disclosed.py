"""What may be told of an output, and to whom: every surface that speaks of one asks here first.

How to call it, from a page, a bundle, a list of cues:

    from app.audit.disclosed import disclosed
    said = disclosed(session, generation_id)                 # a stranger, now
    said = disclosed(session, generation_id, viewer=viewer)  # somebody who said who they are

`said["level"]` is the level; a fact is in `said` exactly where this viewer may see it, so a surface
copies what is there and reads nothing private itself. What goes into the file itself, or leaves for
good, is for strangers: ask without a viewer, or for the default alone. Rooms below this one tell no
more than the signed manifest does, which never holds more than the default.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, select

from app import clock
from app.audit import records
from app.gateway.models import Generation, GenerationReplica
from app.identity.models import Organization
from app.licensing.contracts.models import Contract
from app.licensing.contracts.names import registered_names
from app.licensing.decisions import service as decisions
from app.licensing.decisions.models import Decision
from app.licensing.disclosures.on_record import OnRecord, agreed_of
from app.licensing.document import contract as documents
from app.licensing.document.disclosure import DEFAULT, STRANGER, Viewer, told
from app.licensing.words import plain_language
from app.provenance import service as provenance

UNTOLD = {"level": DEFAULT}


def disclosed(
    session: Session,
    generation_id: str,
    *,
    viewer: Viewer = STRANGER,
    at: datetime | None = None,
) -> dict[str, Any]:
    """Return what this viewer may see of an output, at an instant (now): JSON values.

    By every contract behind it, the strictest counting. Of what was never released nothing is told.
    """
    generation = session.get(Generation, generation_id)
    if generation is None or generation.released_at is None:
        return dict(UNTOLD)
    at = at or clock.now()
    found = _contracts(session, generation_id, at)
    use = decisions.use_of(session.get_one(Decision, generation.decision_id))
    facts = {
        "performers": lambda: [_terms(each.contract).performer.name for each in found],
        "licensees": lambda: _licensees(session, found),
        "project": lambda: use.project,
        "use": lambda: {
            "purpose": use.purpose,
            "medium": use.medium,
            "territories": list(use.territories or ()),
            "languages": list(use.languages or ()),
            "line": generation.line,
            "length_ms": generation.length_ms,
            "content_tags": sorted({*(use.tags or ()), *generation.found_tags}),
            "brand_category": use.brand_category,
        },
        "reasons": lambda: _reasons(session, generation, at),
        "contracts": lambda: [_whole(session, each.contract) for each in found],
    }
    return told([each.agreed for each in found], viewer, at, facts)


def _contracts(session: Session, generation_id: str, at: datetime) -> list[OnRecord]:
    cast = select(GenerationReplica).where(GenerationReplica.generation_id == generation_id)
    permitted = [
        session.get_one(Contract, member.contract_id) for member in session.exec(cast).all()
    ]
    return agreed_of(session, {contract.series_id for contract in permitted}, at)


def _terms(contract: Contract) -> documents.Contract:
    return documents.recorded(contract.document.encode())


def _licensees(session: Session, found: Sequence[OnRecord]) -> list[str]:
    ids = {each.contract.licensee_id for each in found}
    return sorted(session.get_one(Organization, id_).name for id_ in ids)


def _reasons(session: Session, generation: Generation, at: datetime) -> dict[str, str]:
    """Say then and now in the words that strangers do not get: expired, withdrawn."""
    manifest = provenance.by_generation(session, generation.id)
    made_at = generation.released_at if manifest is None else manifest.signed_at
    return {
        "when_made": records.license_state(session, generation.id, made_at or at),
        "now": records.license_state(session, generation.id, at),
    }


def _whole(session: Session, contract: Contract) -> dict[str, Any]:
    names = registered_names(session, contract)
    said = plain_language.sections(_terms(contract), names=names)
    return {
        "contract_id": contract.series_id,
        "version": contract.version,
        "document_sha256": contract.document_sha256,
        "plain_language": [
            {"heading": section.heading, "sentences": [text for text, _ in section.sentences]}
            for section in said
        ],
    }
