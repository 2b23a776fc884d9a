"""Commands about payouts: order them, write the file for the bank, say what became of them."""

import os
from pathlib import Path
from typing import Annotated

import typer
from sqlmodel import Session

from app import db

payout_commands = typer.Typer(no_args_is_help=True, help="Payouts of what closed periods owe.")
Order = Annotated[str, typer.Argument(help="An order of payouts: its name, or pyr_…")]


@payout_commands.command("order")
def order(
    name: Annotated[str, typer.Argument(help="What you call it, as 2026-12; said once.")],
    currency: Annotated[str, typer.Option(help="ISO 4217; paid is what is owed in it.")] = "EUR",
    risk: Annotated[
        str, typer.Option(help="Who carries the risk of paying what is not funded yet.")
    ] = "",
) -> None:
    """Order a payout for every payee that can be paid, and say who waits for what.

    The same name again orders nothing, and shows what was ordered.
    """
    from app.cases.holds import held_entries
    from app.money import format_minor
    from app.payments import paying

    with db.writing() as session:
        held = {entry: f"held by {case}" for entry, case in held_entries(session).items()}
        made = paying.order(session, name=name, currency=currency, held=held, risk_carrier=risk)
        lines = [f"{made.order.id}  {name}  {len(made.payouts)} payouts"]
        for payout in made.payouts:
            amount = format_minor(payout.amount_minor, currency)
            lines.append(f"  {payout.id}  {payout.account}  {amount}")
        lines += [f"  waits  {account}  {why}" for account, why in made.waiting.items()]
    print("\n".join(lines))  # once it is committed


@payout_commands.command("list")
def list_payouts(
    order: Annotated[str, typer.Argument(help="Its name, or pyr_…; default: every order.")] = "",
) -> None:
    """List orders, and where their payouts stand."""
    from sqlmodel import col, select

    from app.ledger.models_payouts import PayoutOrder
    from app.ledger.payouts import events_of, order_of, payouts_of
    from app.money import format_minor

    with db.reading() as session:
        every = select(PayoutOrder).order_by(col(PayoutOrder.id))
        for each in [order_of(session, order)] if order else session.exec(every):
            print(f"{each.id}  {each.name}  {each.currency}  {each.created_at:%Y-%m-%d %H:%M} UTC")
            for payout in payouts_of(session, each):
                last = events_of(session, payout.id)[-1]
                amount = format_minor(payout.amount_minor, payout.currency)
                print(f"  {payout.id}  {payout.account}  {amount}  {last.state}  {last.note}")


@payout_commands.command("file")
def write_file(
    order: Order,
    to: Annotated[Path, typer.Option("--out", dir_okay=False, help="Where the file goes.")],
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV for any provider.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="One was written already, and the bank has not got it.")
    ] = False,
) -> None:
    """Write what of an order is under way as ISO 20022 pain.001, or as CSV.

    Another file, in either form, wants --again: a bank that takes two may pay twice.

    It holds bank accounts in the clear, readable by you alone: delete it when the bank has it. Two
    operators agree to each file at their pages before it is written (docs/people.md).
    """
    from app.ledger.payouts import order_of
    from app.payments import bank_files
    from app.twofold import operators

    form: bank_files.Form = "csv" if as_csv else "pain.001"
    with db.reading() as session:
        found = order_of(session, order)
        bank_files.check_wanted_again(session, found, again=again)
        asked = bank_files.asked_of(session, found, form)

    def make(session: Session) -> bytes:  # opening an account is recorded
        return bank_files.write(session, order_of(session, order), form, asked)

    _write_whole(to, operators.by_two(bank_files.KIND, found.id, asked, make))
    print(f"{to}: {found.id}")


@payout_commands.command("settled")
def settled(
    payouts: Annotated[list[str], typer.Argument(help="pyo_…, as many as you like")],
) -> None:
    """Say that the bank paid them: all of them, or none is written down. Safe to repeat."""
    from app.payments import paying

    with db.writing() as session:
        events = [paying.settle(session, each) for each in payouts]
    for event in events:
        print(f"{event.payout_id}: {event.state}")


@payout_commands.command("returned")
def returned(
    payout: Annotated[str, typer.Argument(help="pyo_…")],
    reason: Annotated[str, typer.Option(help="What the bank said; the payee reads it.")],
) -> None:
    """Say that it came back: it is owed again, and goes into the next order. Safe to repeat."""
    from app.payments import paying

    with db.writing() as session:
        event = paying.give_back(session, payout, note=reason)
    print(f"{event.payout_id}: {event.state}")


def _write_whole(to: Path, content: bytes) -> None:
    """Write a file that only this user reads (0600), whole or not at all."""
    partial = to.with_name(f".{to.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        partial.replace(to)
    finally:
        partial.unlink(missing_ok=True)
