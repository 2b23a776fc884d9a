"""What a change of script would void, said before it is made; nothing is changed by asking."""

from dataclasses import replace

from sqlmodel import Session, col, select

from app import clock
from app.licensing.approvals.asked import Asked, is_in, with_answers
from app.licensing.approvals.models import ApprovalRequest
from app.licensing.approvals.on_record import use_asked
from app.licensing.deciding.asking import KIND_OF
from app.licensing.deciding.inputs import UseRequest
from app.licensing.decisions.looking import look


def voided_by_script_change(
    session: Session,
    organization_id: str,
    *,
    project: str,
    old_hash: str,
    new_hash: str,
    before: str | None = None,
    limit: int = 50,
) -> tuple[list[Asked], str | None]:
    """Return the standing approvals of a script that would not hold for another one.

    Each use is put to the rules twice, under the old and under the new script. Looks at `limit`
    approvals, newest first; the second value is the id to go on from, if there may be more.
    """
    now = clock.now()
    page = select(ApprovalRequest).where(
        ApprovalRequest.organization_id == organization_id,
        ApprovalRequest.project == project,
        ApprovalRequest.script_hash == old_hash,
        is_in("approved", now),
    )
    if before is not None:
        page = page.where(col(ApprovalRequest.id) < before)
    found = session.exec(page.order_by(col(ApprovalRequest.id).desc()).limit(limit)).all()
    voided = [request for request in found if _is_voided(session, request, new_hash)]
    return with_answers(session, voided), found[-1].id if len(found) == limit else None


def _is_voided(session: Session, request: ApprovalRequest, new_hash: str) -> bool:
    use = replace(use_asked(request), at=clock.now())
    changed = _missing(session, request, replace(use, script_hash=new_hash))
    return bool(changed - _missing(session, request, use))


def _missing(session: Session, request: ApprovalRequest, use: UseRequest) -> set[str]:
    """Return the codes by which the rules ask for this kind of yes under this contract."""
    answer = look(session, use, generators={}, under={request.contract_id}).answer
    return {
        finding.code
        for finding in answer.findings
        if finding.contract_id == request.contract_id and KIND_OF.get(finding.code) == request.kind
    }
