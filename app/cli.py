"""The command `understudy`: set up, run, make keys, verify files, prove the log, play the demo."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from sqlmodel import select

from app import config, db
from app.config import settings
from app.errors import AppError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Digital replicas act only by contract; every output carries its provenance.",
)
organization_commands = typer.Typer(no_args_is_help=True, help="Organizations.")
key_commands = typer.Typer(no_args_is_help=True, help="API keys: shown once, stored as a hash.")
conformance_commands = typer.Typer(no_args_is_help=True, help="Run a conformance suite.")
log_commands = typer.Typer(no_args_is_help=True, help="The transparency log.")
ledger_commands = typer.Typer(no_args_is_help=True, help="The books.")
mark_commands = typer.Typer(no_args_is_help=True, help="The invisible watermark.")
for name, group in (
    ("organization", organization_commands),
    ("api-key", key_commands),
    ("conformance", conformance_commands),
    ("log", log_commands),
    ("ledger", ledger_commands),
    ("watermark", mark_commands),
):
    app.add_typer(group, name=name)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead.")]
Readable = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]
out, err = Console(), Console(stderr=True)


def main() -> None:
    """Run a command; a refusal is one clear line and exit status 1."""
    try:
        app()
    except AppError as refusal:
        err.print(f"[bold]{refusal.code}[/]: {refusal.detail}", highlight=False)
        sys.exit(1)


@app.command()
def setup() -> None:
    """Make what is missing: data directory, keys, certificates, database. Safe to repeat."""
    from app import installation

    made = installation.prepare()
    out.print(f"Ready in {settings().data_dir}: {', '.join(made) or 'nothing was missing'}.")


@app.command()
def serve() -> None:
    """Run the server, and a worker inside it unless UNDERSTUDY_WORKER_IN_PROCESS=false."""
    import uvicorn

    from app.main import create_app

    uvicorn.run(create_app(), host=settings().host, port=settings().port, log_config=None)


@app.command()
def worker() -> None:
    """Run a worker of its own: it takes permitted generations through the pipeline."""
    from app import logs
    from app.worker import run

    logs.configure()
    run()


@app.command()
def demo(
    portrait: Annotated[Path | None, typer.Option(help="A portrait of your own.")] = None,
    line: Annotated[str, typer.Option(help="What it shall say.")] = (
        "I hold the light a little longer, and then I let it go."
    ),
    directory: Annotated[Path, typer.Option("--out", help="Where everything goes.")] = Path(
        "demo-out"
    ),
    as_json: AsJson = False,
) -> None:
    """One licensed generation, end to end: enrolled, contracted, decided, rendered, verified."""
    directory.mkdir(parents=True, exist_ok=True)
    os.environ["UNDERSTUDY_DATA_DIR"] = str((directory / "installation").absolute())
    config.settings.cache_clear()
    db.engine.cache_clear()
    from app.demo import story

    summary = story.play(portrait=portrait, line=line, out=directory, quiet=as_json)
    if as_json:
        print(json.dumps(summary))
    if not summary["kept"]:
        raise typer.Exit(1)


@app.command()
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


@organization_commands.command("create")
def create_organization(
    name: str,
    kind: Annotated[str, typer.Option(help="performer, agency or production")],
) -> None:
    """Register an organization; its id is printed."""
    from app.identity import service as identity
    from app.identity.models import ORGANIZATION_KINDS

    if kind not in ORGANIZATION_KINDS:
        raise typer.BadParameter(f"choose one of {', '.join(ORGANIZATION_KINDS)}")
    with db.writing() as session:
        print(identity.create_organization(session, name, kind).id)


@key_commands.command("create")
def create_api_key(
    organization_id: Annotated[str, typer.Argument(help="org_…")],
    name: Annotated[str, typer.Option(help="What the key is for.")] = "default",
) -> None:
    """Make an API key for an organization. It is shown this once."""
    from app.identity import service as identity
    from app.identity.models import Organization

    with db.writing() as session:
        organization = session.get(Organization, organization_id)
        if organization is None:
            raise typer.BadParameter(f"no organization has the id {organization_id}")
        _, text = identity.create_api_key(session, organization, name=name)
    print(text)


@key_commands.command("revoke")
def revoke_api_key(
    prefix: Annotated[str, typer.Argument(help="The 8 characters after ustk_")],
) -> None:
    """End an API key at once."""
    from app.identity import service as identity
    from app.identity.models import ApiKey

    with db.writing() as session:
        key = session.exec(select(ApiKey).where(ApiKey.prefix == prefix)).first()
        if key is None:
            raise typer.BadParameter(f"no API key begins with ustk_{prefix}")
        identity.revoke_api_key(session, key)
    print(f"ustk_{prefix} is revoked")


@conformance_commands.command("scenarios")
def run_scenarios(file: Readable) -> None:
    """Run licensing decisions against this installation's own policies."""
    from app.licensing.conformance import run_scenarios

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


if __name__ == "__main__":
    main()
