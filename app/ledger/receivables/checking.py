"""Reckon every invoice again from the books, and name the first that differs.

1. the numbers of a series have no gap, and a document has the digest it is filed under;
2. each line is what the entry moved on that account, and no amount is billed twice at a time;
3. net, tax, what is withheld and total are what lines and rates come to;
4. the caches of open invoices, and of the contracts they charge under, are what invoices and
   payments come to.
"""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.ledger.models import Posting
from app.ledger.receivables.invoices import RECEIVABLE, document_digest
from app.ledger.receivables.models import (
    Invoice,
    InvoiceLine,
    InvoicePayment,
    OpenInvoice,
    OpenInvoiceContract,
)
from app.ledger.receivables.payments import billed_contracts
from app.ledger.receivables.tax import Vat, withheld


def first_difference(session: Session) -> str | None:
    """Return what first differs, as a sentence; None: every invoice is borne out."""
    return next(_differences(session), None)


def _differences(session: Session) -> Iterator[str]:
    invoices = session.exec(
        select(Invoice)
        .order_by(col(Invoice.issuer_id), col(Invoice.series), col(Invoice.number))
        .execution_options(populate_existing=True)
    ).all()
    expected: dict[tuple[str, str], int] = {}
    for invoice in invoices:
        series = (invoice.issuer_id, invoice.series)
        expected[series] = expected.get(series, 0) + 1
        if invoice.number != expected[series]:
            yield f"{invoice.issuer_id}: {invoice.series} {expected[series]} is missing"
        yield from _document(session, invoice)
    yield from _billed_twice(session)
    yield from _open(session, invoices)


def _document(session: Session, invoice: Invoice) -> Iterator[str]:
    said = invoice.document
    if document_digest(said) != invoice.document_sha256:
        yield f"{invoice.id}: its document is not that of its digest"
    lines = session.exec(
        select(InvoiceLine)
        .where(InvoiceLine.invoice_id == invoice.id)
        .order_by(col(InvoiceLine.line))
        .execution_options(populate_existing=True)
    ).all()
    if [(x.entry_id, x.net_minor) for x in lines] != [
        (x["entry_id"], x["net_minor"]) for x in said["lines"]
    ]:
        yield f"{invoice.id}: its lines are not those of its document"
    for line in lines:
        moved = session.exec(
            select(Posting.amount_minor).where(
                Posting.entry_id == line.entry_id,
                Posting.account == line.account,
                Posting.currency == invoice.currency,
            )
        ).all()
        owed = sum(moved) if line.account == RECEIVABLE else -sum(moved)
        if line.net_minor != line.sign * owed:
            yield f"{invoice.id}: bills {line.net_minor} for {line.entry_id}, which moved {owed}"
    net = sum(line.net_minor for line in lines)
    tax = Vat(said["tax"]["category"], said["tax"]["rate"]).of(net)
    kept = withheld(said["withholding"]["rate"], said["withholding"]["base_minor"])
    if (invoice.net_minor, invoice.tax_minor, invoice.withheld_minor) != (net, tax, kept):
        yield f"{invoice.id}: its amounts are not what its lines and rates come to"
    if said["number"] != invoice.reads or said["total_minor"] != invoice.total_minor:
        yield f"{invoice.id}: its document says another number or total"


def _billed_twice(session: Session) -> Iterator[str]:
    signs = sa.func.sum(InvoiceLine.sign)
    found = session.execute(
        sa.select(InvoiceLine.entry_id, InvoiceLine.account)  # type: ignore[call-overload]
        .group_by(InvoiceLine.entry_id, InvoiceLine.account)
        .having((signs > 1) | (signs < 0))
    )
    for entry_id, account in found:
        yield f"{entry_id}: {account} is billed more than once, or taken back unbilled"


def _open(session: Session, invoices: Sequence[Invoice]) -> Iterator[str]:
    owed = {each.id: each.total_minor for each in invoices if each.kind == "invoice"}
    for id_, minor in session.exec(select(InvoicePayment.invoice_id, InvoicePayment.amount_minor)):
        owed[id_] = owed.get(id_, 0) - minor
    cached = dict(session.exec(select(OpenInvoice.invoice_id, OpenInvoice.outstanding_minor)).all())
    for id_, minor in owed.items():
        if minor < 0:
            yield f"{id_}: more was paid on it than it comes to"
        if cached.pop(id_, 0) != minor:
            yield f"{id_}: {minor} minor units are open, and the cache says something else"
    for id_ in cached:
        yield f"{id_}: is kept as open, and there is no such invoice"
    due = {
        (contract_id, each.id, each.due_at)
        for each in invoices
        if owed.get(each.id, 0) > 0
        for contract_id in billed_contracts(each.document)
    }
    kept = session.exec(select(OpenInvoiceContract).execution_options(populate_existing=True)).all()
    for _, id_, _ in due ^ {(x.contract_id, x.invoice_id, x.due_at) for x in kept}:
        yield f"{id_}: the cache says something else of the contracts it is open under"
