"""Prepaid money of a licensee, what of it goes towards its open invoices, and what comes back."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel, col, select

from app.ledger.books import Line
from app.ledger.models import Posting
from app.ledger.receivables.models import (
    ContractLicensee,
    Funds,
    Invoice,
    InvoicePayment,
    OpenInvoice,
    OpenInvoiceContract,
)
from app.ledger.sources import post_source


def lock_funds(session: Session, organization_id: str, currency: str) -> None:
    """Keep others from committing this licensee's money in this currency until this commits.

    Nothing else waits here: not captures, not other licensees, not other currencies.
    """
    ensure(session, Funds, organization_id=organization_id, currency=currency)
    session.get_one(Funds, (organization_id, currency), with_for_update=True)


def charge_to(session: Session, contract_id: str, organization_id: str) -> None:
    """Record who pays for what is used under a contract; the first answer stands."""
    if session.get(ContractLicensee, contract_id) is None:
        ensure(session, ContractLicensee, contract_id=contract_id, organization_id=organization_id)


def prepaid(session: Session, organization_id: str, currency: str) -> int:
    """Return what a licensee has paid in and not spent on invoices, in minor units."""
    return -balance(session, prepaid_account(organization_id), currency)


def balance(session: Session, account: str, currency: str) -> int:
    """Sum the postings of one account in one currency, debit positive."""
    total = sa.func.coalesce(sa.func.sum(Posting.amount_minor), 0)
    query = select(total).where(Posting.account == account, Posting.currency == currency)
    return int(session.exec(query).one())


def pay_open(
    session: Session, organization_id: str, currency: str, *, first: str | None = None
) -> list[InvoicePayment]:
    """Put prepaid money towards open invoices, oldest first; `first` names one to begin with.

    Call it under `lock_funds`.
    """
    left = prepaid(session, organization_id, currency)
    owed = session.exec(
        select(OpenInvoice)
        .where(OpenInvoice.organization_id == organization_id, OpenInvoice.currency == currency)
        .order_by(
            sa.case((col(OpenInvoice.invoice_id) == (first or ""), 0), else_=1),
            col(OpenInvoice.due_at),
            col(OpenInvoice.invoice_id),
        )
    ).all()
    paid = []
    for invoice in owed:
        if left <= 0:
            break
        amount = min(left, invoice.outstanding_minor)
        paid.append(_pay(session, invoice, amount))
        left -= amount
    return paid


def reopen(
    session: Session, organization_id: str, currency: str, *, first: str | None = None
) -> list[InvoicePayment]:
    """Take back from paid invoices what the licensee's prepaid money lacks; they are open again.

    For money that the bank took back. Begins with `first`, then with those that fell due last: an
    old invoice stays paid. One that was credited stays settled. Each is due when it was. Call it
    under `lock_funds`.
    """
    lacking = -prepaid(session, organization_id, currency)
    taken = []
    for invoice, paid_minor in _paid(session, organization_id, currency, first or ""):
        if lacking <= 0:
            break
        amount = min(lacking, paid_minor)
        taken.append(_take_back(session, invoice, amount))
        lacking -= amount
    return taken


def _paid(
    session: Session, organization_id: str, currency: str, first: str
) -> Sequence[tuple[Invoice, int]]:
    """List a licensee's invoices that something was paid on, and how much."""
    paid = sa.func.sum(InvoicePayment.amount_minor)
    credit = sa.inspect(Invoice).local_table.alias("credit")
    found = session.execute(
        sa.select(col(Invoice.id), paid)
        .join(InvoicePayment, col(InvoicePayment.invoice_id) == col(Invoice.id))
        .where(
            col(Invoice.customer_id) == organization_id,
            col(Invoice.currency) == currency,
            ~sa.exists().where(credit.c.corrects_id == col(Invoice.id)),
        )
        .group_by(col(Invoice.id), col(Invoice.due_at))
        .having(paid > 0)
        .order_by(
            sa.case((col(Invoice.id) == first, 0), else_=1),
            col(Invoice.due_at).desc(),
            col(Invoice.id).desc(),
        )
    )
    return [(session.get_one(Invoice, id_), int(minor)) for id_, minor in found]


def _take_back(session: Session, invoice: Invoice, amount_minor: int) -> InvoicePayment:
    payment = InvoicePayment(invoice_id=invoice.id, amount_minor=-amount_minor)
    session.add(payment)
    still_open = session.get(OpenInvoice, invoice.id)
    still_open = still_open or open_invoice(session, invoice, outstanding_minor=0)
    still_open.outstanding_minor += amount_minor
    session.add(still_open)
    session.flush()
    post_source(session, "payment", payment.id, payment_lines(session, payment.id) or ())
    return payment


def open_invoice(session: Session, invoice: Invoice, *, outstanding_minor: int) -> OpenInvoice:
    """Keep an invoice as open, and the contracts it charges under; not flushed yet."""
    assert invoice.due_at is not None  # noqa: S101 -- what is billed to a licensee falls due
    for contract_id in billed_contracts(invoice.document):
        session.add(
            OpenInvoiceContract(
                contract_id=contract_id, invoice_id=invoice.id, due_at=invoice.due_at
            )
        )
    return OpenInvoice(
        invoice_id=invoice.id,
        organization_id=invoice.customer_id,
        currency=invoice.currency,
        outstanding_minor=outstanding_minor,
        due_at=invoice.due_at,
    )


def billed_contracts(document: dict[str, Any]) -> list[str]:
    """Name the contracts under which an invoice charges something, refunds taken off."""
    net: dict[str, int] = {}
    for line in document["lines"]:
        net[line["contract_id"]] = net.get(line["contract_id"], 0) + line["net_minor"]
    return sorted(contract_id for contract_id, minor in net.items() if minor > 0)


def _pay(session: Session, invoice: OpenInvoice, amount_minor: int) -> InvoicePayment:
    payment = InvoicePayment(invoice_id=invoice.invoice_id, amount_minor=amount_minor)
    session.add(payment)
    if amount_minor == invoice.outstanding_minor:
        session.execute(
            sa.delete(OpenInvoiceContract).where(
                col(OpenInvoiceContract.invoice_id) == invoice.invoice_id
            )
        )
        session.delete(invoice)
    else:
        invoice.outstanding_minor -= amount_minor
        session.add(invoice)
    session.flush()
    lines = payment_lines(session, payment.id) or ()
    post_source(session, "payment", payment.id, lines)
    return payment


def payment_lines(session: Session, payment_id: str) -> tuple[Line, ...] | None:
    """Reckon the entry of a payment: out of what was prepaid, off what was invoiced, or back."""
    payment = session.get(InvoicePayment, payment_id, populate_existing=True)
    if payment is None:
        return None
    invoice = session.get_one(Invoice, payment.invoice_id)
    return (
        Line(prepaid_account(invoice.customer_id), invoice.currency, payment.amount_minor),
        Line(invoiced_account(invoice.customer_id), invoice.currency, -payment.amount_minor),
    )


def prepaid_account(organization_id: str) -> str:
    """Name the account of what a licensee paid in and may still spend: owed to it."""
    return f"licensee:{organization_id}:prepaid"


def invoiced_account(organization_id: str) -> str:
    """Name the account of what a licensee was invoiced and has not paid."""
    return f"licensee:{organization_id}:invoiced"


def ensure(session: Session, table: type[SQLModel], **values: object) -> None:
    """Insert the row unless it is there; two transactions may both try."""
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    target: sa.Table = table.__table__  # type: ignore[attr-defined]
    session.execute(dialect.insert(target).values(**values).on_conflict_do_nothing())
