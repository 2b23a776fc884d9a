"""Bank receipts: taken from statements once, assigned by what the payer wrote, or by hand."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from app.identity.models import Organization
from app.ledger.books import Line
from app.ledger.errors import ReceiptAssigned, ReceiptNotFound, StatementRefused
from app.ledger.receivables.camt import Receipt, Statement
from app.ledger.receivables.models import OPERATOR, Invoice
from app.ledger.receivables.models_receipts import BankReceipt, BankStatement, ReceiptAssignment
from app.ledger.receivables.payments import lock_funds, pay_open, prepaid_account, reopen
from app.ledger.receivables.profiles import profiles_of
from app.ledger.receivables.references import creditor_reference, references_in
from app.ledger.sources import post_source
from app.money import format_minor

BANK, UNASSIGNED = "bank:clearing", "receipts:unassigned"
_NUMBER = re.compile(r"INV-?(\d{6,9})(?!\d)")


@dataclass
class Taken:
    """What an import brought: the receipts that are new, and how many were booked before."""

    new: list[BankReceipt]
    known: int = 0


def take_statements(session: Session, statements: Sequence[Statement]) -> Taken:
    """Take in what `read_statements` read: each receipt once, however often it is stated.

    Each goes to the licensee whose invoice or own reference its payer named, and towards what that
    licensee owes; what names nobody stays unassigned. Raises StatementRefused: then nothing may be
    kept. One import at a time: others wait.
    """
    for currency in sorted({each.currency for each in statements}):
        lock_funds(session, OPERATOR, currency)
    ours = {profile.iban for profile in profiles_of(session, OPERATOR)}
    taken = Taken([])
    for statement in statements:
        if statement.iban not in ours:
            raise StatementRefused(
                f"statement {statement.reference} is of {statement.iban}, which no profile of the "
                "operator names; record it first (`understudy party set operator`, iban)"
            )
        _take(session, statement, taken)
    return taken


def assign_receipt(
    session: Session,
    receipt: BankReceipt,
    organization_id: str,
    *,
    note: str,
    invoice_id: str | None = None,
) -> ReceiptAssignment:
    """Say whose money a receipt is, once; it goes towards the invoice named, then the oldest.

    Where the bank took it back, invoices that it paid are open again, and count as arrears.
    Raises ReceiptAssigned when somebody else has it.
    """
    lock_funds(session, organization_id, receipt.currency)
    first = session.exec(
        select(ReceiptAssignment).where(ReceiptAssignment.receipt_id == receipt.id)
    ).first()
    if first is not None:
        if first.organization_id != organization_id:
            raise ReceiptAssigned(f"{receipt.id} is the money of {first.organization_id}")
        return first
    if session.get(Organization, organization_id) is None:
        raise ReceiptNotFound(f"no organization has the id {organization_id[:64]}")
    assignment = ReceiptAssignment(
        receipt_id=receipt.id, organization_id=organization_id, invoice_id=invoice_id, note=note
    )
    session.add(assignment)
    session.flush()
    lines = assignment_lines(session, assignment.id) or ()
    post_source(session, "receipt-assignment", assignment.id, lines)
    settle = pay_open if receipt.amount_minor > 0 else reopen
    settle(session, organization_id, receipt.currency, first=invoice_id)
    return assignment


def unassigned(session: Session) -> Sequence[BankReceipt]:
    """List the receipts that are nobody's yet, oldest first."""
    return session.exec(
        select(BankReceipt)
        .join(
            ReceiptAssignment,
            col(ReceiptAssignment.receipt_id) == col(BankReceipt.id),
            isouter=True,
        )
        .where(col(ReceiptAssignment.id).is_(None))
        .order_by(col(BankReceipt.id))
    ).all()


def missing_statements(session: Session) -> list[str]:
    """Say where a statement is missing: one opens at a balance at which none before it closed.

    What is missing and moved nothing on the whole is not noticed.
    """
    missing = []
    closed: dict[tuple[str, str], list[int]] = {}
    every = select(BankStatement).order_by(col(BankStatement.closed_on), col(BankStatement.id))
    statements = session.exec(every).all()
    for each in statements:
        before = closed.setdefault((each.iban, each.currency), [])
        opening = each.opening_minor
        same_day = (
            other.closing_minor
            for other in statements
            if (other.iban, other.currency) == (each.iban, each.currency)
            and other.closed_on == each.closed_on
            and other.id != each.id
        )
        if before and opening not in before and opening not in same_day:
            missing.append(
                f"a statement of {each.iban} is missing before {each.reference} "
                f"({each.closed_on}): it opens at {format_minor(opening, each.currency)}, and "
                f"the last before it closed at {format_minor(before[-1], each.currency)}; import "
                "what lies between"
            )
        before.append(each.closing_minor)
    return missing


