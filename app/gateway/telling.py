"""Who hears of a release: every performer in it, their agent, and whoever asked for it."""

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import clock
from app.gateway import service
from app.gateway.models import Generation
from app.gateway.models_previews import Preview
from app.licensing.decisions.models import Decision
from app.notices import delivery
from app.notices import service as notices
from app.notices.duty import Duty, duties
from app.notices.models import Notice
from app.registry.models import Performer


def tell_of_release(session: Session, generation: Generation) -> None:
    """Tell of a release, in its own transaction; a desk that is not reached alarms who asked."""
    _tell_both(session, generation, "released")


def tell_of_stop(session: Session, generation: Generation) -> None:
    """Tell both sides of a render that was stopped before its release, in its transaction."""
    _tell_both(session, generation, "render-stopped")


def _tell_both(session: Session, generation: Generation, kind: str) -> None:
    asked = generation.organization_id
    sides: dict[str, None] = {}
    for performer in _cast(session, generation):
        sides |= dict.fromkeys(filter(None, (performer.organization_id,
                                             performer.agent_organization_id)))  # fmt: skip
    for organization_id in {**sides, asked: None}:
        notices.tell(
            session,
            kind,
            generation.id,
            organization_id=organization_id,
            alarms_id=None if organization_id == asked else asked,
        )


def is_due(session: Session) -> bool:
    """Say whether somebody is to be reminded of a preview now; takes no lock."""
    return bool(_late_previews(session))


def remind(session: Session) -> None:
    """Remind once of what waits for a look and of whose time half is over; see `reminders.remind`.

    Where nothing proves that the question arrived, whoever asked is alarmed.
    """
    for preview in _late_previews(session):
        asked = session.exec(
            select(Notice).where(
                Notice.kind == "preview-requested", Notice.subject_id == preview.id
            )
        ).all()
        generation = session.get_one(Generation, preview.generation_id)
        told = [each.organization_id for each in asked]
        for number, organization_id in enumerate(told or [generation.organization_id]):
            notices.tell(
                session,
                "preview-due" if told else "notice-failed",
                preview.id,
                organization_id=organization_id,
                alarms_id=generation.organization_id,
                due_at=preview.due_at,
                once=f"preview-due:{preview.id}:{number}",
            )
        for each in asked:
            delivery.alarm(session, each)


def _late_previews(session: Session) -> list[Preview]:
    now = clock.now()
    waiting = session.exec(
        select(Preview)
        .join(Generation, col(Generation.id) == col(Preview.generation_id))
        .where(
            Preview.outcome == "open",
            Generation.state == "awaiting-preview",
            Preview.due_at > now,
            ~notices.was_said(sa.literal("preview-due:") + col(Preview.id) + ":0"),
        )
    )
    return [
        each for each in waiting if now >= each.created_at + (each.due_at - each.created_at) / 2
    ]


def duties_of(session: Session, generation: Generation) -> list[Duty]:
    """Return what the permit obliges to tell each performer, and what proves that it was done.

    Told is a performer through the house that enrolled them; an agent's having read it is not.
    """
    permit = session.get_one(Decision, generation.decision_id)
    said = session.exec(
        select(Notice)
        .where(Notice.kind == "released", Notice.subject_id == generation.id)
        .order_by(col(Notice.id))
    ).all()
    proofs = notices.reached(session, said)
    told = {
        performer.id: [
            proof
            for notice in said
            if notice.organization_id == performer.organization_id
            for proof in proofs[notice.id]
        ]
        for performer in _cast(session, generation)
    }
    return duties(permit.obligations, told)


def _cast(session: Session, generation: Generation) -> list[Performer]:
    return [
        session.get_one(Performer, member.performer_id)
        for member in service.cast_of(session, generation.id)
    ]
