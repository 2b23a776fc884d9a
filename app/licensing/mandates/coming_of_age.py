"""On the 18th birthday of who had a guardian: what they are told, and what the guardian is."""

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import clock
from app.licensing.contracts import ratification
from app.notices import service as notices
from app.registry import mandates
from app.registry.models import Performer
from app.registry.models_mandates import Mandate, PerformerLife

# By noon UTC it is that day everywhere: what waits by the day of a contract's own zone waits then.
EVERYWHERE = timedelta(hours=12)


def is_due(session: Session) -> bool:
    """Say whether somebody came of age and was not told; takes no lock."""
    return bool(_untold(session))


def remind(session: Session) -> None:
    """Tell who came of age, once, that nobody acts for them as guardian, and of each contract that
    waits for their own yes; and whoever was their guardian."""
    for life in _untold(session):
        performer = session.get_one(Performer, life.performer_id)
        desk_id = performer.organization_id
        notices.tell(
            session,
            "came-of-age",
            performer.id,
            organization_id=desk_id,
            once=_once(performer.id),
        )
        for contract in ratification.awaiting(session, desk_id):
            if contract.performer_id == performer.id:
                notices.tell(
                    session,
                    "ratification-asked",
                    contract.series_id,
                    organization_id=desk_id,
                    once=f"ratification-asked:{contract.series_id}",
                )
        for holder_id in sorted(_guardians(session, performer.id)):
            notices.tell(
                session,
                "guardian-ended",
                performer.id,
                organization_id=holder_id,
                once=f"guardian-ended:{performer.id}:{holder_id}",
            )


def _untold(session: Session) -> Sequence[PerformerLife]:
    """List who is of age everywhere, had a guardian, lives and was not told: by rows that hold."""
    of_age = select(PerformerLife).where(
        col(PerformerLife.majority_on) <= (clock.now() - EVERYWHERE).date(),
        col(PerformerLife.died_on).is_(None),
        sa.exists().where(
            col(Mandate.performer_id) == col(PerformerLife.performer_id),
            col(Mandate.role) == "guardian",
        ),
        ~notices.was_said(sa.literal(_once("")) + col(PerformerLife.performer_id)),
    )
    found = session.exec(of_age.order_by(col(PerformerLife.performer_id))).all()
    return [each for each in found if mandates.is_whole(each)]


def _guardians(session: Session, performer_id: str) -> set[str]:
    """Name the houses whose guardian's mandate came to its end by itself."""
    return {
        each.holder_id
        for each in mandates.of_performers(session, [performer_id])
        if each.role == "guardian" and each.revoked_at is None
    }


def _once(performer_id: str) -> str:
    return f"came-of-age:{performer_id}"
