"""From terms and an event to the lines of one balanced entry: pure, exact, no I/O.

Fractions inside, whole minor units outside. The steps follow the order that the conformance suite
states; each rounds once, half-up or by largest remainder, where a comment says so.
"""

from dataclasses import dataclass, replace
from fractions import Fraction

from app.ledger.books import Effects, Line, Posted, RoyaltyState, add, check_balanced, merge
from app.ledger.corrections import refund, reverse
from app.ledger.errors import AmountTooLarge, EventIncomplete, TermNotAgreed
from app.ledger.rates import Price, period, price
from app.ledger.splits import half_up, split_by_weight
from app.ledger.terms import CompensationTerms, Party, PensionAndHealth, exact
from app.ledger.usage import UsageEvent
from app.money import minor_digits

LARGEST_MINOR = 10**15


def post_event(
    terms: CompensationTerms, state: RoyaltyState, event: UsageEvent
) -> tuple[tuple[Line, ...], RoyaltyState]:
    """Return the lines of the event's entry and the state after it; no lines: no transaction.

    The lines sum to zero per currency. An event whose id was seen posts nothing. Raises
    RoyaltyRefused when the terms cannot price the event; the state is then unchanged.
    """
    if event.id is not None and event.id in state.seen:
        return (), state.skip()
    if event.reverse is not None:
        lines, after = reverse(state, event.reverse)
    elif event.refund_of is not None and event.amount_minor is not None:
        lines, after = refund(state, event.refund_of, event.amount_minor)
    else:
        is_bill = event.stopped_cost_minor is not None
        posted = _stopped(terms, event) if is_bill else _post(terms, state, event)
        lines, after = posted.lines, state.after(posted)
    check_balanced(lines)
    if any(abs(line.amount_minor) > LARGEST_MINOR for line in lines):
        raise AmountTooLarge("one line would move more than 10^15 minor units; split the event")
    return lines, replace(after, seen=after.seen | ({event.id} if event.id else frozenset()))


def _stopped(terms: CompensationTerms, event: UsageEvent) -> Posted:
    """Share a vendor's bill between licensee and platform, in its own currency; rounded half-up.

    It is no compensation: neither capped nor recouped, and nobody is paid a share of it.
    """
    if terms.stopped_share is None:
        raise TermNotAgreed("the terms do not say who bears the cost of a stopped render")
    cost, currency = event.stopped_cost_minor or 0, event.cost_currency or terms.currency
    borne = half_up(cost * exact(terms.stopped_share))
    lines = (
        Line("licensee:receivable", currency, borne),
        Line("platform:stopped_renders", currency, cost - borne),
        Line(f"vendor:{event.vendor}:payable", currency, -cost),
    )
    return Posted(lines, {})


@dataclass(frozen=True)
class _Money:
    """What one event moves, in whole minor units, before it is written as lines."""

    included_fee: int | None
    recouped: int
    shares: list[int]
    reimbursed: list[int]
    contributions: int | None
    fee_on_top: int | None
    lent: int  # a recoupable advance


def _post(terms: CompensationTerms, state: RoyaltyState, event: UsageEvent) -> Posted:
    worth = price(terms, state, event)
    if worth.amount is None:
        return Posted((), worth.effects, standing=False)
    compensates = worth.kind != "interest"
    # 1. The cap, then gross: rounded half-up, once.
    gross = half_up(_capped(terms, state, worth))
    effects = dict(worth.effects)
    if worth.kind in {"use", "settlement"}:
        effects = add(effects, {"billed": Fraction(gross)})
        effects = add(effects, {f"earned:{period(state)}": Fraction(gross)})
    if event.draft:
        effects = add(effects, {f"drafted:{event.shot}": Fraction(gross)})
    # 2. An inclusive platform fee; a recoupable advance bears none, the uses that earn it do.
    fee, mode = _fee(terms) if compensates else (Fraction(0), None)
    account = _advance_of(terms, state, event)
    lent = gross if worth.kind == "advance" and account else 0
    included = half_up(gross * fee) if mode == "inclusive" and not lent else None
    paid = gross - (included or 0)
    # 3. Recoupment, from the advance of the same licence only.
    recouped = 0
    if worth.kind in {"use", "settlement"} and account:
        recouped = max(0, min(paid, int(state.total(account))))
    if account and lent != recouped:
        effects = add(effects, {account: Fraction(lent - recouped)})
    # 4. Shares of what is left, by largest remainder.
    weights = [exact(party.weight) for party in terms.parties]
    shares = split_by_weight(paid - recouped, weights)
    # 5. Contributions on top of gross compensation, within each performer's ceiling.
    contributions = None
    if terms.ph is not None and compensates:
        contributions, counted = _contributions(terms, terms.ph, state, shares)
        effects = add(effects, counted)
    money = _Money(
        included_fee=included,
        recouped=recouped,
        shares=shares,
        reimbursed=split_by_weight(half_up(worth.reimbursed), weights),
        contributions=contributions,
        # 6. A platform fee on top, of the compensation that is paid now.
        fee_on_top=half_up((gross - recouped) * fee) if mode == "on_top" else None,
        lent=lent,
    )
    return Posted(_lines(terms, event, money), effects)


def _capped(terms: CompensationTerms, state: RoyaltyState, worth: Price) -> Fraction:
    amount = worth.amount or Fraction(0)
    if terms.cap_minor is None or worth.kind not in {"use", "settlement"}:
        return amount
    cap, billed = exact(terms.cap_minor), state.total("billed")
    if amount >= 0:
        return min(amount, max(Fraction(0), cap - billed))
    # A cheaper tier gives back what was billed above the new price, never what the cap had spared.
    whole = state.total("tier_billed") + worth.effects.get("tier_billed", Fraction(0))
    return min(Fraction(0), max(amount, min(whole, cap) - billed))


