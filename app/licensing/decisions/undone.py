"""What counts for nothing, since the death it rested on was taken back: signatures, contracts."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from app.licensing.contracts.models import Contract, ContractSignature
from app.licensing.deciding.governing import LICENSOR_ROLES
from app.licensing.document import contract as documents
from app.registry import mandates

SIGNS_FOR_PERFORMER = LICENSOR_ROLES | {"loan_out"}


def is_undone(
    session: Session, contract: Contract, organization_id: str, role: str, *, at: datetime
) -> bool:
    """Say whether a signature was given by a mandate that was undone since."""
    return role in mandates.POWERS and mandates.was_undone(
        session,
        contract.performer_id,
        organization_id,
        role,
        contract_id=contract.series_id,
        at=at,
    )


def undone(session: Session, contracts: Sequence[Contract]) -> frozenset[str]:
    """Name the executed versions, of contracts that ever promised an exclusive, that are undone.

    Such a version was signed on the performer's side by nobody but who never stood in for them.
    """
    executed = [each for each in contracts if each.executed_at is not None]
    promising = {
        each.series_id
        for each in executed
        if documents.recorded(each.document.encode()).exclusivity is not None
    }
    asked = {each.id: each for each in executed if each.series_id in promising}
    if not asked:
        return frozenset()
    signatures = session.exec(
        select(ContractSignature).where(
            col(ContractSignature.contract_id).in_(asked),
            col(ContractSignature.role).in_(SIGNS_FOR_PERFORMER),
        )
    ).all()
    counting: set[str] = set()
    idle: set[str] = set()
    for each in signatures:
        contract, by = asked[each.contract_id], each.organization_id
        gone = is_undone(session, contract, by, each.role, at=each.signed_at)
        (idle if gone else counting).add(each.contract_id)
    return frozenset(idle - counting)
