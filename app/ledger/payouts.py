"""Paying out what closed periods owe: ordered once, then settled or returned, in double entry.

    sent      payable -> in transit
    settled   in transit -> bank
    returned  in transit (or bank, once settled) -> payable: it is owed again, and open again

Ordering is sending: from then on the money is the order's, and a file of it can be made at any
time (`payments/transfer.py`). Money that is not funded waits, unless somebody is named who carries
the risk.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.language import _, ngettext
from app.ledger.books import Line
from app.ledger.errors import NothingToPay, PayoutNameTaken, PayoutNotFound, PayoutStands
from app.ledger.models_payouts import Payout, PayoutEvent, PayoutItem, PayoutOrder
from app.ledger.payables import OpenLine, open_lines
from app.ledger.receivables.payments import balance
from app.ledger.sources import post_source
from app.money import check_currency

IN_TRANSIT, BANK = "payouts:in_transit", "bank:clearing"
# What may become of a payout; the first is how it begins.
NEXT = {"": ("sent",), "sent": ("settled", "returned"), "settled": ("returned",), "returned": ()}
_LOCK = 0x7061796F7574  # "payout": PostgreSQL advisory lock, for one act on payouts at a time

# (account of a payee): the id of its bank details, or None.
PayTo = Callable[[str], str | None]


@dataclass
class Ordered:
    """An order, and who waits for what: account to reason."""

    order: PayoutOrder
    payouts: Sequence[Payout]
    waiting: dict[str, str] = field(default_factory=dict)
    is_new: bool = False


@dataclass(frozen=True)
class ToPay:
    """What one payee is to be paid now, and where to."""

    account: str
    details_id: str
    lines: Sequence[OpenLine]

    @property
    def amount_minor(self) -> int:
        return sum(line.amount_minor for line in self.lines)


def digest_of(due: Sequence[ToPay]) -> str:
    """Return a SHA-256 of who is to be paid what, where to, for which entries."""
    told = [
        f"{each.account} {each.details_id} {line.entry_id} {line.amount_minor}"
        for each in due
        for line in each.lines
    ]
    return hashlib.sha256("\n".join(sorted(told)).encode()).hexdigest()


def order_payouts(
    session: Session,
    *,
    name: str,
    currency: str,
    pay_to: PayTo,
    held: Mapping[str, str],
    risk_carrier: str = "",
    as_shown: str | None = None,
) -> Ordered:
    """Order a payout for every payee with something open, and post it as in transit.

    `held` names the entries that wait, and for what. The same name again is the first order,
    whatever has become open since. `as_shown` is the digest of what somebody was shown. Raises
    PayoutStands where it is another by now, NothingToPay where no payee can be paid, saying who
    waits for what, and PayoutNameTaken where the name ordered in another currency or at another's
    risk.
    """
    hold_still(session)
    first = session.exec(select(PayoutOrder).where(PayoutOrder.name == name)).first()
    if first is not None:
        if (first.currency, first.risk_carrier) != (currency, risk_carrier):
            raise PayoutNameTaken(
                f"{name!r} is {first.id}, in {first.currency}, at the risk of "
                f"{first.risk_carrier or 'nobody'}; give this order a name of its own"
            )
        return Ordered(first, payouts_of(session, first))
    due, waiting = plan_payouts(
        session, currency, pay_to=pay_to, held=held, at_risk=bool(risk_carrier)
    )
    if as_shown is not None and as_shown != digest_of(due):
        raise PayoutStands("what can be paid has changed since it was shown; look at it again")
    for each in due:
        owed = -balance(session, each.account, currency)
        if each.amount_minor > owed:
            raise PayoutStands(
                f"{each.account} is owed {owed} {currency} (minor units), and its open lines come "
                f"to {each.amount_minor}; nothing was ordered. Run `understudy ledger check`"
            )
    if not due:
        told = "; ".join(f"{account}: {why}" for account, why in waiting.items())
        raise NothingToPay(f"nobody can be paid in {currency} now: {told or 'nothing is open'}")
    order = PayoutOrder(name=name, currency=currency, risk_carrier=risk_carrier)
    session.add(order)
    session.flush()
    return Ordered(order, [_send(session, order, each) for each in due], waiting, is_new=True)


def plan_payouts(
    session: Session, currency: str, *, pay_to: PayTo, held: Mapping[str, str], at_risk: bool
) -> tuple[list[ToPay], dict[str, str]]:
    """Say who an order would pay what now, and who waits for what: account to reason, in words.

    Nothing is ordered. It reads every open line, as an order does.
    """
    due: list[ToPay] = []
    waiting: dict[str, str] = {}
    for account, listed in sorted(open_lines(session, check_currency(currency)).items()):
        every = [line for line in listed if line.entry_id not in held]
        payable = [line for line in every if line.funded or at_risk]
        details_id = pay_to(account)
        reasons = sorted({held[line.entry_id] for line in listed if line.entry_id in held})
        if len(payable) < len(every):
            number = len(every) - len(payable)
            reasons.append(
                ngettext(
                    "%(num)s entry waits for funded money",
                    "%(num)s entries wait for funded money",
                    number,
                )
            )
        if reasons:
            waiting[account] = "; ".join(reasons)
        if sum(line.amount_minor for line in payable) <= 0:
            waiting.setdefault(account, _("nothing is owed"))
        elif details_id is None:
            waiting[account] = _("names no bank account")
        else:
            due.append(ToPay(account, details_id, payable))
    return due, waiting


def _send(session: Session, order: PayoutOrder, due: ToPay) -> Payout:
    payout = Payout(
        order_id=order.id,
        account=due.account,
        currency=order.currency,
        amount_minor=due.amount_minor,
        details_id=due.details_id,
    )
    session.add(payout)
    session.flush()
    session.add_all(
        PayoutItem(
            payout_id=payout.id,
            entry_id=line.entry_id,
            account=due.account,
            attempt=line.attempt,
            amount_minor=line.amount_minor,
            funded=line.funded,
        )
        for line in due.lines
    )
    _happened(session, payout, [], "sent")
    return payout


def settle_payout(session: Session, payout_id: str, *, note: str = "") -> PayoutEvent:
    """Say that the bank paid it; again is the first. Raises PayoutNotFound, PayoutStands."""
    return _next(session, payout_id, "settled", note=note)


def return_payout(session: Session, payout_id: str, *, note: str) -> PayoutEvent:
    """Say that it came back, before or after it settled: it is owed again. As `settle_payout`."""
    return _next(session, payout_id, "returned", note=note)


def order_of(session: Session, named: str) -> PayoutOrder:
    """Return an order by its id, else by its name: no name hides an id. Raises PayoutNotFound."""
    either = select(PayoutOrder).where((PayoutOrder.id == named) | (PayoutOrder.name == named))
    found = session.exec(either.order_by(col(PayoutOrder.id) != named)).first()
    if found is None:
        raise PayoutNotFound(
            f"no order of payouts is {named[:64]}; `understudy payouts list` lists"
        )
    return found


def orders(session: Session, *, before: str = "", limit: int = 25) -> Sequence[PayoutOrder]:
    """List orders, newest first; `before` continues a list."""
    page = select(PayoutOrder).order_by(col(PayoutOrder.id).desc()).limit(limit)
    return session.exec(page.where(col(PayoutOrder.id) < before) if before else page).all()


def standing_of_each(
    session: Session, listed: Sequence[PayoutOrder]
) -> dict[str, dict[str, tuple[int, int]]]:
    """Say of each order how many payouts stand in which state, and their sum in minor units."""
    found: dict[str, dict[str, tuple[int, int]]] = {each.id: {} for each in listed}
    newest = (
        sa.select(sa.func.max(PayoutEvent.number))
        .where(col(PayoutEvent.payout_id) == col(Payout.id))
        .correlate(Payout)
        .scalar_subquery()
    )
    counted = (
        sa.select(
            col(Payout.order_id),
            col(PayoutEvent.state),
            sa.func.count(),
            sa.func.sum(Payout.amount_minor),
        )
        .join(
            PayoutEvent,
            (col(PayoutEvent.payout_id) == col(Payout.id)) & (col(PayoutEvent.number) == newest),
        )
        .where(col(Payout.order_id).in_(found))
        .group_by(col(Payout.order_id), col(PayoutEvent.state))
    )
    for order_id, state, number, minor in session.execute(counted):
        found[order_id][state] = (number, int(minor))
    return found


def payouts_of(
    session: Session, order: PayoutOrder, *, after: str = "", limit: int | None = None
) -> Sequence[Payout]:
    """List the payouts of an order, in the order of their ids; `after` continues a list."""
    theirs = select(Payout).where(Payout.order_id == order.id, col(Payout.id) > after)
    return session.exec(theirs.order_by(col(Payout.id)).limit(limit)).all()


def under_way(session: Session, order: PayoutOrder) -> Sequence[Payout]:
    """List the payouts of an order that neither settled nor came back, by their ids."""
    ended = sa.exists().where(
        col(PayoutEvent.payout_id) == col(Payout.id), col(PayoutEvent.state) != "sent"
    )
    theirs = select(Payout).where(Payout.order_id == order.id, ~ended)
    return session.exec(theirs.order_by(col(Payout.id))).all()


def events_of(session: Session, payout_id: str) -> Sequence[PayoutEvent]:
    """List what became of a payout, oldest first."""
    theirs = select(PayoutEvent).where(PayoutEvent.payout_id == payout_id)
    return session.exec(
        theirs.order_by(col(PayoutEvent.number)).execution_options(populate_existing=True)
    ).all()


def events_of_each(session: Session, payouts: Sequence[Payout]) -> dict[str, list[PayoutEvent]]:
    """List what became of each of these payouts, oldest first, in one query: by their ids."""
    found: dict[str, list[PayoutEvent]] = {each.id: [] for each in payouts}
    theirs = select(PayoutEvent).where(col(PayoutEvent.payout_id).in_(found))
    for event in session.exec(theirs.order_by(col(PayoutEvent.number))):
        found[event.payout_id].append(event)
    return found


def items_of(session: Session, payout_id: str) -> Sequence[PayoutItem]:
    """List what a payout pays, by entry."""
    theirs = select(PayoutItem).where(PayoutItem.payout_id == payout_id)
    return session.exec(theirs.order_by(col(PayoutItem.entry_id))).all()


def reckon(session: Session, event_id: str) -> tuple[Line, ...] | None:
    """Return the lines a payout's event comes to; None where there is none. For `ledger check`."""
    event = session.get(PayoutEvent, event_id, populate_existing=True)
    payout = session.get(Payout, event.payout_id, populate_existing=True) if event else None
    if event is None or payout is None:
        return None
    before = [each.state for each in events_of(session, payout.id) if each.number < event.number]
    return _lines(payout, before, event.state)


