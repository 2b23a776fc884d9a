"""What a contract pays, in plain words: one sentence for each term that was agreed."""

from collections.abc import Callable, Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from app.language import _, digits, marked, ngettext
from app.ledger.terms import CompensationTerms, Number, Party, PensionAndHealth, Withholding, exact
from app.licensing.words.plain_words import Sentences, count, currency, day, listed, named
from app.money import format_minor, minor_digits

Names = Mapping[str, str]
MODELS: Mapping[str, str] = {
    "audit_trueup": marked("Money is owed for seconds that an audit finds and nobody reported."),
    "buyout": marked(
        "Everything is paid once, outside this contract; single uses cost nothing more."
    ),
    "cpm": marked("Each 1,000 times it is watched has a price."),
    "day_equivalent": marked(
        "A use is paid in working days: the days it would have taken the performer."
    ),
    "flat": marked("Each use costs the same."),
    "interest": marked("Interest is owed on money that is late."),
    "multiplier": marked("Each use costs a multiple of a base fee."),
    "per_line": marked("Each spoken line has a price."),
    "per_render": marked("Each finished render has a price."),
    "per_second": marked("Each second that is made has a price."),
    "residual_schedule": marked("Each use in turn earns its own part of a base fee."),
    "revenue_share": marked("The performer's side gets a part of what the work takes in."),
    "sum_flat": marked("Each use costs the same sum of several items."),
    "tiered_marginal": marked(
        "The price depends on how much is used; each part has its own price."
    ),
    "tiered_whole": marked(
        "The price depends on how much is used; the last price reached counts for all."
    ),
}
_RATES = {
    "audit_trueup": marked("Each second found costs %(amount)s."),
    "cpm": marked("1,000 times cost %(amount)s."),
    "flat": marked("Each use costs %(amount)s."),
    "per_line": marked("Each line costs %(amount)s."),
    "per_render": marked("Each render costs %(amount)s."),
    "per_second": marked("Each second costs %(amount)s."),
}


def about_money(terms: CompensationTerms, names: Names) -> Sentences:
    """Return (sentence, pointer) for every agreed term of the compensation, in reading order."""
    said: Sentences = [
        (_(MODELS[terms.model]), "/compensation/model"),
        (
            _("Amounts are in %(currency)s.", currency=currency(terms.currency)),
            "/compensation/currency",
        ),
    ]
    for field, say in _SAID.items():
        value = getattr(terms, field)
        if value is not None:
            said.append((say(terms, value), f"/compensation/{field}"))
    whole = sum((exact(party.weight) for party in terms.parties), Fraction())
    for at, party in enumerate(terms.parties):
        said.append((_share(party, whole, names), f"/compensation/parties/{at}"))
    if terms.ph is not None:
        said.append((_fund(terms, terms.ph, names), "/compensation/ph"))
    return said


def _fund(terms: CompensationTerms, ph: PensionAndHealth, names: Names) -> str:
    share, fund = percent(ph.rate), named(ph.fund, names)
    if ph.ceiling_minor is None:
        return _(
            "On top, %(share)s goes to the pension and health fund %(fund)s.",
            share=share,
            fund=fund,
        )
    return _(
        "On top, %(share)s goes to the pension and health fund %(fund)s, until a performer has "
        "earned %(amount)s.",
        share=share,
        fund=fund,
        amount=_sum(terms, ph.ceiling_minor),
    )


def amount(minor: Number, code: str) -> str:
    """Write exact minor units as money: "12.50 EUR", "0.125 EUR", "1/3 JPY"."""
    value = exact(minor)
    if value.denominator == 1:
        return digits(format_minor(value.numerator, code))
    return f"{_exactly(value / 10 ** minor_digits(code))} {code}"


def percent(share: Number) -> str:
    """Write an exact share as "12.5 %", or as a ratio where no decimal is exact."""
    value = exact(share)
    text = _exactly(value * 100)
    return _("%(ratio)s of it", ratio=_exactly(value)) if "/" in text else f"{text} %"


