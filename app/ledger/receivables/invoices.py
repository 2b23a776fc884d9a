"""Invoices to licensees, self-billing statements for payees, and credit notes to either.

What is billed is what the books say: every line is one entry's amount on one account, billed once.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import rfc8785
import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import clock
from app.ledger.books import Line
from app.ledger.errors import InvoiceNotCreditable, InvoiceNotFound, NothingToInvoice
from app.ledger.models import JournalEntry, Posting
from app.ledger.receivables.models import (
    OPERATOR,
    ContractLicensee,
    DocumentSeries,
    Invoice,
    InvoiceLine,
    PartyProfile,
)
from app.ledger.receivables.payments import (
    ensure,
    invoiced_account,
    lock_funds,
    open_invoice,
    pay_open,
    prepaid_account,
)
from app.ledger.receivables.profiles import profile_on
from app.ledger.receivables.references import creditor_reference
from app.ledger.receivables.tax import Vat, vat_between, withheld
from app.ledger.sources import post_source
from app.money import check_currency

RECEIVABLE = "licensee:receivable"
SERIES = {"invoice": "INV", "credit-note": "CN", "self-bill": "SB", "self-bill-credit": "SBC"}
CREDITED_BY = {"invoice": "credit-note", "self-bill": "self-bill-credit"}


@dataclass(frozen=True)
class Billed:
    """One line to be billed: an entry's amount, owed to the supplier."""

    entry: JournalEntry
    net_minor: int
    taxed_already: bool  # the contract's own terms withheld tax from this entry


def issue_invoice(session: Session, organization_id: str, currency: str) -> Invoice:
    """Invoice a licensee for everything it was charged and not yet invoiced for.

    Where refunds outweigh charges it is a credit note. What the licensee has prepaid is put towards
    it at once. Raises NothingToInvoice, ProfileMissing.
    """
    lock_funds(session, organization_id, check_currency(currency))
    lines = _unbilled(session, RECEIVABLE, currency, licensee=organization_id)
    kind = "invoice" if sum(line.net_minor for line in lines) >= 0 else "credit-note"
    invoice = _issue(
        session, kind, supplier=OPERATOR, customer=organization_id, account=RECEIVABLE,
        currency=currency, lines=lines,
    )  # fmt: skip
    pay_open(session, organization_id, currency)
    return invoice


def issue_self_bill(session: Session, account: str, currency: str) -> Invoice:
    """Bill the operator on behalf of a payee, for everything it earned and was not billed for.

    `account` is the payee's, `performer:per_…:payable`. Raises NothingToInvoice, ProfileMissing.
    """
    party_id = party_of(account)
    _lock_series(session, party_id, SERIES["self-bill"])
    lines = _unbilled(session, account, check_currency(currency))
    kind = "self-bill" if sum(line.net_minor for line in lines) >= 0 else "self-bill-credit"
    return _issue(
        session, kind, supplier=party_id, customer=OPERATOR, account=account, currency=currency,
        lines=lines,
    )  # fmt: skip


def credit_invoice(session: Session, invoice: Invoice, *, reason: str) -> Invoice:
    """Take a whole invoice back by a credit note; its entries can then be invoiced anew.

    Crediting it again returns the first credit note. What was paid on it is prepaid again. Raises
    InvoiceNotCreditable for what is itself a credit note.
    """
    if invoice.kind not in CREDITED_BY:
        raise InvoiceNotCreditable(
            f"{invoice.reads} is itself a credit note; credit the invoice, and issue it anew"
        )
    kind, of_licensee = CREDITED_BY[invoice.kind], invoice.kind == "invoice"
    if of_licensee:
        lock_funds(session, invoice.customer_id, invoice.currency)
    else:
        _lock_series(session, invoice.issuer_id, SERIES["self-bill"])
    first = session.exec(select(Invoice).where(Invoice.corrects_id == invoice.id)).first()
    if first is not None:
        return first
    document = {
        **invoice.document,
        "kind": kind,
        "reason": reason,
        "corrects": invoice.reads,
        "lines": [_negated(line, "net_minor") for line in invoice.document["lines"]],
        "tax": _negated(invoice.document["tax"], "base_minor", "tax_minor"),
        "withholding": _negated(invoice.document["withholding"], "base_minor", "withheld_minor"),
    }
    note = _write(session, kind, document, corrects=invoice)
    if of_licensee:
        pay_open(session, invoice.customer_id, invoice.currency, first=invoice.id)
    return note


