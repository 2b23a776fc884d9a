"""What was asked of humans, where it stands, and who may see and answer it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from app import clock
from app.identity.models import Organization
from app.licensing.approvals.models import ApprovalAnswer, ApprovalRequest
from app.licensing.approvals.on_record import role_holders
from app.licensing.contracts.models import Contract
from app.licensing.errors import ApprovalNotFound
from app.registry import mandates
from app.registry.models import Performer

STATES = ("waiting", "approved", "rejected", "timed-out", "expired")


@dataclass(frozen=True)
class Asked:
    """A request with its answers, oldest first, and who may answer it in which role."""

    request: ApprovalRequest
    performer_id: str
    answers: Sequence[ApprovalAnswer]
    holders: dict[str, frozenset[str]]

    def state(self, at: datetime) -> str:
        """Say where it stands in one word of `STATES`."""
        request = self.request
        if request.outcome == "open":
            late = request.answer_due_at is not None and request.answer_due_at <= at
            return "timed-out" if late else "waiting"
        lapsed = request.expires_at is not None and request.expires_at <= at
        return "expired" if request.outcome == "approved" and lapsed else request.outcome

    def open_to(self, organization_id: str, at: datetime) -> list[str]:
        """Name the roles in which an organization may answer now, or answer again."""
        heard = {answer.role for answer in self.answers}
        waiting = self.state(at) != "timed-out"
        theirs = (
            role for role in self.request.roles if organization_id in self.holders.get(role, ())
        )
        return [role for role in theirs if waiting or role in heard]


def approval_of(session: Session, organization_id: str, request_id: str) -> ApprovalRequest:
    """Return a request of one of the caller's contracts. Raises ApprovalNotFound for all others."""
    mine = _visible_to(organization_id).where(ApprovalRequest.id == request_id)
    request = session.exec(mine).first()
    if request is None:
        raise ApprovalNotFound(f"no approval of yours has the id {request_id[:64]}")
    return request


def approvals_of(
    session: Session,
    organization_id: str,
    *,
    state: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[Asked]:
    """List what was asked under the caller's contracts, newest first; `before` continues a list."""
    page = _visible_to(organization_id)
    if state is not None:
        page = page.where(is_in(state, clock.now()))
    if before is not None:
        page = page.where(col(ApprovalRequest.id) < before)
    found = session.exec(page.order_by(col(ApprovalRequest.id).desc()).limit(limit)).all()
    return with_answers(session, found)


def with_answers(session: Session, requests: Sequence[ApprovalRequest]) -> list[Asked]:
    """Read the answers to requests, and who holds which role of their contracts now."""
    answers = session.exec(
        select(ApprovalAnswer)
        .where(col(ApprovalAnswer.request_id).in_([request.id for request in requests]))
        .order_by(col(ApprovalAnswer.answered_at), col(ApprovalAnswer.id))
    ).all()
    holders = _holders(session, {request.contract_id for request in requests})
    return [
        Asked(
            request,
            holders[request.contract_id][0],
            [answer for answer in answers if answer.request_id == request.id],
            holders[request.contract_id][1],
        )
        for request in requests
    ]


def _holders(
    session: Session, contract_ids: Collection[str]
) -> dict[str, tuple[str, dict[str, frozenset[str]]]]:
    """Say of each contract whose likeness it is about, and who speaks in which role."""
    found = session.exec(
        select(Contract.id, Contract.licensee_id, Performer, Organization)
        .join(Performer, col(Performer.id) == col(Contract.performer_id))
        .join(Organization, col(Organization.id) == col(Performer.organization_id))
        .where(col(Contract.id).in_(contract_ids))
    )
    return {
        contract_id: (
            performer.id,
            role_holders(session, performer, desk, licensee_id, contract_id),
        )
        for contract_id, licensee_id, performer, desk in found
    }


def _visible_to(organization_id: str) -> SelectOfScalar[ApprovalRequest]:
    """Select what one organization may see: what it asked, what its own contracts are asked."""
    return (
        select(ApprovalRequest)
        .join(Contract, col(Contract.id) == col(ApprovalRequest.contract_id))
        .join(Performer, col(Performer.id) == col(Contract.performer_id))
        .where(
            or_(
                col(ApprovalRequest.organization_id) == organization_id,
                col(Contract.licensee_id) == organization_id,
                col(Performer.organization_id) == organization_id,
                col(Performer.agent_organization_id) == organization_id,
                mandates.held_by(organization_id, col(Performer.id), col(Contract.series_id)),
            )
        )
    )


def is_in(state: str, at: datetime) -> sa.ColumnElement[bool]:
    """Compare with one word of `STATES`, in the database, as `Asked.state` does."""
    outcome, due, ends = (
        col(ApprovalRequest.outcome),
        col(ApprovalRequest.answer_due_at),
        col(ApprovalRequest.expires_at),
    )
    late, lapsed = due.is_not(None) & (due <= at), ends.is_not(None) & (ends <= at)
    return {
        "waiting": (outcome == "open") & ~late,
        "timed-out": (outcome == "open") & late,
        "approved": (outcome == "approved") & ~lapsed,
        "expired": (outcome == "approved") & lapsed,
        "rejected": outcome == "rejected",
    }[state]