def _exactly(value: Fraction) -> str:
    """Write an exact number: in decimals where they end, else as a ratio."""
    places, rest = 0, value.denominator
    while rest % 10 == 0 or rest % 5 == 0 or rest % 2 == 0:
        rest //= 10 if rest % 10 == 0 else 5 if rest % 5 == 0 else 2
        places += 1
    if rest != 1:
        return digits(f"{value.numerator:,}/{value.denominator:,}")
    whole, part = divmod(value.numerator * 10**places // value.denominator, 10**places)
    decimals = f"{part:0{places}d}".rstrip("0") if places else ""
    return digits(f"{whole:,}.{decimals}" if decimals else f"{whole:,}")


def _sum(terms: CompensationTerms, minor: Number) -> str:
    return amount(minor, terms.currency)


def _share(party: Party, whole: Fraction, names: Names) -> str:
    weight = _exactly(exact(party.weight))
    parts: list[str] = [
        ngettext(
            "%(name)s gets %(weight)s of %(num)s part of what is paid",
            "%(name)s gets %(weight)s of %(num)s parts of what is paid",
            1 if whole == 1 else 2,
            name=named(party.id, names),
            weight=weight,
            num=_exactly(whole),
        )
    ]
    if party.agent is not None and party.agent_rate is not None:
        agent, share = named(party.agent, names), percent(party.agent_rate)
        parts.append(_("of that, %(share)s goes to the agent %(agent)s", share=share, agent=agent))
    if party.withholding is not None:
        parts.append(_withheld(party.withholding))
    return f"{'; '.join(parts)}."


def _withheld(tax: Withholding) -> str:
    share = percent(tax.rate)
    if tax.base == "gross_share":
        return _("%(share)s is kept back for taxes, reckoned before the agent's part", share=share)
    return _("%(share)s is kept back for taxes, reckoned after the agent's part", share=share)


def _tiers(terms: CompensationTerms, tiers: list[list[Number | None]]) -> str:
    parts: list[str] = []
    for upto, rate in tiers:
        price = _sum(terms, rate or 0)
        parts.append(
            _("beyond that, %(price)s each", price=price)
            if upto is None
            else _("up to %(most)s, %(price)s each", most=_exactly(exact(upto)), price=price)
        )
    return _("The prices: %(prices)s.", prices="; ".join(parts))


def _schedule(_terms: CompensationTerms, steps: list[Number]) -> str:
    *first, last = [percent(step) for step in steps]
    told: list[str] = [
        _("use %(number)s earns %(share)s", number=at, share=share)
        for at, share in enumerate(first, 1)
    ]
    told.append(
        _("every later use earns %(share)s", share=last)
        if told
        else _("every use earns %(share)s", share=last)
    )
    return _("Of the base fee, %(uses)s.", uses=listed(told))


def _items(terms: CompensationTerms, items: list[Number]) -> str:
    return _("The items of each use: %(items)s.", items=listed(_sum(terms, item) for item in items))


def _advance(terms: CompensationTerms, advance: Any) -> str:
    amount = _sum(terms, advance.amount_minor)
    ahead = _("%(amount)s is paid ahead", amount=amount)
    if advance.licence is not None:
        ahead = _(
            "%(amount)s is paid ahead for the license %(license)s",
            amount=amount,
            license=advance.licence,
        )
    if advance.recoupable:
        return _("%(ahead)s; uses are paid again once they have earned it back.", ahead=ahead)
    return _("%(ahead)s, and later uses are paid all the same.", ahead=ahead)


def _takes(_terms: CompensationTerms, takes: Any) -> str:
    return ngettext(
        "Of one shot, up to %(num)s take may be made as drafts, not to be shown: each costs "
        "%(share)s of the price and is deleted after %(time)s; the one that is chosen costs the "
        "whole price, less %(credit)s of what the drafts of the shot cost.",
        "Of one shot, up to %(num)s takes may be made as drafts, not to be shown: each costs "
        "%(share)s of the price and is deleted after %(time)s; the one that is chosen costs the "
        "whole price, less %(credit)s of what the drafts of the shot cost.",
        takes.max_takes,
        num=takes.max_takes,
        share=percent(takes.draft_rate),
        time=count(takes.draft_days, "day"),
        credit=percent(takes.draft_credit),
    )


def _stopped(_terms: CompensationTerms, share: Number) -> str:
    return _(
        "If a withdrawal, a pause, a suspension, a strike or a hold that ran out stops a render "
        "that another company already bills, the licensee bears %(share)s of that bill and the "
        "platform the rest; the performer's side bears nothing.",
        share=percent(share),
    )


def _grace(_terms: CompensationTerms, days: int) -> str:
    return ngettext(
        "If an invoice is unpaid %(num)s day after it was due, nothing new may be made until it is "
        "paid.",
        "If an invoice is unpaid %(num)s days after it was due, nothing new may be made until it "
        "is paid.",
        days,
        num=days,
    )


def _platform(_terms: CompensationTerms, fee: Any) -> str:
    share = percent(fee.rate)
    if fee.mode == "on_top":
        return _("The platform takes %(share)s, paid on top of the price.", share=share)
    return _("The platform takes %(share)s, out of the price.", share=share)


def _withholding(_terms: CompensationTerms, tax: Withholding) -> str:
    said = _withheld(tax)
    return f"{said[0].upper()}{said[1:]}."


def _fx(terms: CompensationTerms, rate: Number) -> str:
    return _(
        "1 %(currency)s counts as %(rate)s %(payout)s.",
        currency=terms.currency,
        rate=_exactly(exact(rate)),
        payout=terms.payout_currency,
    )


def _rate(terms: CompensationTerms, value: Number) -> str:
    return _(_RATES[terms.model], amount=_sum(terms, value))


def _money(sentence: str) -> Callable[[CompensationTerms, Any], str]:
    return lambda terms, value: _(sentence, amount=_sum(terms, value))


def _share_of(sentence: str) -> Callable[[CompensationTerms, Any], str]:
    return lambda _terms, value: _(sentence, share=percent(value))


def _number(sentence: str) -> Callable[[CompensationTerms, Any], str]:
    return lambda _terms, value: _(sentence, number=_exactly(exact(value)))


_SAID: Mapping[str, Callable[[CompensationTerms, Any], str]] = {
    "rate_minor": _rate,
    "base_minor": _money(marked("The base fee is %(amount)s.")),
    "multiplier": _number(marked("A use costs %(number)s times the base fee.")),
    "schedule": _schedule,
    "session_minor": _money(marked("A recording session costs %(amount)s.")),
    "lines_per_session": _number(
        marked("A session counts as %(number)s lines; a line costs its part of it.")
    ),
    "pro_rata_daily_minor": _money(
        marked("A day costs %(amount)s, the performer's own daily fee.")
    ),
    "minimum_daily_minor": _money(
        marked("A day costs %(amount)s at least; the higher of the two counts.")
    ),
    "items_minor": _items,
    "tiers": _tiers,
    "share": _share_of(marked("The part of the performer's side is %(share)s.")),
    "deduction_cap": _share_of(
        marked("Costs taken off before that are never more than %(share)s.")
    ),
    "language_surcharge": _share_of(marked("Each further language adds %(share)s to the price.")),
    "included_languages": _number(marked("Languages in the price: %(number)s.")),
    "realtime_multiplier": _number(marked("Live use costs %(number)s times the price.")),
    "floor_minor": _money(marked("One use never costs less than %(amount)s.")),
    "cap_minor": _money(marked("All uses together never cost more than %(amount)s.")),
    "minimum_guarantee_minor": _money(marked("Each period earns at least %(amount)s.")),
    "guarantee_mode": lambda _terms, _mode: _(
        "Where a period earns less, the rest is added to it."
    ),
    "advance": _advance,
    "takes": _takes,
    "stopped_share": _stopped,
    "annual_rate": _share_of(marked("Money that is late earns %(share)s interest a year.")),
    "payment_grace_days": _grace,
    "cost_shift_threshold": _share_of(
        marked(
            "If an audit finds that more than %(share)s was left out, the licensee pays for the "
            "audit."
        )
    ),
    "platform_fee": _platform,
    "scale_floor_minor": _money(marked("An agent's part never takes a share below %(amount)s.")),
    "withholding": _withholding,
    "payout_currency": lambda _terms, code: _(
        "It is paid out in %(currency)s.", currency=currency(code)
    ),
    "fx": _fx,
    "fx_on": lambda _terms, text: _("That rate is of %(day)s.", day=day(date.fromisoformat(text))),
}
