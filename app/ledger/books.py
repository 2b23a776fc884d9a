"""What a sequence of events has come to so far: the postings of each, and running totals."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from app.ledger.errors import EntryUnbalanced

Effects = Mapping[str, Fraction]


@dataclass(frozen=True)
class Line:
    """One line of an entry; debit positive, credit negative, in minor units of the currency."""

    account: str
    currency: str
    amount_minor: int


@dataclass(frozen=True)
class Posted:
    """What an event posted that still stands (after refunds), and what it did to the totals."""

    lines: tuple[Line, ...]
    effects: Effects
    standing: bool = True


@dataclass(frozen=True)
class RoyaltyState:
    """Everything earlier events decide about the next one, under one contract.

    `totals` are exact running sums by name; `posted` has the events that a correction may name,
    by their number; `seen` the ids of events, which post once.
    """

    totals: Effects = field(default_factory=dict)
    posted: Mapping[int, Posted] = field(default_factory=dict)
    number: int = 0
    seen: frozenset[str] = frozenset()

    def total(self, name: str) -> Fraction:
        return self.totals.get(name, Fraction(0))

    def after(self, posted: Posted, event_id: str | None = None) -> "RoyaltyState":
        """Return the state once this has been posted as the next event."""
        return replace(
            self,
            totals=add(self.totals, posted.effects),
            posted={**self.posted, self.number: posted},
            number=self.number + 1,
            seen=self.seen | ({event_id} if event_id else frozenset()),
        )

    def skip(self) -> "RoyaltyState":
        """Return the state after an event that changed nothing; it keeps its number."""
        return replace(self, number=self.number + 1)


def add(one: Effects, other: Effects) -> dict[str, Fraction]:
    """Add two sets of named amounts; what comes to zero is left out."""
    sums = dict(one)
    for name, amount in other.items():
        sums[name] = sums[name] + amount if name in sums else amount
    return {name: amount for name, amount in sums.items() if amount}


def difference(after: Effects, before: Effects) -> dict[str, Fraction]:
    """Return what was added to `before` to come to `after`; what did not change is left out."""
    changed = {
        name: amount - before[name] if name in before else amount
        for name, amount in after.items()
        if amount != before.get(name)
    }
    return changed | {name: -amount for name, amount in before.items() if name not in after}


def negate(effects: Effects) -> dict[str, Fraction]:
    """Return what undoes these effects."""
    return {name: -amount for name, amount in effects.items()}


def merge(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Sum the lines of each account and currency, in order of first mention."""
    sums: dict[tuple[str, str], int] = {}
    for line in lines:
        place = (line.account, line.currency)
        sums[place] = sums.get(place, 0) + line.amount_minor
    return tuple(Line(account, currency, amount) for (account, currency), amount in sums.items())


def check_balanced(lines: Iterable[Line]) -> None:
    """Do nothing when the lines sum to zero per currency, else raise EntryUnbalanced."""
    sums: dict[str, int] = {}
    for line in lines:
        sums[line.currency] = sums.get(line.currency, 0) + line.amount_minor
    wrong = {currency: amount for currency, amount in sums.items() if amount}
    if wrong:
        raise EntryUnbalanced(f"an entry came to {wrong} instead of zero; nothing was posted")
