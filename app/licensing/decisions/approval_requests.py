"""Ask humans for the yes a contract demands, and take their answers."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from app import clock
from app.identity.principal import Principal
from app.licensing.approvals import reminders
from app.licensing.approvals.asked import Asked, approval_of, is_in, with_answers
from app.licensing.approvals.models import ApprovalAnswer, ApprovalRequest
from app.licensing.approvals.on_record import use_as_json, use_asked
from app.licensing.contracts.models import Contract
from app.licensing.deciding.asking import KIND_OF, Ask, asks, covers
from app.licensing.deciding.inputs import UseRequest
from app.licensing.decisions import service as decisions
from app.licensing.decisions.looking import look
from app.licensing.decisions.models import Decision
from app.licensing.errors import AnswerRefused, ApprovalClosed, NothingToAsk, ScriptDiffers
from app.registry.models import Performer


def what_to_ask(session: Session, decision: Decision) -> list[Ask]:
    """Say which human's yes is missing for the use of a decision, as things stand now.

    Empty where something stands against the use that no human's yes can lift, and for strangers.
    """
    if decision.outcome == "permit" or not set(decision.shown_codes) & KIND_OF.keys():
        return []
    use = replace(decisions.use_of(decision), at=clock.now())
    # Which generators there are is not asked here: only what the rules say of missing answers.
    seen = look(session, use, generators={})
    needed = {f.code for f in seen.answer.findings if f.outcome == "needs-approval"}
    against = set(decision.codes) - needed - KIND_OF.keys()
    return [] if against else list(asks(seen.answer, seen.contracts, seen.state.approvals, use))


def request_approvals(
    session: Session, organization_id: str, decision_id: str, *, script: str | None = None
) -> list[ApprovalRequest]:
    """Ask, for a use that was decided, everybody whose yes its contracts demand and miss.

    What waits for an answer already is not asked twice: the first question is returned. Raises
    DecisionNotFound, NothingToAsk, and ScriptDiffers where `script` is not what was hashed.
    """
    decision = decisions.decision_of(session, organization_id, decision_id)
    session.refresh(decision, with_for_update=True)  # asked twice at once, it is asked once
    use = decisions.use_of(decision)
    if script is not None and hashlib.sha256(script.encode()).hexdigest() != use.script_hash:
        raise ScriptDiffers(
            "the script's SHA-256 is not the script_hash of this decision; send the exact text "
            "that was hashed, as UTF-8, or ask for a decision about this one"
        )
    before = select(ApprovalRequest).where(ApprovalRequest.decision_id == decision.id)
    asked_before = session.exec(before.order_by(col(ApprovalRequest.id))).all()
    if asked_before:
        return list(asked_before)
    asking = what_to_ask(session, decision)
    if not asking:
        raise NothingToAsk(
            f"no human's yes is missing for {decision.id}, or none can lift what stands against "
            f"it ({', '.join(decision.codes) or decision.outcome}); ask for a new decision"
        )
    if use.script_hash is None and any(_of_a_script(ask) for ask in asking):
        raise NothingToAsk(
            f"{decision.id} names no script, and a yes per use holds for one script alone; give "
            "the script_hash (SHA-256 of its text) and ask for a new decision"
        )
    return [_ask(session, decision, use, ask, script) for ask in asking]


def _of_a_script(ask: Ask) -> bool:
    """Whether a yes is to one script; an estate's, after death, is to the use."""
    return ask.kind == "use" and "estate" not in ask.roles


def _ask(
    session: Session, decision: Decision, use: UseRequest, ask: Ask, script: str | None
) -> ApprovalRequest:
    session.get_one(Performer, ask.performer_id, with_for_update=True)
    now, hours = clock.now(), ask.answer_within_hours
    about = asdict(ask) | {"roles": list(ask.roles), "content_tags": list(ask.content_tags)}
    del about["performer_id"], about["answer_within_hours"]
    request = ApprovalRequest(
        **about,
        organization_id=decision.organization_id,
        decision_id=decision.id,
        project=use.project or "",
        script_hash=use.script_hash or "",
        use=use_as_json(use),
        script=script,
        requested_at=now,
        answer_due_at=None if hours is None else now + timedelta(hours=hours),
    )
    same = select(ApprovalRequest).where(
        ApprovalRequest.contract_id == ask.contract_id,
        ApprovalRequest.organization_id == request.organization_id,
        ApprovalRequest.kind == ask.kind,
        ApprovalRequest.project == request.project,
        ApprovalRequest.script_hash == request.script_hash,
        is_in("waiting", now),
    )
    for earlier in session.exec(same.order_by(col(ApprovalRequest.id))):
        alike = earlier.content_tags == request.content_tags
        if alike and set(earlier.roles) >= set(ask.roles) and covers(use_asked(earlier), use):
            return earlier
    session.add(request)
    session.flush()
    reminders.tell_asked(session, request)
    return request


def answer_approval(
    session: Session,
    principal: Principal,
    request_id: str,
    *,
    role: str,
    status: str,
    expires_at: datetime | None = None,
) -> ApprovalRequest:
    """Take a human's yes or no in a role their organization holds; the latest answer counts.

    Takes the lock that a release takes: after a no is acknowledged nothing is released on the yes
    before it. Raises ApprovalNotFound, AnswerRefused, ApprovalClosed after silence.
    """
    request = approval_of(session, principal.organization_id, request_id)
    performer_id = session.get_one(Contract, request.contract_id).performer_id
    session.get_one(Performer, performer_id, with_for_update=True)
    session.refresh(request, with_for_update=True)
    asked, now = with_answers(session, [request])[0], clock.now()
    _check_may_answer(asked, principal.organization_id, role)
    if role not in asked.open_to(principal.organization_id, now):
        raise ApprovalClosed(
            f"{request.id} had to be answered by {request.answer_due_at}; under this contract "
            "silence is a refusal: the production may ask again"
        )
    if expires_at is not None and (status == "rejected" or expires_at <= now):
        raise AnswerRefused("only a yes expires, and only in the future; leave expires_at out")
    answer = ApprovalAnswer(
        request_id=request.id,
        role=role,
        organization_id=principal.organization_id,
        api_key_id=principal.api_key_id,
        status=status,
        answered_at=now,
        expires_at=expires_at,
    )
    session.add(answer)
    _sum_up(request, [*asked.answers, answer])
    session.add(request)
    session.flush()
    return request


def _check_may_answer(asked: Asked, organization_id: str, role: str) -> None:
    if role not in asked.request.roles:
        raise AnswerRefused(
            f"{asked.request.id} asks {', '.join(asked.request.roles)}, and not {role[:64]}"
        )
    if role not in asked.holders:
        raise AnswerRefused(
            f"nobody is registered here as {role[:64]}, so nobody can answer as one; agree an "
            "amendment that asks somebody who is"
        )
    if organization_id not in asked.holders[role]:
        raise AnswerRefused(f"your organization is not the {role[:64]} of this contract")


def _sum_up(request: ApprovalRequest, answers: Sequence[ApprovalAnswer]) -> None:
    """Write down what the answers come to: each role's last; a no of any, else a yes of enough."""
    last = {answer.role: answer for answer in answers}
    yes = [answer for answer in last.values() if answer.status == "approved"]
    needed = len(request.roles) if request.kind == "use" else 1
    if len(yes) < len(last):
        request.outcome = "rejected"
    else:
        request.outcome = "approved" if len(yes) >= needed else "open"
    ends = [answer.expires_at for answer in yes if answer.expires_at is not None]
    request.expires_at = min(ends, default=None) if request.outcome == "approved" else None
