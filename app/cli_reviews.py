"""Commands of reviews: what a machine was in doubt about, looked at and answered by a person.

Reviews (rev_…) are of materials and outputs, holds (hld_…) of enrollments whose face resembles
somebody's.
"""

from pathlib import Path
from typing import Annotated

import typer
from sqlmodel import Session

from app import db

review_commands = typer.Typer(
    no_args_is_help=True, help="Materials, outputs and enrollments that wait for a person to look."
)
ReviewId = Annotated[str, typer.Argument(help="rev_… or hld_…")]
Reason = Annotated[str, typer.Option(help="Why; it stays on record.")]


@review_commands.command("list")
def list_reviews() -> None:
    """List what waits for a look, oldest first."""
    from app.gateway.reviews import service
    from app.registry import resemblance

    with db.reading() as session:
        for each in service.waiting(session):
            subject = each.material_id or each.generation_id
            print(f"{each.id} {subject} {each.opened_at:%Y-%m-%dT%H:%MZ}: {each.findings[0]}")
        for held in resemblance.waiting(session):
            said = "the face resembles somebody enrolled"
            print(f"{held.id} {held.performer_id} {held.held_at:%Y-%m-%dT%H:%MZ}: {said}")


@review_commands.command("show")
def show_review(review_id: ReviewId) -> None:
    """Say what is in doubt, whom it may show, and how little a hit proves."""
    from app.gateway.reviews import service

    if review_id.startswith("hld_"):
        _show_hold(review_id)
        return
    with db.reading() as session:
        shown = service.show(session, review_id)
    review = shown.review
    print(f"{review.id} about {review.material_id or review.generation_id}: {review.outcome}")
    for finding in review.findings:
        print(f"  {finding}")
    for match in shown.matches:
        print(f"  may show {match.performer_id}: {match.distance_milli / 1000:.2f} apart")
    print(
        f"  {review.faces} faces were searched for; there are {shown.templates} templates now, and "
        f"up to {shown.false_hits:.1f} wrong hits to reckon with (docs/faces.md)"
    )
    if review.answered_at is not None:
        print(f"  {review.outcome} by {review.answered_as}: {review.reason}")


def _show_hold(hold_id: str) -> None:
    from app.registry import faces, resemblance

    with db.reading() as session:
        held, matches = resemblance.show(session, hold_id)
    print(f"{held.id} about {held.performer_id}: {held.outcome}")
    for match in matches:
        print(f"  may be {match.performer_id}: {match.distance_milli / 1000:.2f} apart")
    print(
        f"  {held.templates} templates were searched, with up to "
        f"{faces.false_hits(held.templates):.1f} wrong hits to reckon with (docs/faces.md)"
    )
    if held.answered_at is not None:
        print(f"  {held.outcome}: {held.reason}")


@review_commands.command("open")
def open_subject(
    review_id: ReviewId,
    to: Annotated[Path, typer.Argument(help="Where to write the file; it must not exist.")],
) -> None:
    """Write what waits into a file, to be looked at; that it was opened is on record.

    Of a hold: the new performer's portrait. Two operators agree at their pages, then the command
    does it (docs/people.md); whose it is, is told at once.
    """
    from app import storage, vault
    from app.gateway.materials.models import Material
    from app.gateway.models import Generation
    from app.gateway.reviews import service
    from app.twofold import operators

    if review_id.startswith("hld_"):
        _open_portrait(review_id, to)
        return
    with db.reading() as session:
        review = service.show(session, review_id).review
        material = session.get(Material, review.material_id) if review.material_id else None
        generation = session.get(Generation, review.generation_id) if not material else None

    def write(session: Session) -> None:
        if material is not None:
            vault.open_to(
                session, material.vault_object_id, to, purpose="evidence", subject_id=review.id
            )
        elif generation is not None:
            with to.open("xb"):
                pass
            storage.fetch(generation.rendered_key or "", to)

    asked = {"vault_object_id": material.vault_object_id} if material else {}
    subject = material or generation
    whose = subject.organization_id if subject else None
    operators.by_two("vault-access", review.id, asked, write, whose=whose)
    print(f"written to {to}: delete it when you have looked")


def _open_portrait(hold_id: str, to: Path) -> None:
    from app import vault
    from app.registry import resemblance
    from app.twofold import operators

    with db.reading() as session:
        performer, object_id = resemblance.portrait_of(session, hold_id)

    def write(session: Session) -> None:
        vault.open_to(session, object_id, to, purpose="evidence", subject_id=hold_id)

    asked = {"vault_object_id": object_id}
    operators.by_two("vault-access", hold_id, asked, write, whose=performer.organization_id)
    print(f"written to {to}: delete it when you have looked")


@review_commands.command("release")
def release(review_id: ReviewId, reason: Reason) -> None:
    """Let it go on, as far as this doubt is concerned; a held performer is no longer paused."""
    _answer(review_id, let_go=True, reason=reason)


@review_commands.command("refuse")
def refuse(review_id: ReviewId, reason: Reason) -> None:
    """Refuse it: a material may not be used, an output ends and costs nothing, a performer stays
    paused."""
    _answer(review_id, let_go=False, reason=reason)


@review_commands.command("withdraw-consent")
def withdraw_consent(
    material_id: Annotated[str, typer.Argument(help="mat_…")],
) -> None:
    """Take back the consent to a material for whoever told you: nothing is released with it."""
    from app.gateway.materials import consents
    from app.gateway.materials.models import Material

    with db.writing() as session:
        found = session.get(Material, material_id)
        if found is None:
            raise typer.BadParameter(f"there is no material {material_id}")
        ended = consents.withdraw(session, found, by="operator")
    print(f"{material_id}: {len(ended)} consents are withdrawn")


def _answer(review_id: str, *, let_go: bool, reason: str) -> None:
    from app.gateway.reviews import answering
    from app.registry import resemblance

    answer = resemblance.answer if review_id.startswith("hld_") else answering.answer
    with db.writing() as session:
        answered = answer(session, review_id, let_go=let_go, reason=reason)
        print(f"{answered.id} {answered.outcome}")
