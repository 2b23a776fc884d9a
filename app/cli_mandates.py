"""`understudy mandates`: who may act for a performer; filed with papers, listed, ended."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from sqlmodel import Session

from app import clock, db
from app.config import settings

if TYPE_CHECKING:
    from app.registry.models_mandates import Mandate

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
    say to have checked. One that puts a death on record takes two operators, who agree at their
    pages; then the same command files it. Whoever signs for themselves in another role grants as
    over HTTP.
    """
    from app.identity.models import SigningKey
    from app.licensing.contracts.signatures import key_id_of
    from app.licensing.mandates import deaths, service
    from app.registry.mandates import EVIDENCE

    said = _object(document)

    def keep(session: Session) -> "Mandate":
        if said.get("role") in EVIDENCE:
            return service.file(session, said, jws, papers=paper)
        key = session.get(SigningKey, key_id_of(jws))
        grantor = "" if key is None else key.organization_id
        return service.grant(session, grantor, said, jws=jws)

    if deaths.rests_on_one(said):
        _print_kept(_by_two(said, paper, keep))
        return
    with db.writing() as session:
        made = keep(session)
    _print_kept(made)


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
    """File what a union signed at its page, with the papers it names: you have looked at them.

    It puts a death on record: two operators agree at their pages, then the same command files it.
    """
    from app.licensing.mandates import declaring

    with db.reading() as session:
        said = declaring.document_to_file(session, declaration_id)
    made = _by_two(said, paper, lambda session: declaring.file(session, declaration_id, paper))
    _print_kept(made)


@mandate_commands.command("alive")
def take_back_death(performer_id: Annotated[str, typer.Argument(help="per_…")]) -> None:
    """Ask two operators to take back a death that was recorded in error: their agreement does it.

    Whoever stood in for the estate does no longer, and every use is paused until the performer
    allows it.
    """
    from app.licensing.mandates import deaths
    from app.registry.errors import PerformerUnknown
    from app.registry.models import Performer
    from app.trail import operator_name
    from app.twofold.errors import SecondPersonNeeded
    from app.twofold.service import ACCOUNT

    with db.writing() as session:
        performer = session.get(Performer, performer_id)
        if performer is None:
            raise PerformerUnknown(f"no performer has the id {performer_id[:64]}")
        act = deaths.ask_to_take_back(session, performer, {ACCOUNT: operator_name()})
    if act is None:
        raise SecondPersonNeeded(
            "this takes two operators, and there is none; nothing was done. Let the first in with "
            "`understudy operators invite`, who then invites others"
        )
    print(
        f"{act.id} waits for two operators until {act.lapses_at:%d %B %Y}; nothing was done. They "
        f"agree at {settings().origin}/account/two-people, which takes the death back"
    )


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


def _by_two(
    said: dict[str, object], papers: list[Path], do: "Callable[[Session], Mandate]"
) -> "Mandate":
    """File what rests on a death once two operators agreed; the performer's side hears of it."""
    from app.licensing.mandates import deaths, telling
    from app.twofold import operators

    with db.reading() as session:
        performer, asked = deaths.to_record(session, said, papers)
    return operators.by_two(
        deaths.RECORDING,
        performer.id,
        asked,
        do,
        first=lambda session: telling.tell_of_death(
            session, "death-asked", performer, by=asked["holder"]
        ),
    )


def _print_kept(made: "Mandate") -> None:
    print(f"{made.id} {made.holder_id} as {made.role} for {made.performer_id}: {_says(made.acts)}")


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
