"""What a contract pays, in plain words: one sentence for each term that was agreed."""

from collections.abc import Callable, Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from app.ledger.terms import CompensationTerms, Number, Party, Withholding, exact
from app.licensing.words.plain_words import Sentences, count, currency, day, listed, named
from app.money import format_minor, minor_digits

Names = Mapping[str, str]
MODELS: Mapping[str, str] = {
    "audit_trueup": "Money is owed for seconds that an audit finds and nobody reported.",
    "buyout": "Everything is paid once, outside this contract; single uses cost nothing more.",
    "cpm": "Each 1,000 times it is watched has a price.",
    "day_equivalent": "A use is paid in working days: the days it would have taken the performer.",
    "flat": "Each use costs the same.",
    "interest": "Interest is owed on money that is late.",
    "multiplier": "Each use costs a multiple of a base fee.",
    "per_line": "Each spoken line has a price.",
    "per_render": "Each finished render has a price.",
    "per_second": "Each second that is made has a price.",
    "residual_schedule": "Each use in turn earns its own part of a base fee.",
    "revenue_share": "The performer's side gets a part of what the work takes in.",
    "sum_flat": "Each use costs the same sum of several items.",
    "tiered_marginal": "The price depends on how much is used; each part has its own price.",
    "tiered_whole": "The price depends on how much is used; the last price reached counts for all.",
}
_RATES = {
    "audit_trueup": "Each second found costs {}.",
    "cpm": "1,000 times cost {}.",
    "flat": "Each use costs {}.",
    "per_line": "Each line costs {}.",
    "per_render": "Each render costs {}.",
    "per_second": "Each second costs {}.",
}


def about_money(terms: CompensationTerms, names: Names) -> Sentences:
    """Return (sentence, pointer) for every agreed term of the compensation, in reading order."""
    said = [
        (MODELS[terms.model], "/compensation/model"),
        (f"Amounts are in {currency(terms.currency)}.", "/compensation/currency"),
    ]
    for field, say in _SAID.items():
        value = getattr(terms, field)
        if value is not None:
            said.append((say(terms, value), f"/compensation/{field}"))
    whole = sum((exact(party.weight) for party in terms.parties), Fraction())
    for at, party in enumerate(terms.parties):
        said.append((_share(party, whole, names), f"/compensation/parties/{at}"))
    if terms.ph is not None:
        ceiling = ""
        if terms.ph.ceiling_minor is not None:
            ceiling = f", until a performer has earned {_sum(terms, terms.ph.ceiling_minor)}"
        fund = f"the pension and health fund {named(terms.ph.fund, names)}"
        said.append(
            (f"On top, {percent(terms.ph.rate)} goes to {fund}{ceiling}.", "/compensation/ph")
        )
    return said


def amount(minor: Number, code: str) -> str:
    """Write exact minor units as money: "12.50 EUR", "0.125 EUR", "1/3 JPY"."""
    value = exact(minor)
    if value.denominator == 1:
        return format_minor(value.numerator, code)
    return f"{_exactly(value / 10 ** minor_digits(code))} {code}"


def percent(share: Number) -> str:
    """Write an exact share as "12.5 %", or as a ratio where no decimal is exact."""
    value = exact(share)
    text = _exactly(value * 100)
    return f"{_exactly(value)} of it" if "/" in text else f"{text} %"


