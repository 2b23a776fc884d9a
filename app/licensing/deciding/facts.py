"""From contract, server state and request to plain Cedar facts: instants, lengths, sets, counts.

Nothing is decided here: no fact is a verdict, and every comparison and containment is left to the
rules in `policies/`, which say the names and types of all facts (`schema.cedarschema`).
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any

from app.licensing.deciding.inputs import ContractInForce, ExclusiveFact, State, UseRequest
from app.licensing.document import local_days, territories
from app.licensing.document.vocabulary import category_chain, edit_kind, word, words

NEVER = 2**62
SECOND = 1_000_000
HOUR = 3600 * SECOND

Facts = dict[str, Any]

# What a request may leave open; `missing` names those it did.
OPEN_FIELDS = (
    "project",
    "purpose",
    "medium",
    "territories",
    "languages",
    "modalities",
    "generator",
    "seconds",
    "edit_kind",
    "transferee",
    "services_at",
    "principal_photography_start",
)


def at_or_never(instant: datetime | None) -> int:
    """Return an instant in microseconds; never, when it is unknown."""
    return NEVER if instant is None else local_days.micros(instant)


def length(seconds: Decimal | float, *, rounding: str = ROUND_CEILING) -> int:
    """Return seconds as whole microseconds; what is asked is rounded up, what is allowed down."""
    exact = seconds if isinstance(seconds, Decimal) else Decimal(str(seconds))
    if exact < 0:
        raise ValueError(f"{exact} seconds is a negative length")
    return int((exact * SECOND).to_integral_value(rounding=rounding))


def drawn_lines(
    contracts: Iterable[ContractInForce], state: State, request: UseRequest
) -> frozenset[str]:
    """Draw every line on the map that this question needs."""
    listed: list[Iterable[str]] = [request.territories or ()]
    for contract in contracts:
        grant = contract.terms.grant.territories
        listed += [grant.include, grant.exclude]
    listed += [exclusive.territories or () for exclusive in state.exclusives]
    return territories.lines(*listed)


def use_facts(state: State, request: UseRequest, drawn: frozenset[str]) -> Facts:
    """Return the facts of the request itself, the same for every performer.

    Raises ValueError on a count or length that cannot be.
    """
    if request.renders < 1:
        raise ValueError(f"{request.renders} renders cannot be asked for")
    asked = request.territories or ()
    at = request.at
    return {
        "phase": request.phase,
        "at": local_days.micros(at),
        "permit_issued_at": at_or_never(request.permit_issued_at),
        "missing": _missing(request),
        "requester": request.requester_org,
        "project": request.project or "",
        "purpose": request.purpose or "",
        "medium": request.medium or "",
        "territories": territories.requested(asked, drawn),
        "reaches": territories.reached(asked),
        "languages": [tag.lower() for tag in request.languages or ()],
        "is_dub": request.is_dub,
        "photography_starts_on": 0
        if request.principal_photography_start is None
        else local_days.numeral(request.principal_photography_start),
        "modalities": list(request.modalities or ()),
        "generator": request.generator or "",
        "generator_known": request.generator in state.generators,
        "generator_trains_on_inputs": state.generators.get(request.generator or "", False),
        "realtime": request.realtime,
        "training": request.training,
        "training_scope": request.training_scope or "",
        "length": length(request.seconds or 0),
        "renders": request.renders,
        "idempotent_replay": request.idempotent_replay,
        "exhibit_until": 0 if request.exhibit_until is None else at_or_never(request.exhibit_until),
        "tags": words(request.tags or ()),
        "depicted_age_given": request.depicted_age is not None,
        "depicted_age": request.depicted_age or 0,
        "script_hash": request.script_hash or "",
        "brand_category": word(request.brand_category or ""),
        "brand_categories": list(category_chain(request.brand_category)),
        "agreements_on_strike": sorted(
            {strike.agreement for strike in state.strikes if strike.runs(at)}
        ),
        "exemption_claimed": bool(request.exemption_claim),
        "edit_kind": edit_kind(request.edit_kind or ""),
        "role": request.role or "",
        "background_count_shortfall": request.background_count_shortfall,
        "transferee": request.transferee or "",
        "services_at": 0 if request.services_at is None else at_or_never(request.services_at),
        "notice_given_at": at_or_never(state.notice_given_at),
        "engaged_at": 0 if state.engaged_at is None else at_or_never(state.engaged_at),
    }


def scene_facts(state: State, request: UseRequest) -> Facts:
    """Return the facts of a scene without any real person; the day is the one in UTC."""
    return {
        "packs": sorted(state.packs),
        "used_on": local_days.numeral(local_days.day_of(request.at, "UTC")),
    }


def exclusive_facts(
    exclusive: ExclusiveFact, contract: ContractInForce, drawn: frozenset[str]
) -> Facts:
    """Return the facts of one exclusive beside one contract; days are in the contract's zone."""
    places = exclusive.territories
    if places is None or not all(territories.known(place) for place in places):
        places = ("WORLD",)  # an unknown place may be anywhere
    free_at = NEVER
    if exclusive.until_at is not None:
        free_at = local_days.add_days(
            local_days.micros(exclusive.until_at),
            exclusive.holdback_days,
            contract.terms.grant.term.tz,
        )
    return {
        "holder": exclusive.licensee,
        "licensee": contract.terms.licensee,
        "signed_at": local_days.micros(exclusive.signed_at),
        "contract_signed_at": at_or_never(contract.executed_at),
        "from_at": local_days.micros(exclusive.from_at),
        "free_at": free_at,
        "whole_person": exclusive.category is None,
        "category": word(exclusive.category or ""),
        "broader_categories": list(category_chain(exclusive.category)[1:]),
        "territories": territories.pieces(places, drawn),
        "all_media": exclusive.media is None,
        "media": list(exclusive.media or ()),
    }


def _missing(request: UseRequest) -> list[str]:
    """Name what the request leaves open; an empty list of tags is an answer, others are not."""
    missing = [name for name in OPEN_FIELDS if getattr(request, name) in (None, "", ())]
    return ["tags", *missing] if request.tags is None else missing
