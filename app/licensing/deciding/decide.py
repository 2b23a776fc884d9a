"""May this be done, with these people's likeness, for exactly this, now? The only way to a permit.

Pure: no database, no clock. Every performer is evaluated under one instant; codes and obligations
are united; deny > needs-approval > permit; what cannot be evaluated is denied and reported.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import cedarpy
from pydantic_core import to_json

from app.licensing.deciding import approvals, contract_facts, facts
from app.licensing.deciding.governing import standing
from app.licensing.deciding.inputs import ContractInForce, State, UseRequest
from app.licensing.deciding.policy_set import BASE, PolicySet, load_policies
from app.licensing.deciding.rules import PolicySetInvalid, Rule

__all__ = ["Decision", "Finding", "PolicySet", "PolicySetInvalid", "decide", "load_policies"]

EVALUATION_ERROR = "EVALUATION_ERROR"
SEVERITY = {"permit": 0, "needs-approval": 1, "deny": 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """One code, for one performer: what it means, the clause it comes from, what would unblock it.

    `clause` is a JSON pointer into that contract's document, empty where no field answers.
    """

    code: str
    outcome: str
    performer: str
    contract_id: str
    version: int
    clause: str
    summary: str
    next_step: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, and everything needed to explain and prove it.

    `codes` and `obligations` are sorted and unique; obligations are those on top of
    `standing_obligations`, and both are empty unless the outcome is permit. `policy_ids` are the
    rules that determined the answer. `facts` names each fact by "subject/name" for its digest.
    `governing` is (performer, contract id, version) of each contract relied on; `stopping_digest`
    names today's set where a release was decided by a permit's pinned one.
    """

    outcome: str
    codes: tuple[str, ...]
    policy_digest: str
    facts: dict[str, Any]
    obligations: tuple[str, ...] = ()
    standing_obligations: tuple[str, ...] = ()
    policy_ids: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    governing: tuple[tuple[str, str, int], ...] = ()
    errors: tuple[str, ...] = ()
    stopping_digest: str = ""

    @property
    def permitted(self) -> bool:
        """Whether the use may go ahead now."""
        return self.outcome == "permit"


@dataclass(frozen=True, slots=True)
class _Question:
    """One thing to hold the request against: a contract, an approval, an exclusive, a gap."""

    kind: str
    name: str
    attrs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Part:
    """A performer's part under one governing contract, or under none."""

    performer: str
    contract: ContractInForce | None
    questions: tuple[_Question, ...]


@dataclass(frozen=True, slots=True)
class _Said:
    """What the engine said to one question, by which rules; `allowed` None: none anybody knows."""

    allowed: bool | None
    codes: frozenset[str]
    errors: tuple[str, ...]


@dataclass(slots=True)
class _Answer:
    """What the engine said to a part's questions, united."""

    part: _Part
    allowed: bool = True
    forbids: set[str] = field(default_factory=set)
    permits: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)

    def outcome(self, rules: dict[str, Rule]) -> str:
        if self.errors or (not self.allowed and not self.forbids):
            return "deny"
        outcomes = [rules[code].outcome for code in self.forbids]
        return max(outcomes, key=SEVERITY.__getitem__, default="permit")


def decide(
    policies: PolicySet,
    contracts: Sequence[ContractInForce],
    state: State,
    request: UseRequest,
) -> Decision:
    """Decide one use. `contracts` holds every version of every contract of the performers in it.

    Never raises on bad facts: what cannot be evaluated is a denial with EVALUATION_ERROR and the
    reason in `errors`.
    """
    use: dict[str, Any] = {}
    parts: list[_Part] = []
    try:
        drawn = facts.drawn_lines(contracts, state, request)
        use = facts.use_facts(state, request, drawn) | {"packs_on_file": sorted(policies.packs)}
        parts = list(_parts(contracts, state, request, drawn))
        answers = _ask(policies, request, use, parts)
    except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError) as error:
        return _undecidable(policies, use, parts, f"{type(error).__name__}: {error}")
    return _unite(policies, use, answers)