def invoice_of(session: Session, invoice_id: str, *, parties: Sequence[str]) -> Invoice:
    """Return an invoice one of these is a party of. Raises InvoiceNotFound for others alike."""
    invoice = session.get(Invoice, invoice_id)
    if invoice is None or not {invoice.customer_id, invoice.supplier_id} & set(parties):
        raise InvoiceNotFound(f"no invoice of yours has the id {invoice_id[:64]}")
    return invoice


def invoices_of(
    session: Session, parties: Sequence[str], *, before: str | None = None, limit: int = 50
) -> Sequence[Invoice]:
    """List the invoices these are parties of, newest first; `before` is the last id before."""
    page = select(Invoice).where(
        col(Invoice.customer_id).in_(parties) | col(Invoice.supplier_id).in_(parties)
    )
    if before is not None:
        page = page.where(col(Invoice.id) < before)
    return session.exec(page.order_by(col(Invoice.id).desc()).limit(limit)).all()


def party_of(account: str) -> str:
    """Return whose account it is. Raises NothingToInvoice where it is no payee's."""
    kind, _, rest = account.partition(":")
    party_id, _, what = rest.rpartition(":")
    if kind not in ("performer", "agent") or what != "payable":
        raise NothingToInvoice(
            f"{account} is no payee's account; name one such as performer:per_…:payable"
        )
    return party_id


def invoice_lines(session: Session, invoice_id: str) -> tuple[Line, ...] | None:
    """Reckon the entry of an invoice from its amounts; no lines: it posts none."""
    invoice = session.get(Invoice, invoice_id, populate_existing=True)
    if invoice is None:
        return None
    country = invoice.document["issued_by"]["country"]
    if invoice.kind in ("invoice", "credit-note"):
        owed = invoiced_account if invoice.kind == "invoice" else prepaid_account
        parts = [
            (owed(invoice.customer_id), invoice.total_minor),
            (RECEIVABLE, -invoice.net_minor),
            (f"tax:vat:{country}:output", -invoice.tax_minor),
        ]
    else:
        parts = [
            (f"tax:vat:{country}:input", invoice.tax_minor),
            (invoice.document["account"], invoice.withheld_minor - invoice.tax_minor),
            ("tax:withholding", -invoice.withheld_minor),
        ]
    return tuple(Line(account, invoice.currency, minor) for account, minor in parts if minor)


def document_digest(document: dict[str, Any]) -> str:
    """Return the SHA-256 of a document's canonical JSON (RFC 8785)."""
    return hashlib.sha256(rfc8785.dumps(document)).hexdigest()


def _unbilled(
    session: Session, account: str, currency: str, *, licensee: str | None = None
) -> list[Billed]:
    billed = (
        select(sa.func.coalesce(sa.func.sum(InvoiceLine.sign), 0))
        .where(InvoiceLine.entry_id == Posting.entry_id, InvoiceLine.account == account)
        .scalar_subquery()
    )
    taxed = sa.exists().where(
        col(_WITHHELD.c.entry_id) == col(Posting.entry_id),
        _WITHHELD.c.account == "tax:withholding",
    )
    found = (
        sa.select(JournalEntry, Posting.amount_minor, taxed)  # type: ignore[call-overload]
        .join(JournalEntry, col(JournalEntry.id) == col(Posting.entry_id))
        .where(
            Posting.account == account,
            Posting.currency == currency,
            Posting.amount_minor != 0,
            col(JournalEntry.usage_event_id).is_not(None),
            billed == 0,
        )
        .order_by(col(JournalEntry.posted_at), col(JournalEntry.id))
    )
    if licensee is not None:
        found = found.join(
            ContractLicensee, col(ContractLicensee.contract_id) == col(JournalEntry.contract_id)
        ).where(ContractLicensee.organization_id == licensee)
    sign = 1 if account == RECEIVABLE else -1
    return [
        Billed(entry, sign * int(minor), bool(at)) for entry, minor, at in session.execute(found)
    ]


_WITHHELD = sa.inspect(Posting).local_table.alias("withheld")


