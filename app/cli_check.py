"""Commands that check something and change nothing: files, receipts, the books."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from app import db, keys

checks = typer.Typer(no_args_is_help=True)
conformance_commands = typer.Typer(no_args_is_help=True, help="Run a conformance suite.")
ledger_commands = typer.Typer(no_args_is_help=True, help="The books.")
for name, group in (
    ("conformance", conformance_commands),
    ("ledger", ledger_commands),
):
    checks.add_typer(group, name=name)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead.")]
Readable = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]
out = Console()


@checks.command()
def verify(file: Readable, as_json: AsJson = False) -> None:
    """Say what a file is, who consented, and whether the licence held then and holds now."""
    from app.audit import desk

    found = desk.look_at(file)
    if as_json:
        print(json.dumps({"verdict": found.verdict, "findings": found.findings}))
        return
    out.print(f"[bold]{found.verdict}[/]  {found.sentence}")
    _print_findings(found.findings)


def _print_findings(findings: dict[str, Any]) -> None:
    for name, finding in findings.items():
        out.print(f"  {name:<14} {finding}", highlight=False, markup=False)


@conformance_commands.command("scenarios")
def run_scenarios(file: Readable) -> None:
    """Run licensing decisions against this installation's own policies."""
    from app.licensing.deciding.conformance import run_scenarios

    _report(*run_scenarios(file))


@conformance_commands.command("royalties")
def run_royalties(file: Readable) -> None:
    """Run compensation cases against this installation's own reckoning."""
    from app.ledger.conformance import run_royalties

    _report(*run_royalties(file))


def _report(mismatches: list[str], passed: int, failed: int) -> None:
    for mismatch in mismatches:
        print(mismatch)
    print(f"{passed} passed, {failed} failed")
    if failed:
        raise typer.Exit(1)


@ledger_commands.command("check")
def check_ledger() -> None:
    """Reckon every royalty, entry and balance again, from contracts and usage alone."""
    from app.ledger.check import check

    with db.reading() as session:
        found = check(session)
    print(f"{found.events} usage events, {found.entries} entries")
    print(found.first_difference or "the books are right")
    if not found.ok:
        raise typer.Exit(1)


@checks.command("verify-receipt")
def verify_receipt(
    file: Readable,
    key: Annotated[Path | None, typer.Option(help="PEM public key; default: our own.")] = None,
) -> None:
    """Check a decision receipt offline and print what it states."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    from app.licensing.decisions import receipt

    public = load_pem_public_key(key.read_bytes()) if key else keys.public_key("receipt")
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise typer.BadParameter("receipts are signed with a P-256 key")
    try:
        print(json.dumps(receipt.verify_receipt(file.read_text(), public), indent=2))
    except receipt.ReceiptInvalid as refusal:
        print(f"not a receipt of this key: {refusal}", file=sys.stderr)
        raise typer.Exit(1) from None