def _parts(
    contracts: Sequence[ContractInForce],
    state: State,
    request: UseRequest,
    drawn: frozenset[str],
) -> Iterable[_Part]:
    """Lay out what must be asked for each performer, each question by its own name."""
    if not request.performers:
        scene = facts.scene_facts(state, request)
        yield _Part("", None, (_Question("SyntheticScene", "scene", scene),))
    for performer in dict.fromkeys(request.performers):
        found = standing(performer, contracts, request)
        if not found.governing:
            search = {
                "contracts": found.contracts,
                "contracts_with_requester": found.contracts_with_requester,
            }
            yield _Part(performer, None, (_Question("Performer", performer, search),))
        for contract in found.governing:
            yield _Part(
                performer, contract, tuple(_questions(performer, contract, state, request, drawn))
            )


def _questions(
    performer: str,
    contract: ContractInForce,
    state: State,
    request: UseRequest,
    drawn: frozenset[str],
) -> Iterable[_Question]:
    name = f"{performer}/{contract.id}/v{contract.version}"
    yield _Question("Contract", name, contract_facts.of_contract(contract, state, request, drawn))
    for yes in approvals.required(contract, state.approvals, request):
        kind = "after-death" if yes["after_death"] else "per-use"
        yield _Question("RequiredApproval", f"{name}/approval/{kind}/{yes['role']}", yes)
    others = [other for other in state.exclusives if other.performer == performer]
    for number, exclusive in enumerate(others):
        attrs = facts.exclusive_facts(exclusive, contract, drawn)
        yield _Question("Exclusive", f"{name}/exclusive/{number}", attrs)


def _ask(
    policies: PolicySet, request: UseRequest, use: dict[str, Any], parts: list[_Part]
) -> list[_Answer]:
    """Put every question to the engine in one call, and collect what it says by part."""
    asked = [(number, q) for number, part in enumerate(parts) for q in part.questions]
    rest = to_json({name: value for name, value in use.items() if name != "at"}).decode()
    entities = to_json(
        [{"uid": {"type": q.kind, "id": q.name}, "attrs": q.attrs, "parents": []} for _, q in asked]
    ).decode()
    known = (request.action, request.requester_org, entities, rest)
    at = use.get("at")
    said = policies.answered.at(known, at) if type(at) is int else None
    if said is None:
        said = _evaluated(policies, request, use, [q for _, q in asked], entities)
        if policies.instants is not None and not any(each.errors for each in said):
            held = [q.attrs[name] for _, q in asked for name in policies.instants & q.attrs.keys()]
            policies.answered.keep(known, use["at"], held, said)
    answers = [_Answer(part) for part in parts]
    for (number, _), each in zip(asked, said, strict=True):
        _take(answers[number], each)
    return answers


def _evaluated(
    policies: PolicySet,
    request: UseRequest,
    use: dict[str, Any],
    asked: list[_Question],
    entities: str,
) -> tuple[_Said, ...]:
    """Have the engine evaluate every rule for every question."""
    context = to_json(use).decode()
    requests = [
        {
            "principal": {"type": "Organization", "id": request.requester_org},
            "action": {"type": "Action", "id": request.action},
            "resource": {"type": q.kind, "id": q.name},
            "context": context,
        }
        for q in asked
    ]
    known = _entities(entities, policies.schema)
    shape = (request.action, frozenset(q.kind for q in asked), *_shape(use))
    schema = None if shape in policies.conforming else policies.schema
    results = cedarpy.is_authorized_batch(requests, policies.engine, known, schema)
    said = tuple(_said(policies, each) for each in results)
    if not any(each.errors for each in said):
        policies.conforming.add(shape)
    return said