def _issue(
    session: Session,
    kind: str,
    *,
    supplier: str,
    customer: str,
    account: str,
    currency: str,
    lines: Sequence[Billed],
) -> Invoice:
    if not lines:
        raise NothingToInvoice(
            f"nothing on {account} in {currency} waits to be billed between {supplier} and "
            f"{customer}; it is billed once it has been used"
        )
    today = clock.now().date()
    seller, buyer = (profile_on(session, party, today) for party in (supplier, customer))
    vat, net = vat_between(seller, buyer), sum(line.net_minor for line in lines)
    rate = seller.withholding_rate if customer == OPERATOR else None
    base = sum(line.net_minor for line in lines if not line.taxed_already)
    document = {
        "v": 1,
        "kind": kind,
        "account": account,
        "currency": currency,
        "supplier": _party(seller),
        "customer": _party(buyer),
        "issued_by": {
            "id": OPERATOR,
            "country": (seller if supplier == OPERATOR else buyer).country,
        },
        "due_days": seller.due_days,
        "lines": [_line(each) for each in lines],
        "tax": _tax(vat, net),
        "withholding": {
            "rate": rate or "0",
            "base_minor": base if rate else 0,
            "withheld_minor": withheld(rate, base),
        },
    }
    return _write(session, kind, document)


def _write(
    session: Session, kind: str, said: dict[str, Any], *, corrects: Invoice | None = None
) -> Invoice:
    """Number a document, in this transaction and no other, and put it into the books."""
    issuer, series = said["supplier"]["id"], SERIES[kind]
    numbers = _lock_series(session, issuer, series)
    number, numbers.next_number = numbers.next_number, numbers.next_number + 1
    now = clock.now()
    due_at = now + timedelta(days=said["due_days"]) if kind == "invoice" else None
    net, tax = said["tax"]["base_minor"], said["tax"]["tax_minor"]
    kept = said["withholding"]["withheld_minor"]
    reads = f"{series}-{number:06d}"
    document = {
        **said,
        "number": reads,
        "issued_on": now.date().isoformat(),
        "due_on": due_at.date().isoformat() if due_at else None,
        "reference": creditor_reference(reads),
        "total_minor": net + tax - kept,
    }
    invoice = Invoice(
        kind=kind,
        supplier_id=issuer,
        customer_id=said["customer"]["id"],
        issuer_id=issuer,
        series=series,
        number=number,
        currency=said["currency"],
        net_minor=net,
        tax_minor=tax,
        withheld_minor=kept,
        total_minor=net + tax - kept,
        document=document,
        document_sha256=document_digest(document),
        corrects_id=corrects.id if corrects else None,
        issued_at=now,
        due_at=due_at,
    )
    session.add(invoice)
    session.flush()
    session.add_all(
        InvoiceLine(
            invoice_id=invoice.id,
            line=place,
            entry_id=line["entry_id"],
            account=said["account"],
            sign=-1 if corrects else 1,
            net_minor=line["net_minor"],
        )
        for place, line in enumerate(said["lines"])
    )
    if due_at is not None and invoice.total_minor > 0:
        session.add(open_invoice(session, invoice, outstanding_minor=invoice.total_minor))
    session.flush()
    if lines := invoice_lines(session, invoice.id):
        post_source(session, "invoice", invoice.id, lines)
    return invoice


def _lock_series(session: Session, issuer_id: str, series: str) -> DocumentSeries:
    """Open a series, new or old, and keep others from its next number until this commits."""
    ensure(session, DocumentSeries, issuer_id=issuer_id, series=series, next_number=1)
    return session.get_one(
        DocumentSeries, (issuer_id, series), with_for_update=True, populate_existing=True
    )


def _party(profile: PartyProfile) -> dict[str, Any]:
    return {
        "id": profile.party_id,
        "profile": profile.id,
        "name": profile.name,
        "address": profile.address,
        "country": profile.country,
        "vat_id": profile.vat_id,
        "iban": profile.iban,
    }


def _line(billed: Billed) -> dict[str, Any]:
    entry = billed.entry
    return {
        "entry_id": entry.id,
        "entry_digest": entry.digest,
        "contract_id": entry.contract_id,
        "generation_id": entry.generation_id,
        "posted_on": entry.posted_at.date().isoformat(),
        "net_minor": billed.net_minor,
    }


def _tax(vat: Vat, net_minor: int) -> dict[str, Any]:
    return {
        "category": vat.category,
        "rate": vat.rate,
        "base_minor": net_minor,
        "tax_minor": vat.of(net_minor),
        "reason": vat.reason,
    }


def _negated(said: dict[str, Any], *names: str) -> dict[str, Any]:
    return {**said, **{name: -said[name] for name in names}}