def _fee(terms: CompensationTerms) -> tuple[Fraction, str | None]:
    fee = terms.platform_fee
    return (exact(fee.rate), fee.mode) if fee else (Fraction(0), None)


def _advance_of(terms: CompensationTerms, state: RoyaltyState, event: UsageEvent) -> str | None:
    """Name the running total of the advance this event belongs to; None where there is none.

    An advance belongs to the licence that the terms name, or else the event that pays it; where
    neither names one it was paid for all uses that have no advance of their own.
    """
    if terms.advance is None or not terms.advance.recoupable:
        return None
    licence = terms.advance.licence
    if licence is not None:
        return f"unrecouped:{licence}" if event.advance or event.licence == licence else None
    own = event.licence or ""
    return f"unrecouped:{own if event.advance or state.total(f'advance:{own}') else ''}"


def _contributions(
    terms: CompensationTerms, rule: PensionAndHealth, state: RoyaltyState, shares: list[int]
) -> tuple[int, Effects]:
    base = Fraction(0)
    counted: dict[str, Fraction] = {}
    for party, share in zip(terms.parties, shares, strict=True):
        before = state.total(f"ph:{party.id}")
        after = before + share
        counted[f"ph:{party.id}"] = Fraction(share)
        if rule.ceiling_minor is not None:
            ceiling = exact(rule.ceiling_minor)
            before, after = min(before, ceiling), min(after, ceiling)
        base += after - before
    return half_up(base * exact(rule.rate)), counted


# --- lines -------------------------------------------------------------------------------------


def _lines(terms: CompensationTerms, event: UsageEvent, money: _Money) -> tuple[Line, ...]:
    currency = terms.currency
    payees = _payee_lines(terms, money)
    if money.contributions is not None and terms.ph is not None:
        payees.append(Line(f"fund:{terms.ph.fund}:payable", currency, -money.contributions))
    payees = list(merge(payees))
    first, last = [], []
    if money.included_fee is not None:
        first.append(Line("platform:fee", currency, -money.included_fee))
    if money.fee_on_top is not None:
        last.append(Line("platform:fee", currency, -money.fee_on_top))
    due = -sum(line.amount_minor for line in (*first, *payees, *last))
    memo = money.lent - money.recouped
    if money.recouped and not any(line.amount_minor for line in payees):
        payees, last = [], []  # fully recouped: nobody is paid now, no zero line pretends so
        first = [line for line in first if line.amount_minor]
    lines = [*first, *_convert(terms, event, payees), *last]
    if lines:
        lines.insert(0, Line("licensee:receivable", currency, due))
    if memo:
        lines.append(Line("memo:unrecouped", currency, memo))
        lines.append(Line("memo:recoup_contra", currency, -memo))
    return tuple(lines)


def _payee_lines(terms: CompensationTerms, money: _Money) -> list[Line]:
    lines, withheld = [], None
    for party, share, reimbursed in zip(terms.parties, money.shares, money.reimbursed, strict=True):
        kept, commission = _commission(terms, party, share)
        tax = _withholding(terms, party, share, commission)
        if tax is not None:
            tax = min(tax, kept) if share >= 0 else max(tax, kept)
            withheld = (withheld or 0) + tax
        paid = kept - (tax or 0) + reimbursed
        lines.append(Line(f"performer:{party.id}:payable", terms.currency, -paid))
        if party.agent is not None:
            lines.append(Line(f"agent:{party.agent}:payable", terms.currency, -commission))
    if withheld is not None:
        lines.append(Line("tax:withholding", terms.currency, -withheld))
    return lines


def _commission(terms: CompensationTerms, party: Party, share: int) -> tuple[int, int]:
    """Split a share between performer and agent by largest remainder; scale stays whole."""
    if party.agent_rate is None:
        return share, 0
    due = share * exact(party.agent_rate)
    if terms.scale_floor_minor is not None:
        due = min(due, max(Fraction(0), share - exact(terms.scale_floor_minor)))
    kept, commission = split_by_weight(share, [abs(share - due), abs(due)])
    return kept, commission


def _withholding(terms: CompensationTerms, party: Party, share: int, commission: int) -> int | None:
    rule = party.withholding or terms.withholding
    if rule is None:
        return None
    base = share if rule.base == "gross_share" else share - commission
    return half_up(base * exact(rule.rate))


def _convert(terms: CompensationTerms, event: UsageEvent, payees: list[Line]) -> list[Line]:
    """Pay in the payout currency through the clearing account; each currency balances alone.

    The sum is converted and rounded half-up once, then split as the lines stood.
    """
    payout = terms.payout_currency
    if not payees or payout is None or payout == terms.currency:
        return payees
    rate = terms.fx or event.fx
    if rate is None:
        raise EventIncomplete(
            f"{terms.currency} is paid out in {payout}; name the fx rate of the day"
        )
    digits = minor_digits(payout) - minor_digits(terms.currency)
    owed = -sum(line.amount_minor for line in payees)
    converted = half_up(owed * exact(rate) * Fraction(10) ** digits)
    amounts = split_by_weight(converted, [Fraction(abs(line.amount_minor)) for line in payees])
    return [
        Line("fx:clearing", terms.currency, -owed),
        Line("fx:clearing", payout, converted),
        *(
            Line(line.account, payout, -amount)
            for line, amount in zip(payees, amounts, strict=True)
        ),
    ]