def _exactly(value: Fraction) -> str:
    """Write an exact number: in decimals where they end, else as a ratio."""
    places, rest = 0, value.denominator
    while rest % 10 == 0 or rest % 5 == 0 or rest % 2 == 0:
        rest //= 10 if rest % 10 == 0 else 5 if rest % 5 == 0 else 2
        places += 1
    if rest != 1:
        return f"{value.numerator:,}/{value.denominator:,}"
    whole, part = divmod(value.numerator * 10**places // value.denominator, 10**places)
    decimals = f"{part:0{places}d}".rstrip("0") if places else ""
    return f"{whole:,}.{decimals}" if decimals else f"{whole:,}"


def _sum(terms: CompensationTerms, minor: Number) -> str:
    return amount(minor, terms.currency)


def _share(party: Party, whole: Fraction, names: Names) -> str:
    weight = _exactly(exact(party.weight))
    parts = f"{weight} of {_exactly(whole)} {'part' if whole == 1 else 'parts'}"
    text = f"{named(party.id, names)} gets {parts} of what is paid"
    if party.agent is not None and party.agent_rate is not None:
        text += f"; of that, {percent(party.agent_rate)} goes to the agent "
        text += named(party.agent, names)
    if party.withholding is not None:
        text += f"; {_withheld(party.withholding)}"
    return f"{text}."


def _withheld(tax: Withholding) -> str:
    base = "before" if tax.base == "gross_share" else "after"
    return f"{percent(tax.rate)} is kept back for taxes, reckoned {base} the agent's part"


def _tiers(terms: CompensationTerms, tiers: list[list[Number | None]]) -> str:
    parts = []
    for upto, rate in tiers:
        price = _sum(terms, rate or 0)
        reach = "beyond that" if upto is None else f"up to {_exactly(exact(upto))}"
        parts.append(f"{reach}, {price} each")
    return f"The prices: {'; '.join(parts)}."


def _schedule(_terms: CompensationTerms, steps: list[Number]) -> str:
    *first, last = [percent(step) for step in steps]
    told = [f"use {at} earns {portion}" for at, portion in enumerate(first, 1)]
    told.append(f"every {'later ' if told else ''}use earns {last}")
    return f"Of the base fee, {listed(told)}."


def _items(terms: CompensationTerms, items: list[Number]) -> str:
    return f"The items of each use: {listed(_sum(terms, item) for item in items)}."


def _advance(terms: CompensationTerms, advance: Any) -> str:
    text = f"{_sum(terms, advance.amount_minor)} is paid ahead"
    if advance.licence is not None:
        text += f" for the license {advance.licence}"
    if advance.recoupable:
        return f"{text}; uses are paid again once they have earned it back."
    return f"{text}, and later uses are paid all the same."


def _rate(terms: CompensationTerms, value: Number) -> str:
    return _RATES[terms.model].format(_sum(terms, value))


def _money(sentence: str) -> Callable[[CompensationTerms, Any], str]:
    return lambda terms, value: sentence.format(_sum(terms, value))


def _share_of(sentence: str) -> Callable[[CompensationTerms, Any], str]:
    return lambda _terms, value: sentence.format(percent(value))


def _number(sentence: str) -> Callable[[CompensationTerms, Any], str]:
    return lambda _terms, value: sentence.format(_exactly(exact(value)))


_SAID: Mapping[str, Callable[[CompensationTerms, Any], str]] = {
    "rate_minor": _rate,
    "base_minor": _money("The base fee is {}."),
    "multiplier": _number("A use costs {} times the base fee."),
    "schedule": _schedule,
    "session_minor": _money("A recording session costs {}."),
    "lines_per_session": _number("A session counts as {} lines; a line costs its part of it."),
    "pro_rata_daily_minor": _money("A day costs {}, the performer's own daily fee."),
    "minimum_daily_minor": _money("A day costs {} at least; the higher of the two counts."),
    "items_minor": _items,
    "tiers": _tiers,
    "share": _share_of("The part of the performer's side is {}."),
    "deduction_cap": _share_of("Costs taken off before that are never more than {}."),
    "language_surcharge": _share_of("Each further language adds {} to the price."),
    "included_languages": _number("Languages in the price: {}."),
    "realtime_multiplier": _number("Live use costs {} times the price."),
    "floor_minor": _money("One use never costs less than {}."),
    "cap_minor": _money("All uses together never cost more than {}."),
    "minimum_guarantee_minor": _money("Each period earns at least {}."),
    "guarantee_mode": lambda _terms, _mode: "Where a period earns less, the rest is added to it.",
    "advance": _advance,
    "takes": lambda _terms, takes: (
        f"Of one shot, up to {takes.max_takes} {'take' if takes.max_takes == 1 else 'takes'} may "
        f"be made as drafts, not to be shown: each costs {percent(takes.draft_rate)} of the price "
        f"and is deleted after {count(takes.draft_days, 'day')}; the one that is chosen costs the "
        f"whole price, less {percent(takes.draft_credit)} of what the drafts of the shot cost."
    ),
    "stopped_share": lambda _terms, share: (
        "If a withdrawal, a pause, a suspension, a strike or a hold that ran out stops a render "
        f"that another company already bills, the licensee bears {percent(share)} of that bill and "
        "the platform the rest; the performer's side bears nothing."
    ),
    "annual_rate": _share_of("Money that is late earns {} interest a year."),
    "payment_grace_days": lambda _terms, days: (
        f"If an invoice is unpaid {days} {'day' if days == 1 else 'days'} after it was due, "
        "nothing new may be made until it is paid."
    ),
    "cost_shift_threshold": _share_of(
        "If an audit finds that more than {} was left out, the licensee pays for the audit."
    ),
    "platform_fee": lambda _terms, fee: (
        f"The platform takes {percent(fee.rate)}, "
        f"{'paid on top of' if fee.mode == 'on_top' else 'out of'} the price."
    ),
    "scale_floor_minor": _money("An agent's part never takes a share below {}."),
    "withholding": lambda _terms, tax: f"{_withheld(tax)}."[0].upper() + f"{_withheld(tax)}."[1:],
    "payout_currency": lambda _terms, code: f"It is paid out in {currency(code)}.",
    "fx": lambda terms, rate: (
        f"1 {terms.currency} counts as {_exactly(exact(rate))} {terms.payout_currency}."
    ),
    "fx_on": lambda _terms, text: f"That rate is of {day(date.fromisoformat(text))}.",
}
