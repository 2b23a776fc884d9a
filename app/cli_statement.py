"""Commands about closed periods: close one, issue its statements, read them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app import db

statement_commands = typer.Typer(
    no_args_is_help=True, help="Closed periods of the books, and their statements."
)
out = Console(highlight=False)


@statement_commands.command("close")
def close_period(
    until: Annotated[
        datetime,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"],
            help="The first instant after the period, in UTC.",
        ),
    ],
) -> None:
    """Close the period that ends there, for ever, and issue its statements. Safe to repeat."""
    from app.ledger.periods import close_period as close
    from app.payments.statements import issue_statements

    with db.writing() as session:
        period = close(session, until=until.replace(tzinfo=UTC))
    with db.writing() as session:  # of its own: what is missing is issued when it is repeated
        issued = issue_statements(session, period)
        kinds = [each.kind for each in issued]
    print(f"period {period.number} closed with {period.entries} entries, SHA-256 {period.sha256}")
    for kind in dict.fromkeys(kinds):
        print(f"  {kinds.count(kind)} of kind {kind}")


@statement_commands.command("list")
def list_statements(
    number: Annotated[int, typer.Option("--period", help="Its number; they count from 1.")],
) -> None:
    """List the statements of a closed period."""
    from app.ledger.periods import period_of
    from app.payments.statements import statements_of_period

    with db.reading() as session:
        for each in statements_of_period(session, period_of(session, number)):
            about = f"  about {each.about_id}" if each.about_id else ""
            print(f"{each.id}  {each.kind:<10}  {each.party_id}{about}")


@statement_commands.command("show")
def show_statement(
    statement_id: Annotated[str, typer.Argument(help="stm_…")],
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the lines as CSV.")] = False,
    to: Annotated[
        Path | None, typer.Option("--out", dir_okay=False, help="Write a PDF there instead.")
    ] = None,
) -> None:
    """Print a statement as JSON, or as CSV, or write it as a PDF."""
    from app.payments import paper
    from app.payments.models import IssuedStatement

    with db.reading() as session:
        statement = session.get(IssuedStatement, statement_id)
    if statement is None:
        raise typer.BadParameter(f"no statement has the id {statement_id}")
    if to is not None:
        to.write_bytes(paper.as_pdf(statement))
        out.print(f"{to}: the JSON in it is {statement.document_sha256}", markup=False)
    elif as_csv:
        print(paper.as_csv(statement), end="")
    else:
        print(json.dumps(json.loads(statement.document), indent=2, ensure_ascii=False))
