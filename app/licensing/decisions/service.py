"""Decisions on record: gather the facts under their locks, decide, keep the answer, sign it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pydantic import TypeAdapter
from sqlmodel import Session

from app.ledger.terms import CompensationTerms
from app.licensing.contracts.models import Contract
from app.licensing.deciding.decide import EVALUATION_ERROR, decide
from app.licensing.deciding.decide import Decision as Answer
from app.licensing.deciding.inputs import ContractInForce, State, UseRequest
from app.licensing.deciding.release import decide_release as by_pinned_rules
from app.licensing.decisions.gather import Version, state_of, version_of
from app.licensing.decisions.models import Decision
from app.licensing.decisions.recording import Judged as ToRecord
from app.licensing.decisions.recording import Recorded, record
from app.licensing.decisions.rulebook import by_digest, today
from app.licensing.decisions.under_lock import UnderLock
from app.licensing.document import contract as documents
from app.licensing.errors import DecisionNotFound, UseUnpriced

_REQUEST = TypeAdapter(UseRequest)


@dataclass(frozen=True)
class Judged:
    """A recorded decision, and for a permit the contract that governs each performer."""

    decision: Decision
    contracts: Mapping[str, Contract]


def with_performers(
    use: UseRequest, performers: tuple[str, ...], *, requester_org: str
) -> UseRequest:
    """Fill in who is in the scene and who asks: facts the server knows, never the caller's word."""
    return replace(use, performers=performers, requester_org=requester_org)


def decide_use(
    session: Session,
    use: UseRequest,
    *,
    generators: Mapping[str, bool],
    under: Collection[str] | None = None,
) -> Judged:
    """Decide one use with everything the server knows now, and record the answer, signed.

    Locks the performers and their contracts, so that parallel requests for the last second of a
    quota are decided one after the other, and none beside a withdrawal. The instant decided about
    is the one at which the locks are held, whatever `use.at` says: who waited for a withdrawal is
    decided after it. `generators` says of each model on offer whether it trains on inputs; `under`
    names the only contracts that may govern, each in whatever version is in force.
    """
    judge = partial(decide, today())
    found = UnderLock(session, use.performers)
    taken, governing = _judge(session, found, use, judge, generators=generators, under=under)
    (recorded,) = record(session.connection(), [taken])
    return Judged(session.get_one(Decision, recorded.id), governing)


def authorize(
    session: Session, uses: Sequence[UseRequest], *, generators: Mapping[str, bool]
) -> list[Recorded]:
    """Answer of each use whether it would be permitted now, and record the answers, signed.

    Hold nothing. What is known of their performers is read once for all of them, at one instant.
    """
    judge = partial(decide, today())
    found = UnderLock(session, [each for use in uses for each in use.performers])
    taken = [_judge(session, found, use, judge, generators=generators)[0] for use in uses]
    return record(session.connection(), taken)


def decide_release(
    session: Session,
    decision_id: str,
    *,
    generators: Mapping[str, bool],
    found_tags: Collection[str] = (),
) -> Decision:
    """Decide again whether what a permit allowed may be released, by the state of this instant.

    By the rules of the permit, and by today's rules of withdrawal, pause, suspension and strike;
    under the very versions that permitted it: no other contract stands in for them, and no later
    version takes back what was permitted by the one before. `found_tags` is content
    nobody declared, that inspection or a human found since.
    """
    permit = session.get_one(Decision, decision_id)
    again = release_of(permit, found_tags=found_tags)
    rules, pinned = today(), by_digest(permit.policy_digest)

    def judge(in_force: Sequence[ContractInForce], state: State, use: UseRequest) -> Answer:
        return by_pinned_rules(pinned, rules, in_force, state, use)

    found, under = UnderLock(session, again.performers), governed_by(permit)
    taken, _ = _judge(session, found, again, judge, generators=generators, under=under)
    (recorded,) = record(session.connection(), [taken])
    decision = session.get_one(Decision, recorded.id)
    decision.generation_id = permit.generation_id
    session.add(decision)
    session.flush()
    return decision


