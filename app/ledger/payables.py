"""What is open on payees' accounts, and which of it received money covers.

An open line is what one entry moved on a payee's account and no standing payout pays: what a use
earned, and what a self-bill added as tax or took off as withholding. What is owed is open once its
period is closed; what was taken back counts at once, unless what it corrects is not open yet.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session, col

from app.ledger.funding import funded
from app.ledger.models import JournalEntry, Posting, RecordedUse
from app.ledger.models_payouts import Payout, PayoutEvent, PayoutItem
from app.ledger.models_periods import PeriodEntry
from app.ledger.receivables.models import InvoiceLine

PAYEES = ("performer:%:payable", "agent:%:payable")
_INVOICE = "invoice:"


@dataclass(frozen=True, slots=True)
class OpenLine:
    """Minor units owed to a payee (negative: taken back) by one entry.

    `attempt` is which payout of this line the next one would be, from 1.
    """

    entry_id: str
    amount_minor: int
    funded: bool
    attempt: int


def open_lines(
    session: Session, currency: str, *, accounts: Collection[str] | None = None
) -> dict[str, list[OpenLine]]:
    """Return what is open in a currency, by account; what is taken back needs no funds.

    Of every payee, or of these `accounts` alone.
    """
    query = _query(currency)
    if accounts is not None:
        query = query.where(col(Posting.account).in_(accounts))
    found = session.execute(query).all()
    paid = _funded(session, {entry_id: source for _, entry_id, source, _, _ in found})
    lines: dict[str, list[OpenLine]] = defaultdict(list)
    for account, entry_id, _, minor, payouts in found:
        is_funded = minor < 0 or entry_id in paid
        lines[account].append(OpenLine(entry_id, int(minor), is_funded, payouts + 1))
    return lines


def _query(currency: str) -> sa.Select[tuple[str, str, str | None, int, int]]:
    """Select account, entry, its source, minor units owed, and how many payouts paid it before."""
    same = (
        col(PayoutItem.entry_id) == col(Posting.entry_id),
        col(PayoutItem.account) == col(Posting.account),
    )
    came_back = sa.exists().where(
        col(PayoutEvent.payout_id) == col(PayoutItem.payout_id),
        col(PayoutEvent.state) == "returned",
    )
    stands = (
        sa.select(col(PayoutItem.entry_id))
        .join(Payout, col(Payout.id) == col(PayoutItem.payout_id))
        .where(*same, col(Payout.currency) == col(Posting.currency), ~came_back)
        .correlate(Posting)
        .exists()
    )
    before = (
        sa.select(sa.func.count())
        .select_from(PayoutItem)
        .where(*same)
        .correlate(Posting)
        .scalar_subquery()
    )
    corrects, earlier = (sa.inspect(RecordedUse).local_table.alias(name) for name in ("c", "e"))
    first = sa.inspect(JournalEntry).local_table.alias("first")
    corrects_later = (  # something that is in no closed period either
        sa.select(sa.literal(1))
        .select_from(corrects)
        .join(
            earlier,
            (earlier.c.contract_id == corrects.c.contract_id)
            & (earlier.c.number == corrects.c.corrects_number),
        )
        .join(first, first.c.usage_event_id == earlier.c.id)
        .where(
            corrects.c.id == col(JournalEntry.usage_event_id),
            ~sa.exists().where(col(PeriodEntry.entry_id) == first.c.id),
        )
        .correlate(JournalEntry)
        .exists()
    )
    closed = col(PeriodEntry.period_id).is_not(None)
    owed = -sa.func.sum(Posting.amount_minor)
    columns = (col(Posting.account), col(Posting.entry_id), col(JournalEntry.source))
    return (
        sa.select(*columns, owed, before)
        .join(JournalEntry, col(JournalEntry.id) == col(Posting.entry_id))
        .outerjoin(PeriodEntry, col(PeriodEntry.entry_id) == col(Posting.entry_id))
        .where(
            col(Posting.currency) == currency,
            sa.or_(*(col(Posting.account).like(payee) for payee in PAYEES)),
            col(JournalEntry.source).is_(None) | ~col(JournalEntry.source).startswith("payout:"),
            ~stands,
            closed | ~corrects_later,
        )
        .group_by(*columns, col(PeriodEntry.period_id))
        .having((owed < 0) | ((owed > 0) & closed))
        .order_by(*columns)
    )


def _funded(session: Session, sources: dict[str, str | None]) -> Collection[str]:
    """Name the entries that received money covers; a self-bill is when all that it bills is."""
    bills = {
        entry_id: source.removeprefix(_INVOICE)
        for entry_id, source in sources.items()
        if source is not None and source.startswith(_INVOICE)
    }
    billed = _billed(session, bills.values())
    uses = set(sources) - set(bills)
    paid = funded(session, uses.union(*billed.values()))
    whole = {
        entry_id
        for entry_id, invoice_id in bills.items()
        if billed.get(invoice_id) and paid.issuperset(billed[invoice_id])
    }
    return whole | (uses & paid)


def _billed(session: Session, invoice_ids: Collection[str]) -> dict[str, Sequence[str]]:
    lines = session.execute(
        sa.select(col(InvoiceLine.invoice_id), col(InvoiceLine.entry_id)).where(
            col(InvoiceLine.invoice_id).in_(invoice_ids)
        )
    )
    billed: dict[str, list[str]] = defaultdict(list)
    for invoice_id, entry_id in lines:
        billed[invoice_id].append(entry_id)
    return dict(billed)
