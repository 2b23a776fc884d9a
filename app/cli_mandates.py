"""`understudy mandates`: who may act for a performer; filed with papers, listed, ended."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from app import clock, db

mandate_commands = typer.Typer(
    no_args_is_help=True, help="Mandates: who may act for a performer, for what, until when."
)


@mandate_commands.command("grant")
def grant_mandate(
    document: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The signed JSON.")],
    jws: Annotated[str, typer.Option(help="The detached JWS over it.")],
    paper: Annotated[list[Path], typer.Option(exists=True, dir_okay=False)] = [],  # noqa: B006
) -> None:
    """Keep a signed mandate; one that rests on papers needs each of them, looked at by you.

    A guardian's, an estate's, a union's for one and a court's order are filed so: what you file you
    say to have checked. Whoever signs for themselves in another role grants as over HTTP.
    """
    from app.identity.models import SigningKey
    from app.licensing.contracts.signatures import key_id_of
    from app.licensing.mandates import service
    from app.registry.mandates import EVIDENCE

    said = _object(document)
    with db.writing() as session:
        if said.get("role") in EVIDENCE:
            made = service.file(session, said, jws, papers=paper)
        else:
            key = session.get(SigningKey, key_id_of(jws))
            grantor = "" if key is None else key.organization_id
            made = service.grant(session, grantor, said, jws=jws)
    print(f"{made.id} {made.holder_id} as {made.role} for {made.performer_id}: {_says(made.acts)}")


@mandate_commands.command("declared")
def list_declared() -> None:
    """List what unions signed for estates that cannot be found, and waits for you to file it."""
    from app.licensing.mandates import declaring

    with db.reading() as session:
        for each in declaring.waiting(session):
            said = json.loads(each.document)
            papers = " ".join(f"{paper['kind']}={paper['sha256']}" for paper in said["papers"])
            print(
                f"{each.id} {each.organization_id} for {each.performer_id}, "
                f"died {said['died_on']}, until {said['ends_at']}: {papers}"
            )


@mandate_commands.command("file")
def file_declared(
    declaration_id: Annotated[str, typer.Argument(help="mdc_…, as `declared` lists it.")],
    paper: Annotated[list[Path], typer.Option(exists=True, dir_okay=False)],
) -> None:
    """File what a union signed at its page, with the papers it names: you have looked at them."""
    from app.licensing.mandates import declaring

    with db.writing() as session:
        made = declaring.file(session, declaration_id, paper)
    print(f"{made.id} {made.holder_id} as {made.role} for {made.performer_id}: {_says(made.acts)}")


@mandate_commands.command("list")
def list_mandates(performer_id: Annotated[str, typer.Argument(help="per_…")]) -> None:
    """List the mandates for a performer, oldest first, with where each stands."""
    from sqlmodel import col, select

    from app.licensing.mandates import service
    from app.registry.models_mandates import Mandate

    with db.reading() as session:
        theirs = select(Mandate).where(Mandate.performer_id == performer_id)
        for each in session.exec(theirs.order_by(col(Mandate.id))):
            print(
                f"{each.id} {service.state_of(each, at=clock.now())} {each.holder_id} "
                f"as {each.role}: {_says(each.acts)} until {each.ends_at:%Y-%m-%dT%H:%M:%SZ}"
            )


@mandate_commands.command("revoke")
def revoke_mandate(mandate_id: Annotated[str, typer.Argument(help="man_…")]) -> None:
    """End a mandate at once; what was done under it stands."""
    from app.licensing.errors import MandateNotFound
    from app.licensing.mandates import service
    from app.registry.models_mandates import Mandate

    with db.writing() as session:
        mandate = session.get(Mandate, mandate_id)
        if mandate is None:
            raise MandateNotFound(f"no mandate has the id {mandate_id[:64]}")
        ended = service.revoke(session, mandate, by=service.OPERATOR)
    print(f"{ended.id} ended at {ended.revoked_at:%Y-%m-%dT%H:%M:%SZ}")


@mandate_commands.command("birth")
def record_birth(
    performer_id: Annotated[str, typer.Argument(help="per_…")],
    born_on: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"])],
) -> None:
    """Record when a performer was born, once; the date is sealed, the day of majority is not."""
    from app.licensing.mandates import service
    from app.registry import lives

    with db.writing() as session:
        performer = service.lock(session, performer_id)
        life = lives.record_birth(session, performer, born_on.date())
    print(f"{performer_id} comes of age on {life.majority_on}")


@mandate_commands.command("document")
def record_document(
    performer_id: Annotated[str, typer.Argument(help="per_…")],
    reference: Annotated[str, typer.Option(help="Who checked it, and under which number.")],
) -> None:
    """Record that a performer's document was checked elsewhere; the document stays there."""
    from app.licensing.mandates import service, vouching

    with db.writing() as session:
        performer = service.lock(session, performer_id)
        proof = vouching.record_document(session, performer, reference)
    print(f"{proof.id} {performer_id}: document, until {proof.ends_at:%Y-%m-%d}")


def _says(acts: list[str]) -> str:
    return ", ".join(acts)


def _object(file: Path) -> dict[str, object]:
    try:
        said = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"{file} is not JSON: {error}") from None
    if not isinstance(said, dict):
        raise typer.BadParameter(f"{file} holds no JSON object; docs/mandates.md shows one")
    return said
