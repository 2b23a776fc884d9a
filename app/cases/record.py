"""What happened in a case, put down and told to its sides; and what of it the log commits to."""

from typing import Any

from sqlmodel import Session, select

from app.cases.models import Case, CaseEvent, CaseSide
from app.cases.reading import events_of
from app.identity.principal import Principal
from app.notices import service as notices


def opening_evidence(case: Case) -> dict[str, Any]:
    """Return the payload of the leaf that says a case was opened."""
    return {
        "about": case.generation_id or case.file_sha256,
        "asked": case.asked,
        "evidence": case.evidence_sha256,
        "ground": case.ground,
        "side": case.side,
    }


def closing_evidence(case: Case) -> dict[str, Any]:
    """Return the payload of the leaf that says what came of a case."""
    return {
        "about": case.generation_id or case.file_sha256,
        "evidence": case.evidence_sha256,
        "outcomes": list(case.outcomes),
    }


def happened(
    session: Session,
    case: Case,
    kind: str,
    side: str,
    words: str,
    *,
    by: Principal | None = None,
) -> None:
    """Put an event down, and tell every side but who did it; untold while it holds nothing."""
    number = len(events_of(session, case.id)) + 1
    session.add(
        CaseEvent(
            case_id=case.id,
            number=number,
            kind=kind,
            side=side,
            organization_id=by.organization_id if by else None,
            api_key_id=by.api_key_id if by else None,
            words=words,
        )
    )
    session.flush()
    if case.holds_from is None:
        return  # a visitor's, which the operator has not taken up: it troubles nobody
    told = {"opened": "case-opened", "taken-up": "case-opened", "closed": "case-closed"}.get(
        kind, "case-answered"
    )
    sides = session.exec(select(CaseSide.organization_id).where(CaseSide.case_id == case.id)).all()
    for each in sorted(set(sides) - {by.organization_id if by else ""}):
        notices.tell(session, told, case.id, organization_id=each)
