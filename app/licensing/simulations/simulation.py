"""Could they ...? Hold a document against many uses nobody has asked for. Pure; no record.

The rules and `decide` are those of every decision; what differs is that nothing comes of it. A
draft is asked about as if everybody whose signature it needs had signed it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice, product
from typing import Any

from app.licensing.deciding import contract_facts
from app.licensing.deciding.decide import PolicySet, decide
from app.licensing.deciding.inputs import ContractInForce, SignatureFact, State, UseRequest
from app.licensing.document import local_days
from app.licensing.document.contract import Contract

MOST_USES = 10_000
MOST_VALUES = 10  # of each of the four axes of a sweep, so that it stays within MOST_USES
DRAFT = "draft"
# What a sweep asks about beside what the document names: the answers people look for.
PROBES: Mapping[str, tuple[str, ...]] = {
    "purpose": ("film_scene", "advertising", "videogame_dialogue"),
    "medium": ("theatrical", "social", "videogame"),
    "territories": ("WORLD", "US", "EU", "CN"),
    "tags": ("nudity", "political_endorsement", "smoking"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One answer of the table: what would be decided, and every code that says why."""

    outcome: str
    codes: tuple[str, ...]


def as_if_signed(unsigned: ContractInForce, at: datetime) -> ContractInForce:
    """Return a contract as its sides would have signed it at an instant, with authority.

    A guardian signs beside a minor, the estate in place of the dead, by the document or by what is
    on record of the performer; what else is known of it stays.
    """
    now, died = local_days.micros(at), unsigned.deceased_on
    buried = died is not None and now >= local_days.midnight(
        local_days.next_day(died), unsigned.terms.grant.term.tz
    )
    roles = ["estate_rep" if buried else "performer", "licensee"]
    if now < contract_facts.comes_of_age_at(unsigned):
        roles.append("guardian")
    return replace(
        unsigned,
        status="active",
        executed_at=at,
        effective_at=at,
        signatures=tuple(SignatureFact(role, at, True, True) for role in roles),
    )


def draft(terms: Contract) -> ContractInForce:
    """Return a document as a contract of which nothing else is known."""
    return ContractInForce(
        id=DRAFT,
        version=1,
        status="draft",
        terms=terms,
        executed_at=None,
        effective_at=None,
        intact=True,
        signatures=(),
    )


def asked_at(terms: Contract, now: datetime) -> datetime:
    """Return the instant a draft is asked about: now, or the start of a term still to come."""
    starts_at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=terms.grant.term.starts_at)
    return max(now, starts_at)


def usual_use(terms: Contract, at: datetime) -> UseRequest:
    """Return a use by the licensee that takes the document at its word: what differences are to."""
    grant = terms.grant
    longest = grant.quota.max_seconds_per_output
    return UseRequest(
        action="generate",
        requester_org=terms.licensee,
        performers=(terms.performer.id,),
        at=at,
        project=_first(grant.projects, instead_of_all="any project"),
        purpose=_first(grant.purposes),
        medium=_first(grant.media),
        territories=grant.territories.include[:1],
        languages=(_first(grant.languages, instead_of_all="en") or "en",),
        modalities=grant.modalities,
        tags=(),
        generator=_first(grant.generators),
        seconds=Decimal(1) if longest is None else min(Decimal(1), Decimal(str(longest))),
    )


def sweep(terms: Contract) -> dict[str, tuple[Any, ...]]:
    """Name the values of four axes: what the document says, and probes outside of it."""
    grant, content = terms.grant, terms.grant.content
    places = (*grant.territories.include, *grant.territories.exclude)
    tags = (*content.prohibited, *content.approval)
    return {
        "purpose": _with_probes("purpose", grant.purposes),
        "medium": _with_probes("medium", grant.media),
        "territories": tuple((place,) for place in _with_probes("territories", places)),
        "tags": ((), *((tag,) for tag in _with_probes("tags", tags, most=MOST_VALUES - 1))),
    }


def crossed(axes: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return every combination of the axes' values, the last axis running fastest.

    Raises ValueError beyond MOST_USES.
    """
    rows = islice(product(*axes.values()), MOST_USES + 1)
    found = [dict(zip(axes, row, strict=True)) for row in rows]
    if len(found) > MOST_USES:
        raise ValueError(f"the axes cross to more than {MOST_USES} uses; take values away")
    return found


def answers(
    policies: PolicySet,
    contracts: Sequence[ContractInForce],
    state: State,
    uses: Iterable[UseRequest],
) -> Iterator[Row]:
    """Answer each use by the rules; the same use is asked once."""
    known: dict[str, Row] = {}
    for use in uses:
        key = repr(use)
        if key not in known:
            decision = decide(policies, contracts, state, use)
            known[key] = Row(decision.outcome, decision.codes)
        yield known[key]


def legend(policies: PolicySet, rows: Iterable[Row]) -> dict[str, dict[str, str]]:
    """Explain each code that occurs: its outcome, meaning, clause, and the one next step."""
    codes = sorted({code for row in rows for code in row.codes})
    return {code: _explained(policies, code) for code in codes}


def _explained(policies: PolicySet, code: str) -> dict[str, str]:
    rule = policies.rules.get(code)
    if rule is None:  # EVALUATION_ERROR alone has none
        what = "The use could not be evaluated, and what cannot be evaluated is denied."
        step = "State the use in other words; numbers and texts of that kind decide nothing."
        return {"outcome": "deny", "summary": what, "clause": "", "next_step": step}
    return {
        "outcome": rule.outcome,
        "summary": rule.summary,
        "clause": rule.clause,
        "next_step": rule.next_step,
    }


def _with_probes(axis: str, named: Sequence[str], *, most: int = MOST_VALUES) -> tuple[str, ...]:
    """Return what is named, cut so that at least two probes outside of it find room."""
    outside = [probe for probe in PROBES[axis] if probe not in named]
    return tuple(dict.fromkeys([*named[: most - 2], *outside]))[:most]


def _first(values: Sequence[str], *, instead_of_all: str | None = None) -> str | None:
    first = values[0] if values else None
    return instead_of_all if first == "*" and instead_of_all else first
