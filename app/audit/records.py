"""What the records say about an output: licensed then and now, released, logged."""

from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from app.gateway.models import Generation, GenerationReplica
from app.licensing.contracts.license_state import license_state as state_of_contract
from app.licensing.contracts.models import Contract
from app.licensing.decisions.models import Decision
from app.transparency import service as transparency
from app.transparency.errors import CheckpointNotFound, LeafNotFound, LeafNotPublished
from app.transparency.leaf import LeafKind


def license_state(session: Session, generation_id: str, at: datetime) -> str:
    """Say in one word whether every contract behind an output licensed it at an instant.

    `licensed`, or the first state that is not, in the order of the contracts' ids; `not-released`
    and `not-on-record` where there is no released output of that name.
    """
    generation = session.get(Generation, generation_id)
    if generation is None:
        return "not-on-record"
    if generation.released_at is None:
        return "not-released"
    if generation.taken_down_at is not None and at >= generation.taken_down_at:
        return "taken-down"
    contracts = session.exec(
        select(Contract)
        .join(GenerationReplica, col(GenerationReplica.contract_id) == Contract.id)
        .where(GenerationReplica.generation_id == generation_id)
        .order_by(col(Contract.id))
    ).all()
    # Until its release an output is work in flight, which some contracts let finish.
    permit = session.get_one(Decision, generation.decision_id)
    permitted_at = permit.at if at <= generation.released_at else None
    states = [
        state_of_contract(contract, at=at, permitted_at=permitted_at) for contract in contracts
    ]
    if not states:
        return "not-on-record"  # no contract is no license: nothing is licensed by default
    return next((state for state in states if state != "licensed"), "licensed")


def is_released(session: Session, generation_id: str) -> bool:
    """Say whether an output was handed out: until then nobody outside knows of it."""
    generation = session.get(Generation, generation_id)
    return generation is not None and generation.released_at is not None


def is_draft(session: Session, generation_id: str) -> bool:
    """Say whether an output is a draft, that nobody may distribute."""
    generation = session.get(Generation, generation_id)
    return generation is not None and generation.is_draft


def log_inclusion(session: Session, generation_id: str) -> dict[str, Any]:
    """Say whether the output's release is in the public log, and under which leaf.

    `logged` only when the log can prove it under a signed checkpoint now; `promised` while the
    leaf waits; `absent` when no release was ever recorded.
    """
    for promised, _ in transparency.leaves_of(session, generation_id):
        if promised.kind == LeafKind.OUTPUT_RELEASED:
            try:
                proof = transparency.inclusion_proof(session, promised.id)
            except (LeafNotFound, LeafNotPublished, CheckpointNotFound):
                return {"state": "promised", "record": promised.id, "leaf_index": None}
            return {"state": "logged", "record": promised.id, "leaf_index": proof.leaf_index}
    return {"state": "absent", "record": None, "leaf_index": None}
