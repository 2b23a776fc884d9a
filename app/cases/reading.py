"""What may be read of a case, and by whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlmodel import Session, col, or_, select

from app.cases.errors import CaseNotFound
from app.cases.models import Case, CaseEvent, CaseSide
from app.gateway.models import GenerationReplica
from app.ledger.models import JournalEntry
from app.licensing.contracts.models import Contract
from app.registry.models import Performer


@dataclass(frozen=True)
class Shown:
    """What one side is shown of a case: what was frozen, and what was said."""

    evidence: dict[str, Any]
    events: Sequence[CaseEvent]


def case_of(session: Session, organization_id: str, case_id: str) -> Case:
    """Return a case to a side of it. Raises CaseNotFound for all others alike."""
    case = session.get(Case, case_id)
    if case is None or session.get(CaseSide, (case_id, organization_id)) is None:
        raise CaseNotFound(f"no case you are a side of has the id {case_id[:64]}")
    return case


def case_behind(session: Session, secret: str) -> Case:
    """Return the case whose visitor was given this secret. Raises CaseNotFound."""
    found = session.exec(select(Case).where(Case.link_sha256 == hash_of(secret))).first()
    if found is None:
        raise CaseNotFound("this link opens no case; look whether all of it was copied")
    return found


def cases_of(
    session: Session, organization_id: str, *, before: str | None = None, limit: int = 50
) -> Sequence[Case]:
    """List the cases an organization is a side of, newest first."""
    query = (
        select(Case)
        .join(CaseSide, col(CaseSide.case_id) == col(Case.id))
        .where(CaseSide.organization_id == organization_id)
    )
    if before is not None:
        query = query.where(col(CaseSide.case_id) < before)
    return session.exec(query.order_by(col(CaseSide.case_id).desc()).limit(limit)).all()


def open_cases(session: Session) -> Sequence[Case]:
    """List every open case, the one that is due first at the top: for the operator."""
    still = select(Case).where(col(Case.closed_at).is_(None))
    return session.exec(still.order_by(col(Case.decide_by), col(Case.id))).all()


def events_of(session: Session, case_id: str) -> Sequence[CaseEvent]:
    """List what happened in a case, oldest first."""
    theirs = select(CaseEvent).where(CaseEvent.case_id == case_id)
    return session.exec(theirs.order_by(col(CaseEvent.number))).all()


def shown_to(session: Session, case: Case, side: str, organization_id: str | None) -> Shown:
    """Return what of a case a side is shown: who has no part in the output, the operator's words
    and its own, and of what was frozen the digest alone.

    A performer's side sees what was frozen of its own contracts, and not of another's in the scene.
    """
    events = events_of(session, case.id)
    if side == "visitor":
        own = [
            each
            for each in events
            if each.side == "operator"
            or (each.side == "visitor" and each.organization_id == organization_id)
        ]
        return Shown({}, own)
    if side != "performer" or case.evidence.get("output") is None:
        return Shown(case.evidence, events)
    theirs = set(session.exec(_series_of(case.generation_id or "", organization_id or "")))
    mine = select(JournalEntry.id).where(
        JournalEntry.generation_id == case.generation_id, col(JournalEntry.contract_id).in_(theirs)
    )
    entries = set(session.exec(mine))
    return Shown(
        case.evidence
        | {
            "contracts": [row for row in case.evidence["contracts"] if row[0] in theirs],
            "entries": [row for row in case.evidence["entries"] if row[0] in entries],
        },
        events,
    )


def _series_of(generation_id: str, organization_id: str) -> Any:
    """Select the contracts behind an output whose performer's side an organization is."""
    return (
        select(Contract.series_id)
        .join(GenerationReplica, col(GenerationReplica.contract_id) == col(Contract.id))
        .join(Performer, col(Performer.id) == col(GenerationReplica.performer_id))
        .where(
            GenerationReplica.generation_id == generation_id,
            or_(
                col(Performer.organization_id) == organization_id,
                col(Performer.agent_organization_id) == organization_id,
            ),
        )
    )


def side_of(session: Session, case: Case, organization_id: str) -> CaseSide:
    """Return as what an organization sees a case it may see."""
    return session.get_one(CaseSide, (case.id, organization_id))


def state_of(case: Case, at: datetime) -> str:
    """Say where a case stands: waiting, open, overdue or closed."""
    if case.closed_at is not None:
        return "closed"
    if case.holds_from is None:
        return "waiting"
    return "overdue" if at >= case.decide_by else "open"


def hash_of(secret: str) -> str:
    """Return what is kept of the secret a visitor was given."""
    return sha256(secret.encode()).hexdigest()
