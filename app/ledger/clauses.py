"""Which clauses of the compensation terms set a line: pointers into the signed document. Pure."""

from app.ledger.terms import RATES, CompensationTerms
from app.ledger.usage import UsageEvent

AT = "/compensation"


def what_happened(event: UsageEvent) -> str:
    """Name the kind of an event in one word."""
    kinds = {
        "reversal": event.reverse is not None,
        "refund": event.refund_of is not None,
        "advance": event.advance is not None,
        "guarantee": event.period_end is not None,
        "interest": event.principal_minor is not None,
        "audit": event.actual_seconds is not None,
        "draft": event.draft is not None,
        "stopped render": event.stopped_cost_minor is not None,
    }
    return next((kind for kind, holds in kinds.items() if holds), "use")


def quantities(event: UsageEvent) -> dict[str, str]:
    """Return what of an event is counted, as exact text."""
    counted = (
        *("seconds", "renders", "lines", "days", "count", "languages", "impressions"),
        *("gross_receipts_minor", "deductions_minor", "days_late", "principal_minor"),
        *("reported_seconds", "actual_seconds", "audit_cost_minor", "stopped_cost_minor"),
    )
    given = event.model_dump(include=set(counted), exclude_none=True)
    return {name: str(given[name]) for name in counted if name in given}


def clauses_of(terms: CompensationTerms, event: UsageEvent, account: str) -> list[str]:
    """Return the pointers of the clauses behind a line: what set the rate first, then the rest.

    For a correction give the event it corrects: it negates, and sets no rate of its own.
    """
    found = [*_rate(terms, event), *_changes(terms, event), *_share(terms, account)]
    return list(dict.fromkeys(f"{AT}/{name}" for name in found))


def _rate(terms: CompensationTerms, event: UsageEvent) -> list[str]:
    kind = what_happened(event)
    if kind == "advance":
        return ["advance"]
    if kind == "guarantee":
        return ["minimum_guarantee_minor"]
    if kind == "interest":
        return ["annual_rate"]
    if kind == "stopped render":
        return ["stopped_share"]
    priced = sorted(
        {name for group in RATES[terms.model] for name in group}
        & {name for name in terms.model_fields_set if getattr(terms, name) is not None}
    )
    return priced or ["model"]


def _changes(terms: CompensationTerms, event: UsageEvent) -> list[str]:
    """List what may have changed the price from the rate: a surcharge, a bound, an advance."""
    if what_happened(event) not in ("use", "draft", "guarantee", "audit"):
        return []
    included = 1 if terms.included_languages is None else terms.included_languages
    applies = {
        "language_surcharge": (event.languages or 0) > included,
        "realtime_multiplier": bool(event.realtime),
        "floor_minor": True,
        "cap_minor": True,
        "deduction_cap": True,
        "takes": event.shot is not None,
        "advance": terms.advance is not None and terms.advance.recoupable,
    }
    return [name for name, may in applies.items() if may and getattr(terms, name) is not None]


def _share(terms: CompensationTerms, account: str) -> list[str]:
    """List what set this account's share of it."""
    kind, _, rest = account.partition(":")
    owner = rest.removesuffix(":payable")
    found: list[str] = []
    for at, party in enumerate(terms.parties):
        if owner == {"performer": party.id, "agent": party.agent}.get(kind):
            found.append(f"parties/{at}")
    if kind == "agent" and terms.scale_floor_minor is not None:
        found.append("scale_floor_minor")
    if kind == "performer" and terms.withholding is not None:
        found.append("withholding")
    if kind == "fund":
        found.append("ph")
    if kind == "licensee" and terms.platform_fee is not None:
        found.append("platform_fee")
    if kind == "licensee" and terms.ph is not None:
        found.append("ph")
    if kind != "licensee" and terms.payout_currency is not None:
        found += ["payout_currency", *(["fx"] if terms.fx is not None else [])]
    return found
