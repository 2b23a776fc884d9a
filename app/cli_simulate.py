"""The command that asks "could they ...?" of a draft, before anybody signs it."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

simulations = typer.Typer(no_args_is_help=True)
out = Console(highlight=False)
Readable = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]
MARKS = {"permit": "yes", "needs-approval": "ask first", "deny": "no"}


@simulations.command("simulate")
def simulate(
    file: Readable,
    requests: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Uses as JSON: base, requests, axes."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Ask a draft "could they ...?": a table of uses, what would be decided, and why.

    Nothing is stored and nothing is decided. Without --requests the draft itself is swept:
    purposes, media, territories and content it names, and some that it does not.
    """
    from app import clock
    from app.licensing.deciding.policy_set import load_policies
    from app.licensing.simulations.facts import from_draft
    from app.licensing.simulations.forms import UsesForm
    from app.licensing.simulations.simulation import answers, legend

    try:
        form = UsesForm.model_validate_json("{}" if requests is None else requests.read_bytes())
    except ValidationError as error:
        raise typer.BadParameter(f"{requests}: {error}") from None
    start = from_draft(_object(file), clock.now(), generators={})
    axes, uses = form.uses(start.terms, start.usual)
    contract, state = form.suppose.of_contract(start.contract), form.suppose.of_world(start.state)
    policies = load_policies()
    rows = list(answers(policies, [contract], state, uses))
    explained = legend(policies, rows)
    if as_json:
        plain = [{"outcome": row.outcome, "codes": row.codes} for row in rows]
        print(json.dumps({"v": 1, "is_decision": False, "rows": plain, "codes": explained}))
        return
    names = list(axes) or ["purpose", "medium", "territories", "tags"]
    table = Table(*names, "could they?", "because", title="Not a decision: as if signed now")
    for use, row in zip(uses, rows, strict=True):
        said = [_shown(getattr(use, name)) for name in names]
        table.add_row(*said, MARKS[row.outcome], ", ".join(row.codes))
    out.print(table)
    for code, said_of in explained.items():
        where = f"  {said_of['clause']}" if said_of["clause"] else ""
        out.print(f"{code}{where}\n  {said_of['summary']} {said_of['next_step']}", markup=False)


def _shown(value: Any) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value or "")


def _object(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"{file} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise typer.BadParameter(f"{file} holds no JSON object")
    return found
