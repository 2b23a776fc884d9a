"""What is spent of each project and each contract, day by day: kept as holds come and go.

A hold counts from when it is placed until it is voided or expires; once captured it counts for
good. Whoever writes holds says here what that adds, in the same transaction.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlmodel import Session, col, select

from app.ledger.models import Hold, Spending
from app.statements import Statement

COUNTED = ("placed", "captured")  # holds that cost, or will


class Place(NamedTuple):
    """Where something is spent: a project's or a contract's row of one day. Locked in this order.

    A project's row, which names no contract, comes before those of contracts.
    """

    contract_id: str
    project: str
    organization_id: str
    currency: str
    day: date


class Amount(NamedTuple):
    """What is spent: minor units, and microseconds."""

    amount_minor: int = 0
    length_us: int = 0

    def plus(self, other: "Amount") -> "Amount":
        """Return both together."""
        return Amount(self.amount_minor + other.amount_minor, self.length_us + other.length_us)


def add(session: Session, holds: Iterable[Hold], *, sign: int = 1) -> None:
    """Count holds that were just placed, or with `sign=-1` that just ended."""
    _write(session, {place: sum_ for place, sum_ in _sums(holds, sign=sign).items() if any(sum_)})


def add_money(session: Session, hold: Hold, amount_minor: int) -> None:
    """Count so much more money that a hold holds by now."""
    _write(session, dict.fromkeys((place for place, _ in _shares(hold)), Amount(amount_minor)))


def first_difference(session: Session) -> str | None:
    """Reckon everything that is spent from the holds again; say where another amount is kept."""
    counted = select(Hold).where(col(Hold.state).in_(COUNTED))
    found = session.exec(counted.execution_options(yield_per=1000, populate_existing=True))
    wanted = _sums(found)
    kept = {
        Place(each.contract_id, each.project, each.organization_id, each.currency, each.day): (
            Amount(each.amount_minor, each.length_us)
        )
        for each in session.exec(select(Spending).execution_options(populate_existing=True))
    }
    for place in sorted({*wanted, *kept}):
        is_, should = kept.get(place, Amount()), wanted.get(place, Amount())
        if is_ != should:
            return (
                f"spending of {place.organization_id} on {place.day} for "
                f"{place.contract_id or f'project {place.project}'}: holds come to "
                f"{should.amount_minor} {place.currency} and {should.length_us} us; stored is "
                f"{is_.amount_minor} and {is_.length_us} us"
            )
    return None


def _sums(holds: Iterable[Hold], *, sign: int = 1) -> dict[Place, Amount]:
    sums: dict[Place, Amount] = defaultdict(Amount)
    for hold in holds:
        for place, share in _shares(hold):
            signed = Amount(sign * share.amount_minor, sign * share.length_us)
            sums[place] = sums[place].plus(signed)
    return sums


def _shares(hold: Hold) -> Iterable[tuple[Place, Amount]]:
    """Say where a hold counts, and what there: for its project, if it has one, and its contract."""
    of = (hold.organization_id, hold.currency, hold.placed_at.date())
    if hold.project:
        yield Place("", hold.project, *of), Amount(hold.amount_minor, hold.project_us)
    yield Place(hold.contract_id, "", *of), Amount(hold.amount_minor, hold.length_us)


def _write(session: Session, sums: dict[Place, Amount]) -> None:
    """Add to the rows in one order, so that no two transactions wait for each other."""
    for place in sorted(sums):
        _ADD.run(session.connection(), **place._asdict(), **sums[place]._asdict())


_ROW = postgresql.insert(Spending).values(  # both databases spell this alike
    {each.name: sa.bindparam(each.name) for each in sa.inspect(Spending).columns}
)
_ADD = Statement(
    _ROW.on_conflict_do_update(
        index_elements=list(sa.inspect(Spending).primary_key),
        set_={
            name: sa.inspect(Spending).columns[name] + _ROW.excluded[name]
            for name in Amount._fields
        },
    )
)
