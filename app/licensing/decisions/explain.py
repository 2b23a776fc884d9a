"""Why a decision came out as it did, in words: clause, rule, facts, source and what would help.

Everything is read from the decision's own record and from the rules it was taken by, so that an
explanation says tomorrow what it says today. Whoever asks sees no more than they may: the asking
party what it was told, and of contracts only its own; a performer's side the part of the decision
that was held against its own contract; the operator everything.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from app.licensing.contracts.service import contract_of, version_of
from app.licensing.deciding.rules import Rule
from app.licensing.decisions import rulebook
from app.licensing.decisions.facts_in_words import name_in_words, value_in_words
from app.licensing.decisions.models import Decision
from app.licensing.document import contract as documents
from app.licensing.errors import ContractNotFound, DecisionNotFound
from app.licensing.words import plain_language

NOTICE = "The rules are summaries of published text. This is not legal advice."
HEADLINES = {
    "permit": "Permitted.",
    "needs-approval": "Somebody has to say yes first.",
    "deny": "Not permitted.",
}
_FACT = re.compile(r"\b(context|resource)\.([a-z0-9_]+)")
_KIND = re.compile(r"resource is ([A-Za-z]+)")


@dataclass(frozen=True)
class Reason:
    """One rule that determined the answer, for one contract or for none."""

    code: str
    outcome: str
    summary: str
    source: str
    next_step: str
    pack: str
    contract_id: str
    clause: str
    sentence: str  # the clause in plain words, empty where there is none
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Explanation:
    """A decision in words; reasons come in the order of codes."""

    decision_id: str
    at: datetime
    phase: str
    outcome: str
    headline: str
    obligations: tuple[str, ...]
    reasons: tuple[Reason, ...]
    policy_digest: str
    notice: str = NOTICE


@dataclass(frozen=True)
class _View:
    """What one reader may see: which codes, and the facts and clauses of which contracts."""

    codes: tuple[str, ...]
    contracts: frozenset[str]
    facts_of_others: bool


def explain(
    session: Session, decision_id: str, *, organization_id: str | None = None
) -> Explanation:
    """Explain a decision to an organization, or (None) to the operator.

    Raises DecisionNotFound for those whom it does not concern, as for an unknown id.
    """
    decision = session.get(Decision, decision_id)
    if decision is None:
        raise DecisionNotFound(f"no decision that concerns you has the id {decision_id[:64]}")
    view = _view(session, decision, organization_id)
    rules = rulebook.by_digest(decision.policy_digest).rules
    stopping = rulebook.by_digest(decision.stopping_digest).rules
    reasons = [
        _reason(
            session,
            decision,
            code,
            rule=rules.get(code) or stopping.get(code),
            view=view,
            contract_id=contract_id,
        )
        for code, contract_id in _found(decision, view)
    ]
    return Explanation(
        decision_id=decision.id,
        at=decision.at,
        phase=decision.phase,
        outcome=decision.outcome,
        headline=HEADLINES[decision.outcome],
        obligations=tuple(decision.obligations),
        reasons=tuple(reasons),
        policy_digest=decision.policy_digest,
    )


def _view(session: Session, decision: Decision, organization_id: str | None) -> _View:
    """Say what a reader may see of a decision. Raises DecisionNotFound where that is nothing."""
    governing = {contract_id for _, contract_id, _ in decision.request["governing"]}
    codes = tuple(decision.codes or decision.determining)
    if organization_id is None:
        return _View(codes, frozenset(governing), facts_of_others=True)
    theirs = frozenset(id_ for id_ in governing if _is_party(session, organization_id, id_))
    if decision.organization_id == organization_id:
        shown = tuple(decision.shown_codes or decision.determining)
        return _View(shown, theirs, facts_of_others=False)
    if not theirs:
        raise DecisionNotFound(f"no decision that concerns you has the id {decision.id}")
    held = {code for code, contract_id in _findings(decision) if contract_id in theirs}
    return _View(
        tuple(code for code in codes if code in held or not decision.codes),
        theirs,
        facts_of_others=False,
    )


def _is_party(session: Session, organization_id: str, contract_id: str) -> bool:
    try:
        contract_of(session, organization_id, contract_id)
    except ContractNotFound:
        return False
    return True


def _findings(decision: Decision) -> list[tuple[str, str]]:
    """Return (code, contract id) of each rule that stood against the use."""
    return [(code, contract_id) for code, contract_id in decision.request.get("findings", ())]


def _found(decision: Decision, view: _View) -> Iterator[tuple[str, str]]:
    """Pair each code with the contracts it was found under, as far as the reader sees them."""
    for code in view.codes:
        under = sorted({id_ for each, id_ in _findings(decision) if each == code})
        seen = [id_ for id_ in under if id_ in view.contracts]
        yield from ((code, id_) for id_ in seen or [""])


def _reason(
    session: Session,
    decision: Decision,
    code: str,
    *,
    rule: Rule | None,
    view: _View,
    contract_id: str,
) -> Reason:
    if rule is None:
        return Reason(
            code=code,
            outcome="deny",
            summary="The facts could not be evaluated, and nothing is permitted on a guess.",
            source="house rule: what cannot be evaluated is denied",
            next_step="Ask the operator to look at the log.",
            pack="",
            contract_id="",
            clause="",
            sentence="",
            facts=(),
        )
    clause = rule.clause if contract_id else ""
    return Reason(
        code=code,
        outcome=rule.outcome,
        summary=rule.summary,
        source=rule.source,
        next_step=rule.next_step,
        pack=rule.pack,
        contract_id=contract_id,
        clause=clause,
        sentence=_sentence(session, decision, contract_id, clause),
        facts=tuple(_facts(decision, rule, view, contract_id)),
    )


def _sentence(session: Session, decision: Decision, contract_id: str, clause: str) -> str:
    """Say the clause in plain words: every sentence from that field or from one below it.

    As the version that governed says it.
    """
    versions = {id_: version for _, id_, version in decision.request["governing"]}
    contract = version_of(session, contract_id, versions.get(contract_id, 1))
    if contract is None or not clause:
        return ""
    try:
        terms = documents.recorded(contract.document.encode())
    except documents.DocumentRefused:
        return ""
    said = plain_language.sentences(terms)
    return " ".join(
        sentence
        for sentence, pointer in said
        if pointer == clause or pointer.startswith(f"{clause}/")
    )


def _facts(
    decision: Decision, rule: Rule, view: _View, contract_id: str
) -> Iterator[tuple[str, str]]:
    """Return the facts the rule reads, in its order; those of a contract only where it is seen."""
    recorded: list[tuple[str, Any]] = [
        (name, value) for _, name, value in decision.request["disclosures"]
    ]
    kinds = set(_KIND.findall(rule.text)) or {"Contract"}
    for of, name in dict.fromkeys(_FACT.findall(rule.text)):
        for fact, value in recorded:
            subject, _, last = fact.rpartition("/")
            if last != name:
                continue
            kind, *path = subject.split("/")
            of_the_use = of == "context" and subject == "use"
            held_against = of == "resource" and kind in kinds and contract_id in path
            anybodys = kind in kinds and view.facts_of_others and not contract_id
            if kind == "Exclusive" and not view.facts_of_others:
                continue  # another licensee's terms
            if of_the_use or (held_against and contract_id) or (of == "resource" and anybodys):
                yield name_in_words(name), value_in_words(name, value)
