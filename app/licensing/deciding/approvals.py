"""Which human answers stand: of several by one role the latest, each only for what it names."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from app.licensing.deciding.governing import LICENSOR_ROLES
from app.licensing.deciding.inputs import ApprovalFact, ContractInForce, UseRequest
from app.licensing.document import local_days
from app.licensing.document.vocabulary import word

LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
NEVER = 2**62
HOUR = 3600 * 1_000_000
ESTATE_ROLES = ("estate_rep", "union_for_estate")


def _concerns(approval: ApprovalFact, contract: ContractInForce, request: UseRequest) -> bool:
    """Whether the answer was given by the instant asked about, on this performer and contract."""
    return (
        (approval.at is None or approval.at <= request.at)
        and approval.performer in (None, contract.terms.performer.id)
        and approval.contract_id in (None, contract.id)
    )


def _is_general(approval: ApprovalFact) -> bool:
    named = (approval.sublicensee, approval.transferee, approval.training_scope)
    return not approval.content_tags and named == (None, None, None)


def latest(approvals: Iterable[ApprovalFact]) -> ApprovalFact | None:
    """Return the latest answer; of two at the same moment, the one that is not a yes.

    Of two yeses at the same moment the weaker counts: unverified, then the one that ends sooner.
    Which one is listed first never matters.
    """
    return max(approvals, key=_counts_over, default=None)


def _counts_over(answer: ApprovalFact) -> tuple[Any, ...]:
    ends_at = FOREVER if answer.expires_at is None else answer.expires_at
    return (
        answer.at or LONG_AGO,
        answer.status != "approved",
        answer.status,
        not answer.authority_verified,
        FOREVER - ends_at,
        answer.script_hash or "",
    )


def _holds(approval: ApprovalFact, request: UseRequest) -> bool:
    """Whether a yes still stands for this script at this instant, from somebody verified."""
    return (
        approval.status == "approved"
        and approval.authority_verified
        and (approval.expires_at is None or request.at < approval.expires_at)
        and approval.script_hash in (None, request.script_hash)
    )


def _named(
    approvals: list[ApprovalFact], roles: frozenset[str], request: UseRequest, name: str
) -> bool:
    """Whether some role's latest answer on what is named is a standing yes, and none is a no."""
    answers = [latest(a for a in approvals if a.role == role) for role in sorted(roles)]
    given = [answer for answer in answers if answer is not None]
    return (
        bool(name)
        and any(_holds(answer, request) for answer in given)
        and not any(answer.status == "rejected" for answer in given)
    )


def given(
    contract: ContractInForce, approvals: Iterable[ApprovalFact], request: UseRequest
) -> dict[str, list[str]]:
    """Return what the standing approvals name: tags, sublicensees, transferees, trainings."""
    concerned = [approval for approval in approvals if _concerns(approval, contract, request)]
    licensors = LICENSOR_ROLES | set(contract.terms.approvals.required)
    tags = {word(tag) for tag in request.tags or ()}
    sublicensee, transferee = request.requester_org, request.transferee or ""
    scope = request.training_scope or ""
    return {
        "approved_tags": sorted(
            tag
            for tag in tags
            if _named(
                [a for a in concerned if tag in {word(named) for named in a.content_tags}],
                licensors,
                request,
                tag,
            )
        ),
        "approved_sublicensees": [sublicensee]
        if _named(
            [a for a in concerned if a.sublicensee == sublicensee], licensors, request, sublicensee
        )
        else [],
        "approved_transferees": [transferee]
        if _named(
            [a for a in concerned if a.transferee == transferee],
            frozenset({"union"}),
            request,
            transferee,
        )
        else [],
        "approved_training_scopes": [scope]
        if _named([a for a in concerned if a.training_scope == scope], licensors, request, scope)
        else [],
    }


def required(
    contract: ContractInForce, approvals: Iterable[ApprovalFact], request: UseRequest
) -> list[dict[str, Any]]:
    """Return the facts of each yes that a role must give: per use, and by an estate after death.

    A contract the estate itself signed needs no second yes from it.
    """
    concerned = [
        approval
        for approval in approvals
        if _concerns(approval, contract, request) and _is_general(approval)
    ]
    terms = contract.terms
    asked: list[dict[str, Any]] = []
    if terms.approvals.per_use:
        roles = terms.approvals.required or ("performer",)  # nobody named: still somebody's yes
        for role in dict.fromkeys(roles):
            answer = latest(a for a in concerned if a.role == role)
            asked.append(_facts(role, answer, contract, needed_from=0, after_death=False))
    died = contract.deceased_on
    if terms.postmortem.mode == "estate_reapproval" and died is not None:
        died_at = local_days.midnight(died, terms.grant.term.tz)
        if _signed_after(died, contract):
            return asked
        answer = latest(a for a in concerned if a.role in ESTATE_ROLES)
        asked.append(_facts("estate_rep", answer, contract, needed_from=died_at, after_death=True))
    return asked


def _signed_after(died: date, contract: ContractInForce) -> bool:
    day_ends_at = local_days.midnight(local_days.next_day(died), contract.terms.grant.term.tz)
    return (
        contract.executed_at is not None and local_days.micros(contract.executed_at) >= day_ends_at
    )


def _facts(
    role: str,
    answer: ApprovalFact | None,
    contract: ContractInForce,
    *,
    needed_from: int,
    after_death: bool,
) -> dict[str, Any]:
    terms = contract.terms.approvals
    asked_at = None if answer is None or answer.at is None else local_days.micros(answer.at)
    expires_at = None if answer is None else answer.expires_at
    return {
        "role": role,
        "after_death": after_death,
        "needed_from": needed_from,
        "status": "absent" if answer is None else answer.status,
        "script_hash": "" if answer is None else answer.script_hash or "",
        "expires_at": NEVER if expires_at is None else local_days.micros(expires_at),
        "answer_due_at": NEVER if asked_at is None else asked_at + terms.sla_hours * HOUR,
        "authority_verified": answer is not None and answer.authority_verified,
        "on_silence": terms.on_silence,
    }


def lacking(
    contract: ContractInForce, approvals: Iterable[ApprovalFact], request: UseRequest
) -> tuple[str, ...]:
    """Name the roles whose yes this use needs and has not: for whom to ask, not to decide by."""
    answers = [a for a in approvals if _concerns(a, contract, request) and _is_general(a)]
    roles = dict.fromkeys(str(yes["role"]) for yes in required(contract, answers, request))
    words = {role: latest(a for a in answers if a.role == role) for role in roles}
    return tuple(role for role, word in words.items() if word is None or not _holds(word, request))


def may_count(contract: ContractInForce, request: UseRequest) -> bool:
    """Whether an approval could matter to this use; where none could, none need be read."""
    terms = contract.terms
    return (
        terms.approvals.per_use
        or terms.postmortem.mode == "estate_reapproval"
        or bool(terms.grant.content.approval)
        or terms.grant.sublicense.mode == "with_approval"
        or terms.grant.training == "with_approval"
        or request.action == "transfer_model"
    )
