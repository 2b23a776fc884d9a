"""From one contract version, as far as a request needs it, to plain Cedar facts.

Most of them do not depend on the request: they are computed once for a document and what the
server knows of it, and remembered for as long as neither changes.
"""

from dataclasses import fields
from decimal import ROUND_FLOOR
from functools import lru_cache
from operator import attrgetter

from app.ledger.terms import PAYMENT_GRACE_DAYS
from app.licensing.deciding import approvals
from app.licensing.deciding.facts import NEVER, Facts, at_or_never, length
from app.licensing.deciding.inputs import ContractInForce, State, UseRequest
from app.licensing.document import languages, local_days, territories
from app.licensing.document.vocabulary import identity_level, words

HOUR = 3600 * 1_000_000
# What may change while the document stands. Every field counts, those added later too.
_of_the_server = attrgetter(
    *(each.name for each in fields(ContractInForce) if each.name not in ("terms", "usage"))
)


class _Remembered:
    """A contract in force as the key of what follows from it: document by identity, rest by value.

    A parsed document never changes, and to compare two of them would cost more than their facts.
    """

    __slots__ = ("_hash", "_server", "contract")

    def __init__(self, contract: ContractInForce) -> None:
        self.contract = contract
        self._server = _of_the_server(contract)
        self._hash = hash((id(contract.terms), self._server))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Remembered)
            and self.contract.terms is other.contract.terms
            and self._server == other._server
        )


def of_contract(
    contract: ContractInForce, state: State, request: UseRequest, drawn: frozenset[str]
) -> Facts:
    """Return the facts of one contract version, as far as this request needs them."""
    if min(contract.usage.renders, contract.usage.reserved_renders) < 0:
        raise ValueError("renders were used a negative number of times")
    return {
        **_lasting_facts(_Remembered(contract)),
        **_selected_facts(contract, request, drawn),
        **approvals.given(contract, state.approvals, request),
        **_pack_facts(contract, state, request),
        "used_length": length(contract.usage.seconds),
        "reserved_length": length(contract.usage.reserved_seconds),
        "used_renders": contract.usage.renders,
        "reserved_renders": contract.usage.reserved_renders,
    }


@lru_cache(maxsize=1024)
def _lasting_facts(remembered: _Remembered) -> Facts:
    """Return what no request changes; nobody may change the dictionary."""
    contract = remembered.contract
    return {
        **_document_facts(contract),
        **_signing_facts(contract),
        **_people_facts(contract),
        **ending_facts(contract),
        **_payment_facts(contract),
        **_assurance_facts(contract),
    }


def _selected_facts(contract: ContractInForce, request: UseRequest, drawn: frozenset[str]) -> Facts:
    """Return what is selected for this request: places along its lines, ranges, its tags."""
    grant = contract.terms.grant
    asked = words(request.tags or ())
    return {
        "territories": territories.pieces(
            grant.territories.include, drawn, exclude=grant.territories.exclude
        ),
        "languages": languages.within(grant.languages, request.languages or ()),
        "conditional_tags": sorted(
            set(asked).intersection(words(grant.content.approval))
            - set(words(grant.content.prohibited))
        )
        if asked
        else [],
    }


def _document_facts(contract: ContractInForce) -> Facts:
    terms, grant = contract.terms, contract.terms.grant
    content, quota = grant.content, grant.quota
    return {
        "licensee": terms.licensee,
        "instrument": terms.instrument,
        "uses_description_length": len(terms.consent.uses_description.strip()),
        "clear_and_conspicuous": terms.consent.clear_and_conspicuous,
        "separately_signed": terms.consent.separately_signed,
        "projects": list(grant.projects),
        "purposes": list(grant.purposes),
        "media": list(grant.media),
        "dubbing": grant.dubbing,
        "modalities": list(grant.modalities),
        "generators": list(grant.generators),
        "realtime": grant.realtime,
        "training": grant.training,
        "max_length": _limit(quota.max_seconds),
        "max_output_length": _limit(quota.max_seconds_per_output),
        "max_renders": NEVER if quota.max_renders is None else quota.max_renders,
        "prohibited_tags": words(content.prohibited),
        "blocked_categories": words(content.blocked_brand_categories),
        "sublicense_mode": grant.sublicense.mode,
        "sublicensees": list(grant.sublicense.listed),
        "strike_agreements": list(terms.strike_policy.agreements),
        "notice_length": terms.notice_hours * HOUR,
    }


def _pack_facts(contract: ContractInForce, state: State, request: UseRequest) -> Facts:
    term = contract.terms.grant.term
    return {
        "packs": sorted({*contract.terms.policy.packs, *state.packs}),
        "used_on": local_days.numeral(local_days.day_of(request.at, term.tz)),
        "term_starts_on": local_days.numeral(term.start),
    }


