"""What an event is worth, exactly, before caps and rounding: one function per rate model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from app.ledger.books import Effects, RoyaltyState, add
from app.ledger.errors import AdvanceAlreadyPaid, EventIncomplete, TermNotAgreed
from app.ledger.splits import half_up
from app.ledger.terms import CompensationTerms, Model, Number, exact
from app.ledger.usage import UsageEvent

_DAYS_A_YEAR = 365  # interest counts actual days over 365, in leap years too
_QUANTITIES = ("seconds", "lines", "renders", "impressions", "days", "count")


@dataclass(frozen=True)
class Price:
    """The exact worth of an event in minor units, and how it may be treated from here on.

    `amount` None means that nothing is owed and nothing is posted. Interest is no compensation:
    it is neither capped nor recouped nor charged a fee or contributions.
    """

    amount: Fraction | None
    effects: Effects = field(default_factory=dict)
    kind: str = "use"  # use, advance, settlement or interest
    reimbursed: Fraction = Fraction(0)  # costs given back to the performers, whole


Pricing = Callable[[CompensationTerms, RoyaltyState, UsageEvent], Price]


def price(terms: CompensationTerms, state: RoyaltyState, event: UsageEvent) -> Price:
    """Return what the event is worth. Raises RoyaltyRefused when the terms cannot say."""
    if event.advance:
        return _advance(terms, state, event)
    if event.period_end:
        return _guarantee(terms, state)
    if event.principal_minor is not None:
        return _interest(terms, event)
    if event.actual_seconds is not None:
        return _audit(terms, event)
    if terms.model in {"interest", "audit_trueup"}:
        raise TermNotAgreed(f"terms of model {terms.model} price no use; they settle other terms")
    worth = _MODELS[terms.model](terms, state, event)
    if worth.amount is None:
        return worth
    amount = worth.amount * _surcharges(terms, event)
    if terms.floor_minor is not None:
        amount = max(amount, exact(terms.floor_minor))
    if event.shot is not None:
        return _take(terms, state, event, Price(amount, worth.effects))
    return Price(amount, worth.effects)


def _take(terms: CompensationTerms, state: RoyaltyState, event: UsageEvent, whole: Price) -> Price:
    """A draft costs its part and reaches no tier; the chosen take costs all, less the credit."""
    if terms.takes is None:
        raise TermNotAgreed("the terms agree no takes: every generation is a use by itself")
    drafts, spent, chosen = (f"{name}:{event.shot}" for name in ("takes", "drafted", "chosen"))
    amount = whole.amount or Fraction(0)
    if event.draft:
        if state.total(drafts) >= terms.takes.max_takes:
            raise TermNotAgreed(f"the terms agree {terms.takes.max_takes} takes of a shot, no more")
        # What it costs once rounded is added to `drafted:` where it is posted.
        return Price(amount * exact(terms.takes.draft_rate), {drafts: Fraction(1)})
    if state.total(chosen):
        raise TermNotAgreed("a take of this shot was chosen and paid; there is one for each shot")
    credit = min(max(Fraction(0), amount), exact(terms.takes.draft_credit) * state.total(spent))
    settled = {spent: -state.total(spent), chosen: Fraction(1)}
    return Price(amount - credit, add(whole.effects, settled))


def _surcharges(terms: CompensationTerms, event: UsageEvent) -> Fraction:
    factor = Fraction(1)
    if terms.language_surcharge is not None:
        included = 1 if terms.included_languages is None else terms.included_languages
        languages = 1 if event.languages is None else event.languages
        factor += max(0, languages - included) * exact(terms.language_surcharge)
    if event.realtime and terms.realtime_multiplier is not None:
        factor *= exact(terms.realtime_multiplier)
    return factor


# --- uses ------------------------------------------------------------------------------------


def _needed(event: UsageEvent, name: str) -> Fraction:
    quantity: Number | None = getattr(event, name)
    if quantity is None:
        raise EventIncomplete(f"the terms price {name}, and the event does not say how many")
    return exact(quantity)


def _rate(value: Number | None) -> Fraction:
    if value is None:
        raise TermNotAgreed("the terms do not have the rate that their model needs")
    return exact(value)


def _count(event: UsageEvent) -> int:
    return 1 if event.count is None else event.count


def _per_unit(name: str) -> Pricing:
    def rate_times_quantity(
        terms: CompensationTerms, _state: RoyaltyState, event: UsageEvent
    ) -> Price:
        return Price(_needed(event, name) * _rate(terms.rate_minor))

    return rate_times_quantity


def _per_line(terms: CompensationTerms, _state: RoyaltyState, event: UsageEvent) -> Price:
    lines = _needed(event, "lines")
    if terms.lines_per_session is None:
        return Price(lines * _rate(terms.rate_minor))
    return Price(lines * _rate(terms.session_minor) / terms.lines_per_session)


def _per_render(terms: CompensationTerms, _state: RoyaltyState, event: UsageEvent) -> Price:
    renders = _count(event) if event.renders is None else event.renders
    return Price(renders * _rate(terms.rate_minor))


def _day_equivalent(terms: CompensationTerms, _state: RoyaltyState, event: UsageEvent) -> Price:
    daily = max(_rate(terms.pro_rata_daily_minor), _rate(terms.minimum_daily_minor))
    return Price(_needed(event, "days") * daily)


def _flat(terms: CompensationTerms, _state: RoyaltyState, event: UsageEvent) -> Price:
    return Price(_count(event) * _rate(terms.rate_minor))


def _sum_flat(terms: CompensationTerms, _state: RoyaltyState, event: UsageEvent) -> Price:
    return Price(_count(event) * sum((exact(item) for item in terms.items_minor or ()), Fraction()))


def _multiplier(terms: CompensationTerms, _state: RoyaltyState, event: UsageEvent) -> Price:
    return Price(_count(event) * _rate(terms.base_minor) * _rate(terms.multiplier))


def _buyout(_terms: CompensationTerms, _state: RoyaltyState, _event: UsageEvent) -> Price:
    return Price(Fraction(0))


def _residual(terms: CompensationTerms, state: RoyaltyState, event: UsageEvent) -> Price:
    steps = [exact(step) for step in terms.schedule or ()]
    first, count = int(state.total("uses")), _count(event)
    named = steps[first : first + count]
    portions = sum(named, Fraction()) + (count - len(named)) * steps[-1]
    return Price(portions * _rate(terms.base_minor), {"uses": Fraction(count)})


def _tiered_marginal(terms: CompensationTerms, state: RoyaltyState, event: UsageEvent) -> Price:
    """Each unit at the rate of the tier it falls in."""
    before, volume = state.total("volume"), _volume(event)
    after, low, amount = before + volume, Fraction(0), Fraction(0)
    for high, rate in _tiers(terms):
        top = after if high is None else min(after, high)
        amount += max(Fraction(0), top - max(before, low)) * rate
        low = top if high is None else high
    return Price(amount, {"volume": volume})


def _tiered_whole(terms: CompensationTerms, state: RoyaltyState, event: UsageEvent) -> Price:
    """All units so far at the rate of the tier they reach, less what they were charged before."""
    volume = _volume(event)
    whole = state.total("volume") + volume
    rate = next(rate for high, rate in _tiers(terms) if high is None or whole <= high)
    amount = whole * rate - state.total("tier_billed")
    return Price(amount, {"volume": volume, "tier_billed": Fraction(half_up(amount))})


def _tiers(terms: CompensationTerms) -> list[tuple[Fraction | None, Fraction]]:
    tiers = terms.tiers or []
    return [(None if high is None else exact(high), _rate(rate)) for high, rate in tiers]


def _volume(event: UsageEvent) -> Fraction:
    for name in _QUANTITIES:
        if getattr(event, name) is not None:
            return _needed(event, name)
    raise EventIncomplete("the terms price volume, and the event does not say how much")


def _cpm(terms: CompensationTerms, _state: RoyaltyState, event: UsageEvent) -> Price:
    if event.impressions is None:
        return _unreported(event, "impressions")
    return Price(event.impressions * _rate(terms.rate_minor) / 1000)


def _revenue_share(terms: CompensationTerms, _state: RoyaltyState, event: UsageEvent) -> Price:
    if event.gross_receipts_minor is None:
        return _unreported(event, "gross_receipts_minor")
    gross, deductions = exact(event.gross_receipts_minor), exact(event.deductions_minor or 0)
    if terms.deduction_cap is not None:
        deductions = min(deductions, exact(terms.deduction_cap) * gross)
    return Price(_rate(terms.share) * max(Fraction(0), gross - deductions))


def _unreported(event: UsageEvent, name: str) -> Price:
    """A use whose worth is reported later is recorded now, at zero."""
    if all(getattr(event, quantity) is None for quantity in _QUANTITIES):
        raise EventIncomplete(f"the terms price {name}, and the event reports neither it nor a use")
    return Price(Fraction(0))


_MODELS: Mapping[Model, Pricing] = {
    "buyout": _buyout,
    "cpm": _cpm,
    "day_equivalent": _day_equivalent,
    "flat": _flat,
    "multiplier": _multiplier,
    "per_line": _per_line,
    "per_render": _per_render,
    "per_second": _per_unit("seconds"),
    "residual_schedule": _residual,
    "revenue_share": _revenue_share,
    "sum_flat": _sum_flat,
    "tiered_marginal": _tiered_marginal,
    "tiered_whole": _tiered_whole,
}


# --- settlements: what owes nothing posts nothing ----------------------------------------------


def _advance(terms: CompensationTerms, state: RoyaltyState, event: UsageEvent) -> Price:
    if terms.advance is None:
        raise TermNotAgreed("the terms have no advance, so none can be paid")
    named = terms.advance.licence
    if named is not None and event.licence not in {None, named}:
        raise TermNotAgreed(f"the advance is for licence {named}, not for {event.licence}")
    paid = f"advance:{event.licence or named or ''}"
    if state.total(paid):
        raise AdvanceAlreadyPaid("this advance was paid; what comes next is earned")
    return Price(exact(terms.advance.amount_minor), {paid: Fraction(1)}, "advance")


def _guarantee(terms: CompensationTerms, state: RoyaltyState) -> Price:
    """What the period that ends now earned less than it was guaranteed; the next starts at zero."""
    ended: Effects = {"periods": Fraction(1)}
    if terms.minimum_guarantee_minor is None:
        return Price(None, ended)
    shortfall = exact(terms.minimum_guarantee_minor) - state.total(f"earned:{period(state)}")
    return Price(shortfall if shortfall > 0 else None, ended, "settlement")


def period(state: RoyaltyState) -> int:
    """Return the number of the period that is open, from 0."""
    return int(state.total("periods"))


def _interest(terms: CompensationTerms, event: UsageEvent) -> Price:
    if terms.annual_rate is None:
        raise TermNotAgreed("the terms have no annual_rate, so lateness costs nothing")
    days = _needed(event, "days_late")
    if not days:
        return Price(None)
    principal = _needed(event, "principal_minor")
    return Price(principal * exact(terms.annual_rate) * days / _DAYS_A_YEAR, kind="interest")


def _audit(terms: CompensationTerms, event: UsageEvent) -> Price:
    """What was under-reported; audit costs as well, when it is more than the threshold."""
    if terms.model not in {"audit_trueup", "per_second"}:
        raise TermNotAgreed(f"seconds found by an audit have no price under {terms.model}")
    reported, actual = _needed(event, "reported_seconds"), _needed(event, "actual_seconds")
    if actual <= reported:
        return Price(None)
    shift = (
        terms.cost_shift_threshold is not None
        and actual - reported > exact(terms.cost_shift_threshold) * reported
    )
    return Price(
        (actual - reported) * _rate(terms.rate_minor),
        kind="settlement",
        reimbursed=exact(event.audit_cost_minor or 0) if shift else Fraction(0),
    )
