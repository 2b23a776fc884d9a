"""`understudy obligations`: what is owed, when and by whom, over the whole installation."""

import json
from typing import Annotated

import typer

from app import db
from app.cli_check import AsJson

obligation_commands = typer.Typer(
    no_args_is_help=True, help="What is owed, when and by whom, with proof when done."
)


@obligation_commands.command("list")
def list_obligations(
    state: Annotated[str, typer.Option(help="open, done, missed or lasting.")] = "open",
    kind: Annotated[
        str | None,
        typer.Option(help="approval, preview, label, deletion, report, payout, invoice or case."),
    ] = None,
    of: Annotated[str | None, typer.Option(help="org_…: owed by it or to it.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    as_json: AsJson = False,
) -> None:
    """List what is owed, what is due first at the top; derived at this moment."""
    from app import clock
    from app.obligations import service
    from app.obligations.api import ObligationRead
    from app.obligations.rows import STATES

    if state not in STATES or kind not in (None, *service.SOURCES):
        raise typer.BadParameter(
            f"choose a state of {STATES} and a kind of {tuple(service.SOURCES)}"
        )
    with db.reading() as session:
        found = service.owed(session, of, state=state, kind=kind, limit=limit)
    if as_json:
        said = [ObligationRead.model_validate(each).model_dump(mode="json") for each in found]
        print(json.dumps(said))
        return
    for each in found:
        due = "no day named" if each.due_at is None else f"due {each.due_at:%Y-%m-%d %H:%M} UTC"
        if state == "open" and each.due_at is not None and each.due_at <= clock.now():
            due = f"OVERDUE, {due}"
        done = f"; done {each.done_at:%Y-%m-%d %H:%M} UTC ({each.proof})" if each.done_at else ""
        print(f"{each.kind:<9} {each.what}  {each.key}  by {', '.join(each.owed_by)}; {due}{done}")
