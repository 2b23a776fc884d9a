"""Before silence turns into refusal: who is asked is reminded, and who asks learns of deaf ears."""

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import clock
from app.licensing.approvals.asked import Asked, is_in, with_answers
from app.licensing.approvals.models import ApprovalRequest
from app.licensing.contracts.models import Contract
from app.notices import delivery
from app.notices import service as notices
from app.notices.models import Notice
from app.registry.models import Performer

LEAD = timedelta(hours=24)  # before an offer lapses; for an answer it is half of its time


def tell_asked(session: Session, request: ApprovalRequest) -> None:
    """Tell everybody whose yes is asked for, in the transaction that asks."""
    asked = with_answers(session, [request])[0]
    for organization_id in _silent(asked):
        notices.tell(
            session,
            "approval-requested",
            request.id,
            organization_id=organization_id,
            alarms_id=request.organization_id,
            due_at=request.answer_due_at,
        )


def is_due(session: Session) -> bool:
    """Say whether somebody is to be reminded now; takes no lock."""
    return bool(_late_answers(session) or _late_offers(session))


def remind(session: Session) -> None:
    """Remind of answers and offers whose time is running out, each once.

    By then half of the time for an answer is over. Where nothing proves that the question itself
    arrived, and nothing of it is on its way any more, whoever asked is alarmed: the question is
    still open then.
    """
    for request in _late_answers(session):
        _remind_of_answer(session, request)
    for contract in _late_offers(session):
        for number, organization_id in enumerate(_parties(session, contract)):
            notices.tell(
                session,
                "offer-due",
                contract.series_id,
                organization_id=organization_id,
                due_at=contract.expires_at,
                once=f"offer-due:{contract.id}:{number}",
            )


def _remind_of_answer(session: Session, request: ApprovalRequest) -> None:
    """Remind everybody who is silent, or tell who asked that nobody can be asked at all."""
    silent = _silent(with_answers(session, [request])[0])
    for number, organization_id in enumerate(silent or [request.organization_id]):
        notices.tell(
            session,
            "approval-due" if silent else "notice-failed",
            request.id,
            organization_id=organization_id,
            alarms_id=request.organization_id,
            due_at=request.answer_due_at,
            once=f"approval-due:{request.id}:{number}",
        )
    questions = select(Notice).where(
        Notice.kind == "approval-requested", Notice.subject_id == request.id
    )
    for question in session.exec(questions).all():
        delivery.alarm(session, question)


def _late_answers(session: Session) -> Sequence[ApprovalRequest]:
    """List open questions of whose time half is over, and of which nobody was reminded."""
    now = clock.now()
    waiting = session.exec(
        select(ApprovalRequest).where(
            is_in("waiting", now),
            col(ApprovalRequest.answer_due_at).is_not(None),
            ~notices.was_said(sa.literal("approval-due:") + col(ApprovalRequest.id) + ":0"),
        )
    ).all()
    return [
        each
        for each in waiting
        if each.answer_due_at is not None
        and now >= each.requested_at + (each.answer_due_at - each.requested_at) / 2
    ]


def _late_offers(session: Session) -> Sequence[Contract]:
    """List what lapses within a day, and is neither executed nor off the table."""
    now, settled = clock.now(), (
        Contract.executed_at, Contract.declined_at, Contract.retracted_at, Contract.replaced_at,
        Contract.withdrawn_at,
    )  # fmt: skip
    return session.exec(
        select(Contract).where(
            col(Contract.offered_at).is_not(None),
            col(Contract.expires_at) > now,
            col(Contract.expires_at) <= now + LEAD,
            *(col(each).is_(None) for each in settled),
            ~notices.was_said(sa.literal("offer-due:") + col(Contract.id) + ":0"),
        )
    ).all()


def _silent(asked: Asked) -> list[str]:
    """Name the organizations that can answer in a role that was asked and has said nothing."""
    heard = {answer.role for answer in asked.answers}
    roles = [role for role in asked.request.roles if role not in heard]
    return sorted({each for role in roles for each in asked.holders.get(role, ())})


def _parties(session: Session, contract: Contract) -> list[str]:
    performer = session.get_one(Performer, contract.performer_id)
    every = (performer.organization_id, performer.agent_organization_id, contract.licensee_id)
    return sorted({each for each in every if each is not None})
