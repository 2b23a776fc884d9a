"""Commands that check something and change nothing: files, receipts, the books."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from app import keys, logs

if TYPE_CHECKING:
    from app.audit.service import Verdict

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


Given = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="Offline: yours, instead of the bundle's."),
]


@checks.command()
def verify(
    file: Readable,
    *,
    offline: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A bundle: ask no server, no database."),
    ] = None,
    claim_root: Given = None,
    time_roots: Given = None,
    key_set: Annotated[
        Path | None,
        typer.Option("--keys", exists=True, dir_okay=False, help="Offline: your /v1/keys."),
    ] = None,
    log_key: Annotated[str | None, typer.Option(help="Offline: the log's verifier key.")] = None,
    witness: Annotated[list[str] | None, typer.Option(help="Offline: a witness's key.")] = None,
    trust_list: Annotated[
        Path | None, typer.Option(help="PEM of other people's roots: is their signer on it?")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a file is, who consented, and whether the licence held then and holds now.

    With a bundle (`understudy bundle`) everything comes from that zip and from the anchors given;
    "now" is its date. Exits with 1 where the bundle does not hold.
    """
    from app.audit import desk

    if offline is None:
        if any((claim_root, time_roots, key_set, log_key, witness)):
            raise typer.BadParameter("anchors are given with --offline; online they are our own")
        logs.configure()  # to stderr: the answer is all that stands on stdout
        _tell(desk.look_at(file, trust_list=trust_list), as_json)
        return
    from app.audit.bundle.checking import Anchors
    from app.audit.bundle.offline import verify_offline

    given = Anchors(
        claim_root_pem=None if claim_root is None else claim_root.read_text(),
        time_roots_pem=None if time_roots is None else time_roots.read_text(),
        keys=None if key_set is None else key_set.read_bytes(),
        log_key=log_key,
        witnesses=" ".join(witness) if witness else None,
    )
    listed = desk.read_trust_list(trust_list)
    found = verify_offline(file, offline, given, trust_list_pem=listed)
    _tell(found, as_json)
    if not found.findings["bundle"]["holds"]:
        raise typer.Exit(1)


def _tell(found: "Verdict", as_json: bool) -> None:
    if as_json:
        said = {"sentence": found.sentence, "next_step": found.next_step}
        print(json.dumps({"verdict": found.verdict, **said, "findings": found.findings}))
        return
    out.print(f"[bold]{found.verdict}[/]  {found.sentence}")
    out.print(f"  {found.next_step}")
    steps = found.findings.get("bundle", {}).get("steps", [])
    for step in steps:
        more = " ".join(str(step.get(each, "")) for each in ("code", "member", "detail"))
        out.print(
            f"  {step['step']}. {step['name']:<13} {step['state']} {more}".rstrip(),
            highlight=False,
            markup=False,
        )
    _print_findings({name: each for name, each in found.findings.items() if name != "bundle"})


@checks.command("verify-signature")
def verify_signature(file: Readable, as_json: AsJson = False) -> None:
    """Check one exported signature over a contract, with nothing but the file: no network, no rows.

    Says in which role, by whom, on which page and shown which words it was given.
    """
    from app.licensing.contracts import signing

    try:
        said = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"{file} is not JSON: {error}") from None
    found = signing.verified(said)
    if as_json:
        print(json.dumps(found))
        return
    words = found.pop("words", None)
    out.print("[bold]the signature holds[/]")
    _print_findings(found)
    if words is not None:
        print(f"\n{words}")


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
    """Reckon every royalty and entry again, and hold all evidence against the public log."""
    import app.models  # noqa: F401  every table is held against the log
    from app.audit.books import check_books

    found, logged = check_books()
    print(f"{found.events} usage events, {found.entries} entries")
    right = f"the books are right{', and as the log holds them' if logged else ''}"
    print(found.first_difference or right)
    if not found.ok:
        raise typer.Exit(1)


@checks.command("verify-receipt")
def verify_receipt(
    file: Readable,
    key: Annotated[
        Path | None, typer.Option(help="PEM, or the JWK Set of /v1/keys; default: our own.")
    ] = None,
    disclosed: Annotated[
        Path | None, typer.Option(help="Facts shown to you: JSON lists of salt, name, value.")
    ] = None,
) -> None:
    """Check a decision receipt offline, permit or denial alike, and print what it states.

    With disclosures, say of each fact whether the decision relied on it; exit 1 if on one it did
    not.
    """
    from app.licensing.decisions import receipt
    from app.licensing.status import published_keys

    try:
        content = keys.public_pem("receipt") if key is None else key.read_bytes()
        statement = receipt.verify_by_any(
            file.read_bytes(), published_keys.keys_in(content, "receipt")
        )
        shown = receipt.read_disclosures(disclosed.read_bytes()) if disclosed else []
    except (receipt.ReceiptInvalid, published_keys.KeyFileInvalid) as refusal:
        print(f"not a receipt of this key: {refusal}", file=sys.stderr)
        raise typer.Exit(1) from None
    print(json.dumps(statement, indent=2))
    relied = [receipt.discloses(statement, each) for each in shown]
    for each, relied_on in zip(shown, relied, strict=True):
        print(f"{'relied on' if relied_on else 'NOT relied on'}: {each.name} = {each.value!r}")
    if not all(relied):
        raise typer.Exit(1)
