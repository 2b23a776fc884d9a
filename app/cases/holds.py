"""What open cases hold, for the rooms that erase and pay out."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from app.cases.models import Case
from app.gateway.models import GenerationReplica
from app.ledger.models import JournalEntry


def holding(session: Session, performer_id: str) -> Sequence[str]:
    """Name the open cases for which nothing of a performer may be erased yet."""
    theirs = (
        select(Case.id)
        .join(GenerationReplica, col(GenerationReplica.generation_id) == col(Case.generation_id))
        .where(
            GenerationReplica.performer_id == performer_id,
            col(Case.closed_at).is_(None),
            col(Case.holds_from).is_not(None),
        )
    )
    return session.exec(theirs.distinct().order_by(col(Case.id))).all()


def held_entries(session: Session) -> dict[str, str]:
    """Say which journal entries are not to be paid out now, and for which case."""
    held = (
        select(JournalEntry.id, Case.id)
        .join(Case, col(Case.generation_id) == col(JournalEntry.generation_id))
        .where(col(Case.holds_payouts), col(Case.closed_at).is_(None))
    )
    return dict(session.exec(held).all())
