"""What people owe an answer to: approvals, previews, cases."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from app.cases.models import Case, CaseSide
from app.db import Instant
from app.gateway.models import Generation
from app.gateway.models_previews import Preview
from app.licensing.approvals.asked import is_in
from app.licensing.approvals.models import ApprovalAnswer, ApprovalRequest
from app.licensing.contracts.models import Contract
from app.obligations.rows import Asked, Obligation, or_no_day
from app.registry.models import Performer


def approvals(session: Session, asked: Asked) -> Sequence[Obligation]:
    """A yes or a no to what a production asked: due as the contract says, proven by the answer."""
    answers = sa.select(sa.func.max(ApprovalAnswer.answered_at, type_=Instant)).where(
        col(ApprovalAnswer.request_id) == col(ApprovalRequest.id)
    )
    last = sa.select(sa.func.max(ApprovalAnswer.id)).where(
        col(ApprovalAnswer.request_id) == col(ApprovalRequest.id)
    )
    due, done = col(ApprovalRequest.answer_due_at), answers.scalar_subquery()
    which: dict[str, tuple[Any, Any]] = {
        "open": (is_in("waiting", asked.at), or_no_day(due)),
        "missed": (is_in("timed-out", asked.at), due),
        "done": (col(ApprovalRequest.outcome) != "open", done),
    }
    if asked.state not in which:
        return []
    condition, sort_at = which[asked.state]
    query = (
        sa.select(
            ApprovalRequest, col(Contract.series_id), col(Contract.performer_id),
            sort_at, done, last.scalar_subquery(),
        )
        .join(Contract, col(Contract.id) == col(ApprovalRequest.contract_id))
        .join(Performer, col(Performer.id) == col(Contract.performer_id))
        .where(
            sa.or_(asked.parties(), col(ApprovalRequest.organization_id) == asked.organization_id),
            condition,
        )
    )  # fmt: skip
    return [
        Obligation(
            kind="approval",
            what=request.kind,
            key=request.id,
            owed_by=tuple(request.roles),
            due_at=request.answer_due_at,
            sort_at=sorted_at,
            done_at=done_at if asked.state == "done" else None,
            proof=proof if asked.state == "done" else None,
            contract_id=series_id,
            performer_id=performer_id,
        )
        for request, series_id, performer_id, sorted_at, done_at, proof in session.execute(
            asked.page(query, sort_at, col(ApprovalRequest.id))
        )
    ]


def previews(session: Session, asked: Asked) -> Sequence[Obligation]:
    """A look at a finished output before its release; silence refuses it."""
    waits = (col(Preview.outcome) == "open") & (col(Generation.state) == "awaiting-preview")
    due, done = col(Preview.due_at), col(Preview.answered_at)
    which: dict[str, tuple[Any, Any]] = {
        "open": (waits & (due > asked.at), due),
        "missed": ((col(Preview.outcome) == "open") & (due <= asked.at), due),
        "done": (done.is_not(None), done),
    }
    if asked.state not in which:
        return []
    condition, sort_at = which[asked.state]
    query = (
        sa.select(Preview, col(Contract.series_id), col(Contract.performer_id), sort_at)
        .join(Generation, col(Generation.id) == col(Preview.generation_id))
        .join(Contract, col(Contract.id) == col(Preview.contract_id))
        .join(Performer, col(Performer.id) == col(Contract.performer_id))
        .where(asked.parties(), condition)
    )
    return [
        Obligation(
            kind="preview",
            what=preview.outcome,
            key=preview.id,
            owed_by=tuple(preview.roles),
            due_at=preview.due_at,
            sort_at=sorted_at,
            done_at=preview.answered_at,
            proof=preview.id if preview.answered_at else None,
            contract_id=series_id,
            performer_id=performer_id,
        )
        for preview, series_id, performer_id, sorted_at in session.execute(
            asked.page(query, sort_at, col(Preview.id))
        )
    ]


def cases(session: Session, asked: Asked) -> Sequence[Obligation]:
    """The operator's word in a case: by its last day."""
    closed = col(Case.closed_at)
    which = {"open": (closed.is_(None), col(Case.decide_by)), "done": (closed.is_not(None), closed)}
    if asked.state not in which:
        return []
    condition, sort_at = which[asked.state]
    query = sa.select(Case, sort_at).where(condition)
    if asked.organization_id is not None:
        query = query.join(CaseSide, col(CaseSide.case_id) == col(Case.id)).where(
            col(CaseSide.organization_id) == asked.organization_id
        )
    return [
        Obligation(
            kind="case",
            what=case.asked,
            key=case.id,
            owed_by=("operator",),
            due_at=case.decide_by,
            sort_at=sorted_at,
            done_at=case.closed_at,
            proof=case.id if case.closed_at else None,
        )
        for case, sorted_at in session.execute(asked.page(query, sort_at, col(Case.id)))
    ]
