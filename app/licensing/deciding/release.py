"""May a finished render be released? By the rules of its permit, and by today's rules that stop.

A policy set may change while renders run. What was permitted is held against the set it was
permitted by; withdrawal, pause, suspension and strike are held against today's as well.
"""

from collections.abc import Sequence
from dataclasses import replace

import cedarpy

from app.licensing.deciding.decide import SEVERITY, Decision, decide
from app.licensing.deciding.inputs import ContractInForce, State, UseRequest
from app.licensing.deciding.policy_set import BASE, PolicySet

STOPPING = frozenset(
    "CONTRACT_NOT_FOUND LICENSEE_MISMATCH CONTRACT_NOT_EXECUTED CONTRACT_TAMPERED REVOKED "
    "OUTPUT_REMOVAL_DUE CONTRACT_SUSPENDED STRIKE_SUSPENDED".split()
)


def decide_release(
    pinned: PolicySet,
    today: PolicySet,
    contracts: Sequence[ContractInForce],
    state: State,
    request: UseRequest,
) -> Decision:
    """Decide a release by the permit's pinned set and by today's stopping rules, united.

    The stricter answer stands and the codes of both are listed; both digests are in the answer.
    """
    then = decide(pinned, contracts, state, request)
    if pinned.digest == today.digest:
        return replace(then, stopping_digest=today.digest)
    now = decide(_stopping(today), contracts, state, request)
    outcome = max(then.outcome, now.outcome, key=SEVERITY.__getitem__)
    permitted = outcome == "permit"
    known = {(finding.performer, finding.code) for finding in then.findings}
    added = tuple(f for f in now.findings if (f.performer, f.code) not in known)
    return replace(
        then,
        outcome=outcome,
        codes=tuple(sorted({*then.codes, *now.codes})),
        obligations=then.obligations if permitted else (),
        standing_obligations=then.standing_obligations if permitted else (),
        policy_ids=then.policy_ids
        if permitted
        else tuple(sorted({f.code for f in then.findings + added})),
        findings=then.findings + added,
        errors=then.errors + now.errors,
        stopping_digest=today.digest,
    )


def _stopping(policies: PolicySet) -> PolicySet:
    """Return the base rule and the stopping rules of a set, under that set's digest."""
    rules = {code: rule for code, rule in policies.rules.items() if code in STOPPING | {BASE}}
    engine = cedarpy.PolicySet.from_str("\n".join(rule.text for rule in rules.values()))
    return replace(policies, engine=engine, rules=rules)
