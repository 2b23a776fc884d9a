"""The human answers on record, as facts for a decision: one query, nobody's claim."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlmodel import Session, col

from app.identity.models import Organization
from app.licensing.approvals.models import ApprovalAnswer, ApprovalRequest
from app.licensing.contracts.models import Contract
from app.licensing.deciding.approvals import latest
from app.licensing.deciding.asking import covers
from app.licensing.deciding.inputs import ApprovalFact, UseRequest
from app.registry import mandates
from app.registry.models import Performer

_USE = TypeAdapter(UseRequest)


def approvals_on_record(
    session: Session, contract_ids: Sequence[str], use: UseRequest
) -> tuple[ApprovalFact, ...]:
    """Return every answer, and every question still open, that is about this use or a wider one.

    Answers about another script are given only where a role has said nothing about this one. An
    answer's authority is what is registered at this moment, whoever gave it; an estate had none by
    a mandate that was undone since. An open question past its due instant is silence. What a
    machine whose clock runs ahead wrote counts from now on.
    """
    if not contract_ids:
        return ()
    found = session.execute(
        sa.select(ApprovalRequest, ApprovalAnswer, Contract.licensee_id, Performer, Organization)  # type: ignore[call-overload]
        .outerjoin(ApprovalAnswer, col(ApprovalAnswer.request_id) == col(ApprovalRequest.id))
        .join(Contract, col(Contract.id) == col(ApprovalRequest.contract_id))
        .join(Performer, col(Performer.id) == col(Contract.performer_id))
        .join(Organization, col(Organization.id) == col(Performer.organization_id))
        .where(
            col(ApprovalRequest.contract_id).in_(contract_ids),
            col(ApprovalRequest.project) == (use.project or ""),
        )
    )
    answers: list[ApprovalFact] = []
    heard: set[tuple[str, str]] = set()
    asked: dict[str, tuple[ApprovalRequest, str]] = {}
    for request, answer, licensee_id, performer, desk in found:
        if not covers(use_asked(request), use):
            continue
        asked[request.id] = (request, performer.id)
        if answer is not None:
            heard.add((request.id, answer.role))
            holders = role_holders(session, performer, desk, licensee_id, request.contract_id)
            speaks = answer.organization_id in holders.get(answer.role, ())
            verified = speaks and not _was_undone(session, performer, request, answer)
            answers.append(_answered(request, answer, performer.id, use, verified=verified))
    questions = [
        _unanswered(request, role, performer_id, use)
        for request, performer_id in asked.values()
        for role in request.roles
        if (request.id, role) not in heard and request.script_hash == (use.script_hash or "")
    ]
    told = {_subject(fact) for fact in answers if fact.script_hash == use.script_hash}
    about_this = [
        fact
        for fact in answers
        if fact.script_hash == use.script_hash or _subject(fact) not in told
    ]
    return (*about_this, *(fact for fact in questions if not _stands(fact, about_this, use)))


def role_holders(
    session: Session,
    performer: Performer,
    desk: Organization,
    licensee_id: str,
    contract_id: str,
) -> dict[str, frozenset[str]]:
    """Say which organizations speak in which role now: from what is registered, and by mandates.

    The performer through their own desk, not through an agency's; the agent their registered one.
    In every other role (guardian, estate, union, court, ...) speaks who holds a mandate to approve
    that stands; where nobody does, nobody may answer. The licensee speaks as nobody else. After a
    death neither the performer's desk speaks nor the agent registered in their lifetime.
    """
    given = mandates.holders_of(session, performer.id, mandates.APPROVE, contract_id=contract_id)
    holders = {role: ids - {licensee_id} for role, ids in given.items() if ids - {licensee_id}}
    holders["licensee"] = frozenset({licensee_id})
    if mandates.is_dead(session, performer.id):
        return holders
    if desk.kind == "performer":
        holders["performer"] = frozenset({desk.id})
    if performer.agent_organization_id is not None:
        agents = holders.get("agent", frozenset())
        holders["agent"] = agents | {performer.agent_organization_id}
    return holders


def use_asked(request: ApprovalRequest) -> UseRequest:
    """Return the use a request is about."""
    use: UseRequest = _USE.validate_python(request.use)
    return use


def use_as_json(use: UseRequest) -> dict[str, Any]:
    """Return a use as a request keeps it."""
    kept: dict[str, Any] = _USE.dump_python(use, mode="json")
    return kept


def _was_undone(
    session: Session, performer: Performer, request: ApprovalRequest, answer: ApprovalAnswer
) -> bool:
    """Say whether an answer is an estate's for a performer who was held to be dead in error."""
    return answer.role in mandates.AFTER_DEATH and mandates.was_undone(
        session,
        performer.id,
        answer.organization_id,
        answer.role,
        contract_id=request.contract_id,
        at=answer.answered_at,
    )


def _about(request: ApprovalRequest, performer_id: str) -> dict[str, Any]:
    return {
        "script_hash": request.script_hash or None,
        "content_tags": tuple(request.content_tags),
        "sublicensee": request.sublicensee,
        "transferee": request.transferee,
        "training_scope": request.training_scope,
        "performer": performer_id,
        "contract_id": request.contract_id,
    }


def _answered(
    request: ApprovalRequest,
    answer: ApprovalAnswer,
    performer_id: str,
    use: UseRequest,
    *,
    verified: bool,
) -> ApprovalFact:
    return ApprovalFact(
        role=answer.role,
        status=answer.status,
        at=min(answer.answered_at, use.at),
        expires_at=answer.expires_at,
        authority_verified=verified,
        **_about(request, performer_id),
    )


def _unanswered(
    request: ApprovalRequest, role: str, performer_id: str, use: UseRequest
) -> ApprovalFact:
    """Say of a question nobody has answered in this role that it is open, or that time ran out."""
    late = request.answer_due_at is not None and request.answer_due_at <= use.at
    return ApprovalFact(
        role=role,
        status="timed_out" if late else "pending",
        at=min(request.requested_at, use.at),
        **_about(request, performer_id),
    )


def _subject(fact: ApprovalFact) -> tuple[object, ...]:
    """What a fact is about, the script left aside: two on the same are answers to one question."""
    named = (fact.content_tags, fact.sublicensee, fact.transferee, fact.training_scope)
    return (fact.contract_id, fact.role, *named)


def _stands(question: ApprovalFact, answers: Iterable[ApprovalFact], use: UseRequest) -> bool:
    """Whether this role's last word on the same is a yes: asking again takes nothing back."""
    same = (a for a in answers if _subject(a) == _subject(question))
    word = latest(a for a in same if a.script_hash == question.script_hash)
    return (
        word is not None
        and word.status == "approved"
        and (word.expires_at is None or use.at < word.expires_at)
    )
