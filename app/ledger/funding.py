"""Whose money is there: what a licensee may still spend, and which entries received money covers.

Only the bank brings money. A hold needs prepaid money or credit the operator approved; a payout
waits for money that was received, or names who carries the risk.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import clock
from app.ledger.errors import FundsLacking
from app.ledger.models import Hold, JournalEntry, Posting, RecordedUse
from app.ledger.receivables.credit import credit_of
from app.ledger.receivables.invoices import RECEIVABLE
from app.ledger.receivables.models import ContractLicensee, Funds, Invoice, InvoiceLine
from app.ledger.receivables.payments import (
    balance,
    invoiced_account,
    lock_funds,
    prepaid,
    prepaid_account,
)
from app.ledger.splits import split_by_weight
from app.money import format_minor


@dataclass(frozen=True)
class Standing:
    """Where a licensee's money stands in one currency, in minor units."""

    currency: str
    prepaid_minor: int
    credit_minor: int
    invoiced_minor: int  # and not paid
    unbilled_minor: int  # used, and not invoiced
    held_minor: int

    @property
    def available_minor(self) -> int:
        """What may still be held; negative where more is owed than was ever granted."""
        granted = self.prepaid_minor + self.credit_minor
        return granted - self.invoiced_minor - self.unbilled_minor - self.held_minor


def available(session: Session, organization_id: str, currency: str) -> int:
    """Return what a licensee may still spend: prepaid money and credit less what is bound."""
    return standing_of(session, organization_id, currency).available_minor


def standing_of(session: Session, organization_id: str, currency: str) -> Standing:
    """Reckon where a licensee's money stands, from postings, invoices and holds alone."""
    return Standing(
        currency=currency,
        prepaid_minor=prepaid(session, organization_id, currency),
        credit_minor=credit_of(session, organization_id, currency),
        invoiced_minor=balance(session, invoiced_account(organization_id), currency),
        unbilled_minor=_unbilled(session, organization_id, currency),
        held_minor=_held(session, organization_id, currency),
    )


def standings_of(session: Session, organization_id: str) -> list[Standing]:
    """Say where a licensee's money stands in each currency it ever had money or credit in."""
    currencies = session.exec(
        select(Funds.currency)
        .where(Funds.organization_id == organization_id)
        .order_by(col(Funds.currency))
    ).all()
    return [standing_of(session, organization_id, currency) for currency in currencies]


def require(session: Session, organization_id: str, currency: str, amount_minor: int) -> None:
    """Do nothing where a licensee may spend this much more; keep others from it until commit.

    Raises FundsLacking, which says what is there and what to do. Nothing is asked where nothing is
    to be held.
    """
    if amount_minor <= 0:
        return
    lock_funds(session, organization_id, currency)
    stands = standing_of(session, organization_id, currency)
    if amount_minor <= stands.available_minor:
        return
    shown = {
        name: format_minor(minor, currency)
        for name, minor in (
            ("needed", amount_minor),
            ("left", stands.available_minor),
            ("prepaid", stands.prepaid_minor),
            ("credit", stands.credit_minor),
            ("owed", stands.invoiced_minor + stands.unbilled_minor),
            ("held", stands.held_minor),
        )
    }
    raise FundsLacking(
        f"this needs {shown['needed']} and {organization_id} may spend {shown['left']} "
        f"({shown['prepaid']} prepaid, {shown['credit']} credit; {shown['owed']} owed, "
        f"{shown['held']} held). Pay in or pay an open invoice (GET /v1/funds names the "
        "reference), or ask the operator for credit "
        f"(`understudy credit approve {organization_id} --amount …`)",
        currency=currency,
        needed_minor=amount_minor,
        available_minor=stands.available_minor,
    )


def received(session: Session, organization_id: str, currency: str) -> int:
    """Return what the bank received from a licensee, in minor units."""
    total = sa.func.coalesce(sa.func.sum(Posting.amount_minor), 0)
    query = (
        select(total)
        .join(JournalEntry, col(JournalEntry.id) == col(Posting.entry_id))
        .where(
            Posting.account == prepaid_account(organization_id),
            Posting.currency == currency,
            col(JournalEntry.source).startswith("receipt-assignment:"),
        )
    )
    return -int(session.exec(query).one())


def funded(session: Session, entry_ids: Collection[str]) -> frozenset[str]:
    """Name those of these entries that received money covers: oldest first, nothing in part.

    Each licensee's money in each currency goes towards its own charges in the order they were
    posted, with the tax they were invoiced for. An entry and its corrections are one charge. What
    charges nobody anything needs no money. An entry without a known licensee is not covered.
    """
    wanted = set(entry_ids)
    covered: set[str] = set()
    for organization_id, currency in _payers(session, wanted):
        left = received(session, organization_id, currency)
        blocked = False
        for charge in _charges(session, organization_id, currency):
            blocked = blocked or charge.needs_minor > left
            if charge.needs_minor <= 0 or not blocked:
                covered |= wanted & charge.entry_ids
                left -= max(0, charge.needs_minor)
    return frozenset(covered)