def receipt_lines(session: Session, receipt_id: str) -> tuple[Line, ...] | None:
    """Reckon the entry of a receipt: in the bank, and nobody's yet."""
    receipt = session.get(BankReceipt, receipt_id, populate_existing=True)
    if receipt is None:
        return None
    amount, currency = receipt.amount_minor, receipt.currency
    return Line(BANK, currency, amount), Line(UNASSIGNED, currency, -amount)


def assignment_lines(session: Session, assignment_id: str) -> tuple[Line, ...] | None:
    """Reckon the entry of an assignment: a licensee's prepaid money."""
    assignment = session.get(ReceiptAssignment, assignment_id, populate_existing=True)
    if assignment is None:
        return None
    receipt = session.get_one(BankReceipt, assignment.receipt_id, populate_existing=True)
    account = prepaid_account(assignment.organization_id)
    return (
        Line(UNASSIGNED, receipt.currency, receipt.amount_minor),
        Line(account, receipt.currency, -receipt.amount_minor),
    )


def _take(session: Session, statement: Statement, taken: Taken) -> None:
    first = session.exec(
        select(BankStatement).where(
            BankStatement.iban == statement.iban,
            BankStatement.reference == statement.reference,
            BankStatement.closed_on == statement.closed_on,
        )
    ).first()
    balances = (statement.opening_minor, statement.closing_minor)
    if first is not None and (first.opening_minor, first.closing_minor) != balances:
        raise StatementRefused(
            f"statement {statement.reference} was imported with other balances; ask the bank "
            "which one stands"
        )
    kept = first or BankStatement(
        iban=statement.iban,
        reference=statement.reference,
        closed_on=statement.closed_on,
        currency=statement.currency,
        opening_minor=statement.opening_minor,
        closing_minor=statement.closing_minor,
        file_sha256=statement.file_sha256,
    )
    session.add(kept)
    session.flush()
    for each in statement.receipts:
        if _is_booked(session, statement, each):
            taken.known += 1
        else:
            taken.new.append(_book(session, kept, each))


def _is_booked(session: Session, statement: Statement, receipt: Receipt) -> bool:
    return (
        session.exec(
            select(BankReceipt.id).where(
                BankReceipt.iban == statement.iban,
                BankReceipt.fingerprint == receipt.fingerprint,
            )
        ).first()
        is not None
    )


def _book(session: Session, statement: BankStatement, received: Receipt) -> BankReceipt:
    receipt = BankReceipt(
        statement_id=statement.id,
        iban=statement.iban,
        currency=statement.currency,
        fingerprint=received.fingerprint,
        reference=received.reference,
        amount_minor=received.amount_minor,
        booked_on=received.booked_on,
        payer=received.payer,
        said=received.said,
    )
    session.add(receipt)
    session.flush()
    post_source(session, "receipt", receipt.id, receipt_lines(session, receipt.id) or ())
    whose = _named(session, receipt.said) if receipt.amount_minor > 0 else None
    if whose is not None:
        assign_receipt(session, receipt, whose[0], invoice_id=whose[1], note="its reference")
    return receipt


def _named(session: Session, said: str) -> tuple[str, str | None] | None:
    """Say which licensee the payer named, and which invoice of it first; None where in doubt."""
    found: dict[str, str | None] = {}
    for invoice in _invoices_named(session, said):
        found.setdefault(invoice.customer_id, invoice.id)
    for reference in references_in(said):
        ending = session.exec(
            select(Organization.id).where(col(Organization.id).endswith(reference[4:]))
        ).all()
        for id_ in ending:
            if creditor_reference(id_) == reference:
                found.setdefault(id_, None)
    return next(iter(found.items())) if len(found) == 1 else None


def _invoices_named(session: Session, said: str) -> Sequence[Invoice]:
    texts = [reference[4:] for reference in references_in(said)] + [said.upper()]
    numbers = {int(match[1]) for text in texts for match in _NUMBER.finditer(text)}
    return session.exec(
        select(Invoice)
        .where(
            Invoice.issuer_id == OPERATOR,
            Invoice.series == "INV",
            col(Invoice.number).in_(numbers),
        )
        .order_by(col(Invoice.number))
    ).all()
