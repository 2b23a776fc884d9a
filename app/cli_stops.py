"""Commands of the kill switch: stop everything, one vendor or one performer, and let go again."""

from typing import Annotated

import typer

from app import db

stop_commands = typer.Typer(
    no_args_is_help=True, help="The kill switch: the installation, a vendor, a performer."
)


@stop_commands.command("set")
def set_stop(
    kind: Annotated[str, typer.Argument(help="installation, vendor or performer")],
    subject: Annotated[str, typer.Argument(help="The vendor's name, or per_…")] = "",
    reason: Annotated[str, typer.Option(help="Read by whoever is stopped.")] = "",
) -> None:
    """Stop at once: when this returns, nothing more is permitted, sent, released or handed out."""
    from app.gateway import stops

    with db.writing() as session:
        standing = stops.stop(session, kind, subject, reason=reason)
    print(f"{standing.id} {kind} {standing.subject}".rstrip() + f": {standing.reason}")


@stop_commands.command("lift")
def lift_stop(stop_id: Annotated[str, typer.Argument(help="stp_…")]) -> None:
    """Let go of one stop; what it ended stays ended."""
    from app.gateway import stops

    with db.writing() as session:
        standing = stops.lift(session, stop_id)
    print(f"{standing.id} lifted at {standing.lifted_at:%Y-%m-%dT%H:%M:%SZ}")


@stop_commands.command("list")
def list_stops() -> None:
    """List what is stopped now."""
    from app.gateway import stops

    with db.reading() as session:
        for each in stops.in_force(session):
            print(
                f"{each.id} {each.kind} {each.subject}".rstrip()
                + f" since {each.stopped_at:%Y-%m-%dT%H:%M:%SZ}: {each.reason}"
            )