def _signing_facts(contract: ContractInForce) -> Facts:
    signed = [signature for signature in contract.signatures if signature.valid]
    return {
        "status": contract.status,
        "paused": contract.paused,
        "intact": contract.intact,
        "signed_roles": sorted({signature.role for signature in signed}),
        "unverified_roles": sorted(
            {signature.role for signature in signed if not signature.authority_verified}
        ),
        "executed_at": min(at_or_never(contract.executed_at), NEVER - 1),
        "effective_at": at_or_never(contract.effective_at),
    }


def _people_facts(contract: ContractInForce) -> Facts:
    terms = contract.terms
    tz, dob, died = terms.grant.term.tz, terms.performer.dob, contract.deceased_on
    rights = terms.postmortem.rights_years
    turns_18_at = comes_of_age_at(contract)
    signed = [signature for signature in contract.signatures if signature.valid]
    ratified = [at_or_never(contract.ratified_at)] + [
        at_or_never(signature.signed_at)
        for signature in signed
        if signature.role == "performer"
        and signature.authority_verified
        and at_or_never(signature.signed_at) >= turns_18_at
    ]
    return {
        "birth_known": dob is not None,
        "turns_18_at": turns_18_at,
        "ratified_at": min(ratified),
        "court_required": terms.policy.minor_court_approval,
        "court_approved": contract.court_approved
        or any(signature.role == "court" and signature.authority_verified for signature in signed),
        "died_at": NEVER if died is None else local_days.midnight(died, tz),
        "death_day_ends_at": NEVER
        if died is None
        else local_days.midnight(local_days.next_day(died), tz),
        "rights_end_at": NEVER
        if died is None or rights is None
        else local_days.midnight(local_days.add_years(died, rights), tz),
        "postmortem_mode": terms.postmortem.mode,
    }


def comes_of_age_at(contract: ContractInForce) -> int:
    """Return when the performer comes of age: by the document or by the record, the later counts.

    So neither a document nor a record can make an adult of whom the other says is a minor.
    """
    dob, tz = contract.terms.performer.dob, contract.terms.grant.term.tz
    said = None if dob is None else local_days.add_years(dob, 18)
    days = [day for day in (said, contract.majority_on) if day is not None]
    return max((local_days.midnight(day, tz) for day in days), default=0)


def ending_facts(contract: ContractInForce) -> Facts:
    """Return the instants at which a contract ends, and what follows from them."""
    terms, term = contract.terms, contract.terms.grant.term
    revocation, keep_days = terms.revocation, terms.data.delete_after_term_days
    cap = terms.policy.max_term_years
    withdrawn_at = notice_ends_at = removal_due_at = NEVER
    if contract.withdrawn_at is not None:
        withdrawn_at = local_days.micros(contract.withdrawn_at)
        notice_ends_at = local_days.add_days(withdrawn_at, revocation.notice_days, term.tz)
        leaves_at = notice_ends_at if revocation.wind_down == "notice_period" else withdrawn_at
        removal_due_at = local_days.add_days(leaves_at, revocation.removal_days, term.tz)
    elif contract.status in ("withdrawn", "terminated"):  # no date: as old as can be
        withdrawn_at = notice_ends_at = removal_due_at = 0
    return {
        "starts_at": term.starts_at,
        "ends_at": term.ends_at,
        "cap_ends_at": NEVER if cap is None else term.capped_at(cap),
        "expiry_in_flight": revocation.expiry_in_flight,
        "existing_outputs": revocation.existing_outputs,
        "withdrawn_at": withdrawn_at,
        "notice_ends_at": notice_ends_at,
        "removal_due_at": removal_due_at,
        "wind_down": revocation.wind_down,
        "retention_ends_at": NEVER
        if keep_days is None
        else local_days.add_days(term.ends_at, keep_days, term.tz),
    }


def _payment_facts(contract: ContractInForce) -> Facts:
    """Return when the days of grace after an unpaid invoice's due date are over."""
    if contract.unpaid_since is None:
        return {"payment_grace_ends_at": NEVER}
    pay, tz = contract.terms.compensation, contract.terms.grant.term.tz
    agreed = None if pay is None else pay.payment_grace_days
    days = PAYMENT_GRACE_DAYS if agreed is None else agreed
    due_at = local_days.micros(contract.unpaid_since)
    return {"payment_grace_ends_at": local_days.add_days(due_at, days, tz)}


def _assurance_facts(contract: ContractInForce) -> Facts:
    policy = contract.terms.policy
    asked = 0 if policy.performer_identity is None else identity_level(policy.performer_identity)
    return {
        "identity_level": contract.identity_level,
        "identity_required": max(asked, contract.identity_floor),
        "signed_in_ink": any(each.valid and each.in_ink for each in contract.signatures),
        "ink_refused": policy.ink == "refused",
    }


def _limit(seconds: float | None) -> int:
    return NEVER if seconds is None else length(seconds, rounding=ROUND_FLOOR)
