"""Commands about money in: who a party is for tax, invoices, credit, and what is left."""

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app import clock, db
from app.cli_check import AsJson

if TYPE_CHECKING:
    from sqlmodel import Session

    from app.ledger.receivables.models import Invoice

party_commands = typer.Typer(no_args_is_help=True, help="Parties, as invoices name and tax them.")
invoice_commands = typer.Typer(no_args_is_help=True, help="Invoices, self-billing, credit notes.")
credit_commands = typer.Typer(no_args_is_help=True, help="Credit: what may be owed, unpaid.")
bank_commands = typer.Typer(no_args_is_help=True, help="What the bank received, and whose it is.")
money = typer.Typer(no_args_is_help=True)
Party = Annotated[str, typer.Argument(help="org_…, per_… or operator")]
Currency = Annotated[str, typer.Option(help="ISO 4217, as EUR.")]


@party_commands.command("set")
def set_party(
    party_id: Party,
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="JSON, as POST …/profiles takes.")
    ],
) -> None:
    """Record what a party says of itself, from the day the file names on."""
    from pydantic import ValidationError

    from app.ledger.receivables.profiles import ProfileInput, set_profile

    try:
        given = ProfileInput.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise typer.BadParameter(f"{file} is no profile: {error}") from None
    with db.writing() as session:
        profile = set_profile(session, party_id, given)
        print(f"{profile.id} {party_id} from {profile.valid_from}")


@party_commands.command("show")
def show_party(
    party_id: Party,
    on: Annotated[str | None, typer.Option(help="The day, as 2026-12-01; default: today.")] = None,
) -> None:
    """Print the profile that holds on a day, as JSON."""
    from app.ledger.receivables.profiles import profile_on

    day = date.fromisoformat(on) if on else clock.now().date()
    with db.reading() as session:
        print(profile_on(session, party_id, day).model_dump_json(indent=2))


@invoice_commands.command("issue")
def issue_invoice(
    organization_id: Annotated[str, typer.Argument(help="The licensee, org_…")],
    currency: Currency = "EUR",
) -> None:
    """Invoice a licensee for everything it used and was not invoiced for."""
    from app.ledger.receivables import invoices

    with db.writing() as session:
        _print(invoices.issue_invoice(session, organization_id, currency))


@invoice_commands.command("self-bill")
def issue_self_bill(
    account: Annotated[str, typer.Argument(help="performer:per_…:payable or agent:org_…:payable")],
    currency: Currency = "EUR",
) -> None:
    """Bill the operator in a payee's name for everything it earned and was not billed for."""
    from app.ledger.receivables import invoices

    with db.writing() as session:
        _print(invoices.issue_self_bill(session, account, currency))


@invoice_commands.command("credit")
def credit_invoice(
    invoice_id: Annotated[str, typer.Argument(help="inv_…")],
    reason: Annotated[str, typer.Option(help="Why; it is printed on the credit note.")],
) -> None:
    """Take a whole invoice back by a credit note; what it billed can be invoiced anew."""
    from app.ledger.errors import InvoiceNotFound
    from app.ledger.receivables import invoices
    from app.ledger.receivables.models import Invoice

    with db.writing() as session:
        invoice = session.get(Invoice, invoice_id)
        if invoice is None:
            raise InvoiceNotFound(f"no invoice has the id {invoice_id}")
        _print(invoices.credit_invoice(session, invoice, reason=reason))


@invoice_commands.command("list")
def list_invoices(party_id: Party, as_json: AsJson = False) -> None:
    """List the newest documents a party supplies or receives."""
    from app.ledger.receivables import invoices

    with db.reading() as session:
        for invoice in invoices.invoices_of(session, [party_id]):
            print(json.dumps(invoice.document)) if as_json else _print(invoice)


@credit_commands.command("approve")
def approve_credit(
    organization_id: Annotated[str, typer.Argument(help="The licensee, org_…")],
    amount: Annotated[str, typer.Option(help="The whole limit in major units, as 1000.00.")],
    currency: Currency = "EUR",
    note: Annotated[str, typer.Option(help="Why, for the record.")] = "",
) -> None:
    """Let a licensee owe and hold up to an amount beyond what it has paid in; 0 ends it."""
    from app.ledger.receivables.credit import approve_credit
    from app.money import parse_minor

    try:
        minor = parse_minor(amount, currency)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    with db.writing() as session:
        approve_credit(session, organization_id, currency=currency, amount_minor=minor, note=note)
    print(f"{organization_id} may owe up to {amount} {currency}")


@bank_commands.command("import")
def import_receipts(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A bank statement, camt.053.")
    ],
) -> None:
    """Take in a bank statement: each receipt goes to the licensee whose reference it names."""
    from app.ledger.receivables import receipts
    from app.ledger.receivables.camt import LARGEST_BYTES, read_statements

    with file.open("rb") as opened:
        statements = read_statements(opened.read(LARGEST_BYTES + 1))  # keeps nobody waiting
    with db.writing() as session:
        taken = receipts.take_statements(session, statements)
        print(f"{len(taken.new)} new receipts, {taken.known} booked before")
        _print_what_is_open(session)


@bank_commands.command("list")
def list_receipts() -> None:
    """List the receipts that are nobody's yet, and where a statement is missing."""
    with db.reading() as session:
        _print_what_is_open(session)


@bank_commands.command("assign")
def assign_receipt(
    receipt_id: Annotated[str, typer.Argument(help="rcp_…")],
    organization_id: Annotated[str, typer.Argument(help="The licensee, org_…")],
    note: Annotated[str, typer.Option(help="How you know, for the record.")],
) -> None:
    """Say whose money a receipt is; it goes towards their open invoices, the oldest first."""
    from app.ledger.errors import ReceiptNotFound
    from app.ledger.receivables import receipts
    from app.ledger.receivables.models_receipts import BankReceipt

    with db.writing() as session:
        receipt = session.get(BankReceipt, receipt_id)
        if receipt is None:
            raise ReceiptNotFound(f"no receipt has the id {receipt_id}")
        receipts.assign_receipt(session, receipt, organization_id, note=note)
    print(f"{receipt_id} is the money of {organization_id}")


@money.command("funds")
def show_funds(
    organization_id: Annotated[str, typer.Argument(help="The licensee, org_…")],
    as_json: AsJson = False,
) -> None:
    """Say what a licensee may still spend, and what it comes from, currency by currency."""
    from dataclasses import asdict

    from app.ledger import funding
    from app.money import format_minor

    with db.reading() as session:
        found = funding.standings_of(session, organization_id)
    if as_json:
        print(json.dumps([asdict(x) | {"available_minor": x.available_minor} for x in found]))
        return
    for each in found:
        amounts = {"available": each.available_minor} | {
            name.removesuffix("_minor"): minor
            for name, minor in asdict(each).items()
            if name != "currency"
        }
        print("  ".join(f"{n} {format_minor(m, each.currency)}" for n, m in amounts.items()))


def _print_what_is_open(session: "Session") -> None:
    from app.ledger.receivables import receipts
    from app.money import format_minor

    for each in receipts.unassigned(session):
        amount = format_minor(each.amount_minor, each.currency)
        said = " ".join(each.said.split())
        print(f"{each.id} {each.booked_on} {amount} {each.payer}: {said}; assign it")
    for missing in receipts.missing_statements(session):
        print(missing)


def _print(invoice: "Invoice") -> None:
    from app.money import format_minor

    total = format_minor(invoice.total_minor, invoice.currency)
    print(f"{invoice.id} {invoice.reads} {invoice.kind} {invoice.customer_id} {total}")