@dataclass
class _Charge:
    """A use and its corrections, and the money they come to with tax."""

    entry_ids: set[str]
    needs_minor: int


def _payers(session: Session, entry_ids: Collection[str]) -> Iterable[tuple[str, str]]:
    found = session.execute(
        sa.select(ContractLicensee.organization_id, Posting.currency)  # type: ignore[call-overload]
        .join(JournalEntry, col(JournalEntry.contract_id) == col(ContractLicensee.contract_id))
        .join(Posting, col(Posting.entry_id) == col(JournalEntry.id))
        .where(
            col(JournalEntry.id).in_(entry_ids),
            col(JournalEntry.usage_event_id).is_not(None),
            Posting.account == RECEIVABLE,
        )
        .distinct()
        .order_by(ContractLicensee.organization_id, Posting.currency)
    )
    return [(organization_id, currency) for organization_id, currency in found]


def _charges(session: Session, organization_id: str, currency: str) -> Iterable[_Charge]:
    """List a licensee's charges, oldest first."""
    taxes = _taxes(session, organization_id, currency)
    found = session.execute(
        sa.select(  # type: ignore[call-overload]
            JournalEntry.id,
            RecordedUse.contract_id,
            RecordedUse.number,
            RecordedUse.corrects_number,
            Posting.amount_minor,
        )
        .join(RecordedUse, col(RecordedUse.id) == col(JournalEntry.usage_event_id))
        .join(Posting, col(Posting.entry_id) == col(JournalEntry.id))
        .join(ContractLicensee, col(ContractLicensee.contract_id) == col(JournalEntry.contract_id))
        .where(
            ContractLicensee.organization_id == organization_id,
            Posting.account == RECEIVABLE,
            Posting.currency == currency,
        )
        .order_by(col(JournalEntry.posted_at), col(JournalEntry.id))
    )
    charges: dict[tuple[str, int], _Charge] = {}
    for entry_id, contract_id, number, corrects, minor in found:
        place = (contract_id, number if corrects is None else corrects)
        charge = charges.setdefault(place, _Charge(set(), 0))
        charge.entry_ids.add(entry_id)
        charge.needs_minor += int(minor) + taxes.get(entry_id, 0)
    return charges.values()


def _taxes(session: Session, organization_id: str, currency: str) -> dict[str, int]:
    """Say how much tax each entry bears on the invoices that stand: by largest remainder."""
    found = session.execute(
        sa.select(Invoice.id, Invoice.tax_minor, InvoiceLine.entry_id, InvoiceLine.net_minor)  # type: ignore[call-overload]
        .join(InvoiceLine, col(InvoiceLine.invoice_id) == col(Invoice.id))
        .where(
            Invoice.customer_id == organization_id,
            Invoice.currency == currency,
            Invoice.tax_minor != 0,
        )
        .order_by(Invoice.id, InvoiceLine.line)
    )
    invoices: dict[tuple[str, int], list[tuple[str, int]]] = {}
    for id_, tax_minor, entry_id, net_minor in found:
        invoices.setdefault((id_, int(tax_minor)), []).append((entry_id, int(net_minor)))
    taxes: dict[str, int] = {}
    for (_, tax_minor), lines in invoices.items():
        net = sum(minor for _, minor in lines)
        shares = [Fraction(max(0, minor * (1 if net > 0 else -1))) for _, minor in lines]
        for (entry_id, _), tax in zip(lines, split_by_weight(tax_minor, shares), strict=True):
            taxes[entry_id] = taxes.get(entry_id, 0) + tax
    return taxes


def _unbilled(session: Session, organization_id: str, currency: str) -> int:
    """What was charged under all contracts of a licensee, less what was invoiced of it."""
    total = sa.func.coalesce(sa.func.sum(Posting.amount_minor), 0)
    charged = (
        select(total)
        .select_from(ContractLicensee)
        .join(JournalEntry, col(JournalEntry.contract_id) == col(ContractLicensee.contract_id))
        .join(Posting, col(Posting.entry_id) == col(JournalEntry.id))
        .where(
            ContractLicensee.organization_id == organization_id,
            Posting.account == RECEIVABLE,
            Posting.currency == currency,
        )
    )
    invoiced = select(sa.func.coalesce(sa.func.sum(Invoice.net_minor), 0)).where(
        Invoice.customer_id == organization_id, Invoice.currency == currency
    )
    return int(session.exec(charged).one()) - int(session.exec(invoiced).one())


def _held(session: Session, organization_id: str, currency: str) -> int:
    now: datetime = clock.now()
    query = (
        select(sa.func.coalesce(sa.func.sum(Hold.amount_minor), 0))
        .join(ContractLicensee, col(ContractLicensee.contract_id) == col(Hold.contract_id))
        .where(
            ContractLicensee.organization_id == organization_id,
            Hold.currency == currency,
            Hold.state == "placed",
            Hold.expires_at > now,
        )
    )
    return int(session.exec(query).one())
