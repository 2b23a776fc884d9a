"""`understudy audit`: what was opened and what the operator did, exported and held to its chain."""

import json
from pathlib import Path
from typing import Annotated

import typer

from app import db

audit_commands = typer.Typer(
    no_args_is_help=True, help="Audit events: openings of the vault, acts of the operator."
)


@audit_commands.command("export")
def export(
    to: Annotated[Path | None, typer.Option("--out", dir_okay=False, help="A file.")] = None,
) -> None:
    """Write every audit event as JSON, one a line, oldest first; then the segments they are in."""
    from app.audit import events

    with db.reading() as session:
        lines = [json.dumps(each, ensure_ascii=False) for each in events.exported(session)]
    if to is None:
        print("\n".join(lines))
    else:
        to.write_text("\n".join([*lines, ""]), "utf-8")
        print(f"{to}: {len(lines)} lines")


@audit_commands.command("check")
def check() -> None:
    """Recompute the chain from the rows; name the first thing that is not as it was closed."""
    from app.audit import events

    with db.reading() as session:
        found = events.first_difference(session)
    if found is not None:
        print(found)
        raise typer.Exit(1)
    print("Every segment is as it was closed.")


@audit_commands.command("close")
def close() -> None:
    """Close what has come about into a segment now; the worker does so every minute."""
    from app.audit import events

    with db.writing() as session:
        segment = events.close_segment(session)
    print("nothing to close" if segment is None else f"{segment.id}: {segment.events} events")