def release_of(permit: Decision, *, found_tags: Collection[str] = ()) -> UseRequest:
    """Return the use a release is decided on: the permit's, with the content found since."""
    use = use_of(permit)
    return replace(
        use,
        phase="release_output",
        permit_issued_at=permit.at,
        idempotent_replay=True,  # its own seconds are reserved; they do not count against it
        tags=None if use.tags is None else tuple(dict.fromkeys((*use.tags, *found_tags))),
    )


def use_of(decision: Decision) -> UseRequest:
    """Return the request a decision was taken on, as it was asked."""
    use: UseRequest = _REQUEST.validate_python(decision.request["use"])
    return use


def governed_by(decision: Decision) -> frozenset[Version]:
    """Name the contracts a permit was given under, each with its version."""
    return frozenset((id_, version) for _, id_, version in decision.request["governing"])


def denial(decision: Decision) -> dict[str, Any]:
    """Return what a problem document says about a decision that is no permit."""
    steps = [each["next_step"] for each in decision.explanations if each.get("next_step")]
    detail = f"Not permitted: {', '.join(decision.shown_codes)}."
    return {
        "detail": " ".join([detail, *dict.fromkeys(steps)]),
        "outcome": decision.outcome,
        "codes": decision.shown_codes,
        "explanations": decision.explanations,
        "decision_id": decision.id,
        "receipt": decision.receipt,
    }


def decision_of(session: Session, organization_id: str, decision_id: str) -> Decision:
    """Return a decision the caller asked for. Raises DecisionNotFound for all others alike."""
    decision = session.get(Decision, decision_id)
    if decision is None or decision.organization_id != organization_id:
        raise DecisionNotFound(f"no decision of yours has the id {decision_id[:64]}")
    return decision


def compensation_of(contract: Contract) -> CompensationTerms:
    """Return what a contract pays. Raises UseUnpriced where it does not say."""
    terms = documents.recorded(contract.document.encode()).compensation
    if terms is None:
        raise UseUnpriced(
            f"{contract.series_id} has no terms of pay; agree an amendment that adds them"
        )
    return terms


def _judge(
    session: Session,
    found: UnderLock,
    use: UseRequest,
    judge: Callable[[Sequence[ContractInForce], State, UseRequest], Answer],
    *,
    generators: Mapping[str, bool],
    under: Collection[Version | str] | None = None,
) -> tuple[ToRecord, dict[str, Contract]]:
    """Have a use judged by what was found under the locks; return the answer, to be recorded.

    And with it the version that governs each performer. `under` names the only versions that may.
    """
    contracts = found.contracts(use.performers)
    use = replace(use, at=found.present(contracts))
    readable = found.readable(contracts)
    facts = found.facts(readable, under)
    state = state_of(session, readable, facts, use, generators=generators, switches=found.switches)
    answer = refused(found.trouble) if found.trouble else judge(facts, state, use)
    broken = found.broken & {each.series_id for each in contracts}
    if broken or len(readable) < len(contracts):
        answer = beside_tampered(answer)
    versions = {version_of(contract): contract for contract in contracts}
    governing = {performer: versions[id_, version] for performer, id_, version in answer.governing}
    known = {c.performer_id for c in contracts if c.licensee_id == use.requester_org}
    return ToRecord(use, answer, is_party=known >= set(use.performers)), governing


def beside_tampered(answer: Answer) -> Answer:
    """Deny beside a contract that was changed behind our back: it may have been an exclusive."""
    codes = tuple(sorted({*answer.codes, "CONTRACT_TAMPERED"}))
    return replace(answer, outcome="deny", codes=codes, obligations=())


def refused(trouble: str) -> Answer:
    """Deny without asking the rules: this process is in no position to decide."""
    return Answer(
        outcome="deny",
        codes=(EVALUATION_ERROR,),
        policy_digest=today().digest,
        facts={},
        errors=(trouble,),
    )
