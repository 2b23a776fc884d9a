"""`understudy union`: a union's evidence, written to a file."""

from pathlib import Path
from typing import Annotated

import typer

from app import db

union_commands = typer.Typer(no_args_is_help=True, help="Unions: their evidence as one archive.")


@union_commands.command("evidence")
def write_evidence(
    organization_id: Annotated[str, typer.Argument(help="org_… of the union.")],
    out: Annotated[Path, typer.Argument(help="The zip to write; nothing is written over.")],
) -> None:
    """Write reports of use, strikes, refusals, overrides and breaches, each with its SHA-256."""
    from app.unions import evidence
    from app.unions.scope import union_of

    with db.reading() as session:
        packed = evidence.evidence(session, union_of(session, organization_id))
    try:
        with out.open("xb") as file:
            file.write(packed)
    except FileExistsError:
        raise typer.BadParameter(f"{out} exists; name another file") from None
    print(f"{out}: {len(packed)} bytes; check it with `sha256sum -c SHA256SUMS` inside")