def _shape(use: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Say of each fact what a schema of texts, numbers, truths and sets of texts sees of it.

    Nothing else of a request can make it fit or not: what fits once need not be held against the
    schema again, which takes as long as reading it. What is none of these has no shape, and never
    fits: raises ValueError.
    """
    for name, value in use.items():
        kind = type(value).__name__
        if kind == "list":
            fits = all(type(each) is str for each in value)
        else:
            fits = kind in ("str", "bool") or (kind == "int" and -(2**63) <= value < 2**63)
        if not fits:
            raise ValueError(f"{name} is no text, truth, 64-bit number or set of texts")
        yield name, kind


@lru_cache(maxsize=512)
def _entities(text: str, schema: cedarpy.Schema) -> cedarpy.Entities:
    """Parse the subjects against the schema; the same subjects, asked about again, only once."""
    return cedarpy.Entities.from_json_str(text, schema)


def _said(policies: PolicySet, result: cedarpy.AuthzResult) -> _Said:
    """Read one result; a reason nobody can name, or a permit without the base rule, is an error."""
    errors = tuple(result.diagnostics.errors)
    ids = result.diagnostics.id_annotations_by_reason
    codes = frozenset(ids.get(reason, "") for reason in result.diagnostics.reasons)
    if not codes <= policies.rules.keys():
        wrong = f"rules without a known id determined the answer: {sorted(codes)}"
        return _Said(None, frozenset(), (*errors, wrong))
    if result.decision is cedarpy.Decision.Allow and BASE in codes:
        return _Said(True, codes, errors)
    if result.decision is cedarpy.Decision.Deny:
        return _Said(False, codes, errors)
    wrong = f"the engine answered {result.decision.name} for {sorted(codes)}"
    return _Said(False, frozenset(), (*errors, wrong))


def _take(answer: _Answer, said: _Said) -> None:
    """Add what the engine said to one question of a part."""
    answer.errors += said.errors
    if said.allowed:
        answer.permits |= said.codes
    elif said.allowed is False:
        answer.allowed = False
        answer.forbids |= said.codes


def _unite(policies: PolicySet, use: dict[str, Any], answers: list[_Answer]) -> Decision:
    """Unite the performers: each by the contract that serves best, the scene by its strictest."""
    rules = policies.rules
    chosen: list[_Answer] = []
    for performer in dict.fromkeys(answer.part.performer for answer in answers):
        theirs = [answer for answer in answers if answer.part.performer == performer]
        chosen.append(min(theirs, key=lambda answer: _preference(answer, rules)))
    if not chosen:
        return _undecidable(policies, use, [], "nothing was asked")
    errors = tuple(error for answer in chosen for error in answer.errors)
    silent = any(not a.allowed and not a.forbids and not a.errors for a in chosen)
    outcome = max((a.outcome(rules) for a in chosen), key=SEVERITY.__getitem__)
    codes = {code for answer in chosen for code in answer.forbids}
    if errors or silent:
        codes.add(EVALUATION_ERROR)
        outcome = "deny"
    permits = {code for answer in chosen for code in answer.permits}
    permitted = outcome == "permit"
    return Decision(
        outcome=outcome,
        codes=tuple(sorted(codes)),
        obligations=tuple(sorted(permits - {BASE})) if permitted else (),
        standing_obligations=policies.standing_obligations if permitted else (),
        policy_ids=tuple(sorted(permits if permitted else codes & rules.keys())),
        policy_digest=policies.digest,
        findings=tuple(_findings(rules, chosen)),
        governing=tuple(
            (answer.part.performer, contract.id, contract.version)
            for answer in chosen
            if (contract := answer.part.contract) is not None
        ),
        facts=_named_facts(use, [answer.part for answer in chosen]),
        errors=errors,
    )


def _preference(answer: _Answer, rules: dict[str, Rule]) -> tuple[int, int, int, str]:
    contract = answer.part.contract
    version = 0 if contract is None else contract.version
    name = "" if contract is None else contract.id
    return (SEVERITY[answer.outcome(rules)], len(answer.forbids), -version, name)


def _findings(rules: dict[str, Rule], answers: list[_Answer]) -> Iterable[Finding]:
    for answer in answers:
        contract = answer.part.contract
        for code in sorted(answer.forbids):
            yield Finding(
                code=code,
                outcome=rules[code].outcome,
                performer=answer.part.performer,
                contract_id="" if contract is None else contract.id,
                version=0 if contract is None else contract.version,
                clause=rules[code].clause,
                summary=rules[code].summary,
                next_step=rules[code].next_step,
            )


def _named_facts(use: dict[str, Any], parts: list[_Part]) -> dict[str, Any]:
    named = {f"use/{name}": value for name, value in use.items()}
    for part in parts:
        for question in part.questions:
            for name, value in question.attrs.items():
                named[f"{question.kind}/{question.name}/{name}"] = value
    return named


def _undecidable(
    policies: PolicySet, use: dict[str, Any], parts: list[_Part], error: str
) -> Decision:
    return Decision(
        outcome="deny",
        codes=(EVALUATION_ERROR,),
        policy_digest=policies.digest,
        facts=_named_facts(use, parts),
        errors=(error,),
    )
