"""Corrections negate what was posted, whole or in part; they never reckon anew."""

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from app.ledger.books import Effects, Line, Posted, RoyaltyState, add, negate
from app.ledger.errors import NothingToCorrect, RefundExceedsCharge
from app.ledger.splits import half_up, split_by_weight


def reverse(state: RoyaltyState, number: int) -> tuple[tuple[Line, ...], RoyaltyState]:
    """Negate every line of event `number` that still stands, and its effect on the totals."""
    posted = _standing(state, number)
    lines = tuple(replace(line, amount_minor=-line.amount_minor) for line in posted.lines)
    return lines, _corrected(state, number, lines, negate(posted.effects), standing=False)


def refund(
    state: RoyaltyState, number: int, amount_minor: int
) -> tuple[tuple[Line, ...], RoyaltyState]:
    """Give the licensee back part of event `number`, every line in proportion to what is left.

    Largest remainder, ties by listing; so the last refund takes exactly what is left. A refund
    returns money: volumes, caps and guarantees stand as they were.
    """
    posted = _standing(state, number)
    left = sum(line.amount_minor for line in posted.lines if line.account == "licensee:receivable")
    if amount_minor > left:
        raise RefundExceedsCharge(
            f"{amount_minor} minor units are to be refunded and {max(0, left)} are still charged"
        )
    portion = Fraction(amount_minor, left)
    back: dict[int, int] = {}
    for group in _groups(posted.lines):
        back |= _portion_of(posted.lines, group, portion)
    lines = tuple(
        replace(line, amount_minor=back[place]) for place, line in enumerate(posted.lines)
    )
    effects = add(_unrecouped(posted, lines), _drafted(posted, portion))
    return lines, _corrected(state, number, lines, effects, standing=True)


def _standing(state: RoyaltyState, number: int) -> Posted:
    posted = state.posted.get(number)
    if posted is None or not posted.standing:
        raise NothingToCorrect(f"event {number} has nothing posted that still stands")
    return posted


def _corrected(
    state: RoyaltyState,
    number: int,
    lines: Iterable[Line],
    effects: Effects,
    *,
    standing: bool,
) -> RoyaltyState:
    """Take the correction off what event `number` has standing; a correction stands for ever."""
    posted = state.posted[number]
    left = tuple(
        replace(line, amount_minor=line.amount_minor + correction.amount_minor)
        for line, correction in zip(posted.lines, lines, strict=True)
    )
    after = state.after(Posted((), effects, standing=False))
    rest = Posted(left, add(posted.effects, effects), standing)
    return replace(after, posted={**after.posted, number: rest})


def _groups(lines: tuple[Line, ...]) -> list[list[int]]:
    """Places of the lines that balance among themselves: each currency, memo lines apart."""
    groups: dict[tuple[bool, str], list[int]] = {}
    for place, line in enumerate(lines):
        groups.setdefault((line.account.startswith("memo:"), line.currency), []).append(place)
    return list(groups.values())


def _portion_of(lines: tuple[Line, ...], group: list[int], portion: Fraction) -> dict[int, int]:
    debits = [max(0, lines[place].amount_minor) for place in group]
    credit = [max(0, -lines[place].amount_minor) for place in group]
    total = half_up(sum(debits) * portion)
    given = split_by_weight(total, [Fraction(amount) for amount in debits])
    taken = split_by_weight(total, [Fraction(amount) for amount in credit])
    return {place: minus - plus for place, plus, minus in zip(group, given, taken, strict=True)}


def _unrecouped(posted: Posted, lines: tuple[Line, ...]) -> Effects:
    """An advance given back is no longer to be recouped, and the other way round."""
    name = next((name for name in posted.effects if name.startswith("unrecouped:")), None)
    change = sum(line.amount_minor for line in lines if line.account == "memo:unrecouped")
    return {name: Fraction(change)} if name and change else {}


def _drafted(posted: Posted, portion: Fraction) -> Effects:
    """What is given back of a draft is not credited once more when a take is chosen."""
    spent = {
        name: amount
        for name, amount in posted.effects.items()
        if name.startswith("drafted:") and amount > 0
    }
    return {name: -amount * portion for name, amount in spent.items()}
