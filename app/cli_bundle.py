"""The command that puts an offline bundle together; `understudy verify --offline` checks one."""

from pathlib import Path
from typing import Annotated

import typer

from app.audit.bundle.audience import Audience
from app.cli_check import Readable

bundles = typer.Typer(no_args_is_help=True)


@bundles.command("bundle")
def make_bundle(
    file: Readable,
    to: Annotated[Path, typer.Option("--out", "-o", help="Where the zip goes.")] = Path(
        "bundle.zip"
    ),
    stranger: Annotated[
        bool, typer.Option("--stranger", help="Leave out what is for parties only.")
    ] = False,
) -> None:
    """Write all that proves the output a file comes from: found by credentials, mark or bytes.

    In it is the output as it was released, not the file that was given.
    """
    from app import db, sandbox
    from app.audit import desk
    from app.audit.bundle import making
    from app.audit.bundle.errors import OutputUnnamed

    found = desk.look_at(file)
    named = found.findings["manifest"]
    if named is None:
        raise OutputUnnamed(f"{file.name} is {found.verdict}: {found.sentence}")
    audience: Audience = "stranger" if stranger else "party"
    with db.reading() as session:
        made = making.make(session, named["generation_id"], audience=audience)
    partial = to.with_name(f"{to.name}.partial")
    with sandbox.private_directory() as work, partial.open("w+b") as target:
        making.write(made, target, work=work)
    partial.replace(to)
    print(f"{to}: all that proves {named['generation_id']}, for a {audience}")


@bundles.command("clearance")
def make_clearance_pack(
    generation_id: Annotated[str, typer.Argument(help="The released output: gen_…")],
    to: Annotated[Path, typer.Option("--out", "-o", help="Where the zip goes.")] = Path(
        "clearance.zip"
    ),
    reader: Annotated[
        str, typer.Option(help="Whom it is for: an organization granted more, by its id.")
    ] = "",
) -> None:
    """Write what a distributor and an insurer ask of an output: facts, disclosure, proofs."""
    from app import db, sandbox
    from app.audit.clearance import packing

    with db.reading() as session:
        pack = packing.make(session, generation_id, reader=reader)
    partial = to.with_name(f"{to.name}.partial")
    with sandbox.private_directory() as work, partial.open("w+b") as target:
        packing.write(pack, target, work=work)
    partial.replace(to)
    print(f"{to}: clearance of {generation_id}, for {reader or 'whoever is handed it'}")
