"""Which human must be asked for what, and whether an answer covers a use. Pure.

The rules say that a yes is missing (`decide`); here it is said whom to ask, about what. What is
covered is strict: a yes is for the use that was asked about, in part or whole, and nothing wider.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from app.licensing.deciding import approvals
from app.licensing.deciding.decide import Decision
from app.licensing.deciding.inputs import ApprovalFact, ContractInForce, UseRequest
from app.licensing.document.vocabulary import words

# What asking can unblock. The last two say that an answer was no, or none: one may ask again.
USE_CODES = frozenset(
    "APPROVAL_REQUIRED APPROVAL_STALE_SCRIPT APPROVAL_EXPIRED APPROVER_NOT_AUTHORISED "
    "APPROVAL_REJECTED APPROVAL_TIMED_OUT".split()
)
KIND_OF = dict.fromkeys(USE_CODES, "use") | {
    "CONTENT_NEEDS_APPROVAL": "content",
    "SUBLICENSE_APPROVAL": "sublicensee",
    "UNION_TRANSFER_APPROVAL": "transferee",
    "TRAINING_SCOPE_APPROVAL": "training",
}
SAME = ("action", "requester_org", "project", "purpose", "medium", "generator", "brand_category",
        "depicted_age", "realtime", "training", "is_dub", "edit_kind", "role")  # fmt: skip
WITHIN = ("territories", "languages", "modalities")


@dataclass(frozen=True, slots=True)
class Ask:
    """One thing to ask under one contract. A use needs every role's yes, the others one of them."""

    contract_id: str
    performer_id: str
    kind: str
    roles: tuple[str, ...]
    answer_within_hours: int | None  # null: the contract waits, however long it takes
    content_tags: tuple[str, ...] = ()
    sublicensee: str | None = None
    transferee: str | None = None
    training_scope: str | None = None


def asks(
    answer: Decision,
    contracts: Iterable[ContractInForce],
    given: Sequence[ApprovalFact],
    use: UseRequest,
) -> Iterator[Ask]:
    """Say what to ask, for each contract whose rules miss a human's yes; `given` are facts now."""
    versions = {(contract.id, contract.version): contract for contract in contracts}
    for governing in answer.governing:
        contract = versions[governing[1:]]
        codes = {f.code for f in answer.findings if f.contract_id == contract.id}
        for kind in dict.fromkeys(KIND_OF[code] for code in sorted(codes & KIND_OF.keys())):
            yield _ask(kind, contract, given, use)


def _ask(
    kind: str, contract: ContractInForce, given: Sequence[ApprovalFact], use: UseRequest
) -> Ask:
    terms = contract.terms
    roles: tuple[str, ...] = tuple(dict.fromkeys(("performer", *terms.approvals.required)))
    if kind == "use":
        roles = approvals.lacking(contract, given, use)
    if kind == "transferee":
        roles = ("union",)
    conditional = set(words(use.tags or ())) & set(words(terms.grant.content.approval))
    return Ask(
        contract_id=contract.id,
        performer_id=terms.performer.id,
        kind=kind,
        roles=roles,
        answer_within_hours=None
        if terms.approvals.on_silence == "wait"
        else terms.approvals.sla_hours,
        content_tags=tuple(sorted(conditional)) if kind == "content" else (),
        sublicensee=use.requester_org if kind == "sublicensee" else None,
        transferee=use.transferee if kind == "transferee" else None,
        training_scope=use.training_scope if kind == "training" else None,
    )


def covers(asked: UseRequest, use: UseRequest) -> bool:
    """Whether `use` is what was asked about, or less of it; the script is compared by the rules.

    The same project, purpose, medium and so on; no place, language or modality more; no longer;
    the same end of showing. Content tags have approvals of their own.
    """
    alike = all(getattr(asked, name) == getattr(use, name) for name in SAME)
    fewer = all(set(getattr(use, n) or ()) <= set(getattr(asked, n) or ()) for n in WITHIN)
    return (
        alike
        and fewer
        and (use.seconds or 0) <= (asked.seconds or 0)
        and use.renders <= asked.renders
        and use.exhibit_until == asked.exhibit_until
    )
