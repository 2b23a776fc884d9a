"""The command `understudy`: set up, run, make keys, verify files, prove the log, play the demo."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy as sa
import typer
from rich.console import Console
from rich.markup import escape

from app import config, db
from app.cli_api_keys import key_commands
from app.cli_audit import audit_commands
from app.cli_budgets import budget_commands
from app.cli_bundle import bundles
from app.cli_cases import case_commands
from app.cli_check import AsJson, checks, out
from app.cli_contract import contracts
from app.cli_generators import generator_commands
from app.cli_keys import keys_commands
from app.cli_log import log_commands
from app.cli_mandates import mandate_commands
from app.cli_money import bank_commands, credit_commands, invoice_commands, money, party_commands
from app.cli_notices import notice_commands
from app.cli_obligations import obligation_commands
from app.cli_payouts import payout_commands
from app.cli_people import operators_commands, people_commands
from app.cli_policy import agreement_commands, policy_commands
from app.cli_providers import provider_commands
from app.cli_renderer import renderers
from app.cli_reviews import review_commands
from app.cli_roster import rosters
from app.cli_simulate import simulations
from app.cli_statement import statement_commands
from app.cli_status import statuses
from app.cli_stops import stop_commands
from app.cli_unions import union_commands
from app.cli_watermark import watermark_commands
from app.cli_webhooks import webhook_commands
from app.config import settings
from app.errors import AppError
from app.licensing.deciding.rules import PolicySetInvalid

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Digital replicas act only by contract; every output carries its provenance.",
)
organization_commands = typer.Typer(no_args_is_help=True, help="Organizations.")
for name, group in (
    ("organization", organization_commands),
    ("people", people_commands),
    ("operators", operators_commands),
    ("sign-in", provider_commands),
    ("mandates", mandate_commands),
    ("api-key", key_commands),
    ("agreement", agreement_commands),
    ("reviews", review_commands),
    ("stop", stop_commands),
    ("cases", case_commands),
    ("obligations", obligation_commands),
    ("union", union_commands),
    ("budget", budget_commands),
    ("policy", policy_commands),
    ("generators", generator_commands),
    ("keys", keys_commands),
    ("log", log_commands),
    ("statement", statement_commands),
    ("party", party_commands),
    ("invoice", invoice_commands),
    ("credit", credit_commands),
    ("bank", bank_commands),
    ("payouts", payout_commands),
    ("audit", audit_commands),
    ("notices", notice_commands),
    ("webhooks", webhook_commands),
    ("watermark", watermark_commands),
):
    app.add_typer(group, name=name)
app.add_typer(contracts, name="contract")
app.add_typer(checks)
app.add_typer(bundles)
app.add_typer(renderers)
app.add_typer(rosters)
app.add_typer(simulations)
app.add_typer(statuses)
app.add_typer(money)

err = Console(stderr=True)


# Commands about files, rules and other installations: nothing of this one is done by them.
ELSEWHERE = {
    "access", "conformance", "demo", "import-roster", "renderer", "setup", "simulate", "verify",
    "verify-signature", "verify-status", "watermark",
}  # fmt: skip
BEFORE_SETUP = {"keys init"}


class ActNotNoted(AppError):
    """What the operator is about to do cannot be put down, so it is not done."""

    status, code = 503, "act-not-noted"


def note(arguments: list[str]) -> None:
    """Put down which command of the operator is about to run, before it does anything.

    Raises ActNotNoted, and nothing runs, where an installation is there and cannot keep it.
    """
    words = words_of(arguments)
    if not words or words[0] in ELSEWHERE or "--help" in arguments:
        return
    file = db.file_of(settings().database)
    if file is not None and not file.exists():
        return  # no installation yet
    from app import trail

    try:
        with db.writing() as session:
            if trail.is_kept(session):
                trail.note_act(session, " ".join(words), arguments)
    except sa.exc.DBAPIError:
        if " ".join(words) not in BEFORE_SETUP:
            raise ActNotNoted(
                "the operator's acts are put down before they are done, and the database does not "
                "take it: nothing was done; look at the database, then run the command again"
            ) from None


def words_of(arguments: list[str]) -> list[str]:
    """Return the words of the command that these arguments call, and none of what it is given."""
    command: Any = typer.main.get_command(app)
    words: list[str] = []
    for each in arguments:
        found = getattr(command, "commands", {}).get(each)
        if found is None:
            break
        command = found
        words.append(each)
    return words


def main() -> None:
    """Run a command; a refusal is one clear line and exit status 1."""
    for library in ("OMP", "OPENBLAS"):  # more threads than cores slow each other down severalfold
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    try:
        note(sys.argv[1:])
        app()
    except AppError as refusal:
        err.print(f"[bold]{refusal.code}[/]: {refusal.detail}", highlight=False)
        sys.exit(1)
    except PolicySetInvalid as refusal:
        err.print(f"[bold]policies-invalid[/]: {escape(str(refusal))}", highlight=False)
        sys.exit(1)
    except sa.exc.DBAPIError as trouble:
        why = str(trouble.orig).partition("\n")[0]
        said = (
            f"the database does not do this ({why}). Where it was never set up, or is older than "
        )
        said += "this program, run `understudy setup`; else see whether it answers"
        err.print(f"[bold]database[/]: {escape(said)}", highlight=False, soft_wrap=True)
        sys.exit(1)


@app.command()
def setup(
    role: Annotated[
        str | None,
        typer.Option(help="PostgreSQL role of the application: adds to the books, edits nothing."),
    ] = None,
) -> None:
    """Make what is missing: data directory, keys, certificates, database. Safe to repeat."""
    from app import installation, roles
    from app.identity import operators

    made = installation.prepare()
    out.print(f"Ready in {settings().data_dir}: {', '.join(made) or 'nothing was missing'}.")
    if role is not None:
        out.print(f"{role} can only add to: {', '.join(roles.limit(role))}.")
    with db.reading() as session:
        if not operators.operators(session):
            out.print("Next: `understudy operators invite`, for the first of who runs it.")


@app.command()
def serve() -> None:
    """Run the server, and a worker inside it unless UNDERSTUDY_WORKER_IN_PROCESS=false."""
    import uvicorn

    from app.licensing.decisions import rulebook
    from app.main import create_app

    rulebook.today()  # rules that do not validate do not start
    uvicorn.run(create_app(), host=settings().host, port=settings().port, log_config=None)


@app.command()
def worker() -> None:
    """Run a worker of its own: it takes permitted generations through the pipeline."""
    from app import logs
    from app.licensing.decisions import rulebook
    from app.worker import run

    rulebook.today()  # rules that do not validate do not start
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
    serve_it: Annotated[
        bool, typer.Option("--serve", help="Then serve it here, with links that sign you in.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """One licensed generation, end to end: enrolled, contracted, decided, rendered, verified."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in config.ELSEWHERE:  # an installation of its own: none that settings point at
        os.environ.pop(name, None)
    os.environ["UNDERSTUDY_DATA_DIR"] = str((directory / "installation").absolute())
    config.settings.cache_clear()
    db.engine.cache_clear()
    from app.demo import story

    summary = story.play(portrait=portrait, line=line, out=directory, quiet=as_json)
    if as_json:
        print(json.dumps(summary))
    if not summary["kept"]:
        raise typer.Exit(1)
    if serve_it:
        from app.demo import doors

        doors.serve(out)


@organization_commands.command("create")
def create_organization(
    name: str,
    kind: Annotated[str, typer.Option(help="performer, agency, production or union")],
) -> None:
    """Register an organization; its id is printed."""
    from app.identity import service as identity
    from app.identity.models import ORGANIZATION_KINDS

    if kind not in ORGANIZATION_KINDS:
        raise typer.BadParameter(f"choose one of {', '.join(ORGANIZATION_KINDS)}")
    with db.writing() as session:
        print(identity.create_organization(session, name, kind).id)


@app.command("access")
def show_access() -> None:
    """Print who may call each operation of the server: the page docs/access.md."""
    from app import access
    from app.main import create_app, operations_of

    print(access.as_page(operations_of(create_app())), end="")


if __name__ == "__main__":
    main()
