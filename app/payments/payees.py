"""Who sees which payouts: a payee its own; a desk and an agent those of their performers."""

from collections.abc import Sequence

from sqlmodel import Session, col, or_, select

from app.ledger.errors import PayoutNotFound
from app.ledger.models_payouts import Payout
from app.registry.models import Performer


def payouts_for(
    session: Session, organization_id: str, *, before: str | None = None, limit: int = 50
) -> Sequence[Payout]:
    """List the payouts an organization may see, newest first; `before` continues a list."""
    page = select(Payout).where(col(Payout.account).in_(_accounts(session, organization_id)))
    if before is not None:
        page = page.where(col(Payout.id) < before)
    return session.exec(page.order_by(col(Payout.id).desc()).limit(limit)).all()


def payout_for(session: Session, organization_id: str, payout_id: str) -> Payout:
    """Return a payout the organization may see. Raises PayoutNotFound for others alike."""
    payout = session.get(Payout, payout_id)
    if payout is None or payout.account not in _accounts(session, organization_id):
        raise PayoutNotFound(f"no payout of yours has the id {payout_id[:64]}")
    return payout


def _accounts(session: Session, organization_id: str) -> list[str]:
    theirs = select(Performer.id).where(
        or_(
            Performer.organization_id == organization_id,
            Performer.agent_organization_id == organization_id,
        )
    )
    performers = [f"performer:{id_}:payable" for id_ in session.exec(theirs)]
    return [*performers, f"agent:{organization_id}:payable"]
