"""What the credentials of an output say: whom it shows, what it came from, what permitted it."""

from pathlib import Path

from sqlmodel import Session

from app.config import settings
from app.gateway import outputs, service
from app.gateway.materials import service as materials
from app.gateway.models import Generation
from app.gateway.workbench import fetch
from app.identity.models import Organization
from app.licensing.decisions import service as decisions
from app.licensing.decisions.models import Decision
from app.licensing.document import contract as documents
from app.provenance.manifest import Manifest, Reference, Source, manifest
from app.registry import service as registry

SUPPLIED = {  # materials as credentials call them
    "first_frame": "First frame",
    "driving": "Driving performance",
    "voice": "Voice recording",
}


def statement(
    session: Session,
    generation: Generation,
    generators_own: Source | None,
    parent: Source | None,
    altered: Source | None,
) -> Manifest:
    """Say what the credentials say: who and what it came from, and which decision permitted it."""
    cast = service.cast_of(session, generation.id)
    return manifest(
        generation_id=generation.id,
        payload=bytes.fromhex(generation.payload_hex),
        media_type=outputs.media_type_of(generation.marked_key),
        # The registry's commitment stands for the picture: its plain hash is kept nowhere.
        references=[
            *(
                Reference(medium.commitment, medium.media_type)
                for member in (cast if outputs.kind_of(generation).shows else ())
                for medium in registry.references_of(session, member.replica_id)
            ),
            *(
                Reference(material.commitment, material.media_type, SUPPLIED[role])
                for role, material in materials.of_generation(session, generation.id).items()
                if role in SUPPLIED  # footage is the parent
            ),
        ],
        decision_receipt_sha256=session.get_one(Decision, generation.decision_id).receipt_sha256,
        contract_sha256s=[
            contract.document_sha256 for contract in service.contracts_of(session, generation.id)
        ],
        license_status_url=f"{settings().public_url}/v1/licenses/{generation.id}",
        generator=generation.generator,
        generator_version="1",
        footage=altered,
        rendering=generators_own,
        parent=parent,
        derived_from=(
            None
            if generation.parent_id is None
            else (generation.parent_id, generation.relation or "")
        ),
        draft=generation.is_draft,
    )


def private_words(session: Session, generation: Generation) -> list[str]:
    """List what no file may tell: the words spoken, the project, who it is, and for whom."""
    use = decisions.use_of(session.get_one(Decision, generation.decision_id))
    found = [generation.line, use.project or ""]
    for contract in service.contracts_of(session, generation.id):
        found.append(documents.recorded(contract.document.encode()).performer.name)
        found.append(session.get_one(Organization, contract.licensee_id).name)
    return found


def parent_of(session: Session, generation: Generation, directory: Path) -> Source | None:
    """Bring the file that this output derives from, for its credentials to go in."""
    if generation.parent_id is None:
        return None
    parent = session.get_one(Generation, generation.parent_id)
    path = fetch(parent.output_key, directory / "parent")
    return Source(path, outputs.media_type_of(parent.output_key))