def hold_still(session: Session) -> None:
    """Keep other acts on payouts away until this commits; SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def _next(session: Session, payout_id: str, state: str, *, note: str) -> PayoutEvent:
    hold_still(session)
    payout = session.get(Payout, payout_id)
    if payout is None:
        raise PayoutNotFound(f"no payout has the id {payout_id[:64]}")
    events = events_of(session, payout.id)
    if events[-1].state == state:
        return events[-1]
    if state not in NEXT[events[-1].state]:
        raise PayoutStands(
            f"{payout.id} is {events[-1].state} and cannot be {state} any more; what came back is "
            "owed again, and goes into the next order"
        )
    return _happened(session, payout, [each.state for each in events], state, note=note)


def _happened(
    session: Session, payout: Payout, before: Sequence[str], state: str, *, note: str = ""
) -> PayoutEvent:
    event = PayoutEvent(payout_id=payout.id, number=len(before) + 1, state=state, note=note)
    session.add(event)
    session.flush()
    post_source(session, "payout", event.id, _lines(payout, before, state))
    return event


def _lines(payout: Payout, before: Sequence[str], state: str) -> tuple[Line, ...]:
    """Move the money from where it is: debit positive."""
    stands = BANK if before and before[-1] == "settled" else IN_TRANSIT
    debit, credit = {
        "sent": (payout.account, IN_TRANSIT),
        "settled": (IN_TRANSIT, BANK),
        "returned": (stands, payout.account),
    }[state]
    return (
        Line(debit, payout.currency, payout.amount_minor),
        Line(credit, payout.currency, -payout.amount_minor),
    )
