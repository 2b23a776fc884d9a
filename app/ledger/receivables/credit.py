"""Credit: how much a licensee may owe and hold beyond what it has paid in, by the operator's word.

Each approval sets the whole limit anew; the newest counts, and earlier ones stay on record.
"""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from app.identity.models import Organization
from app.ledger.errors import CreditRefused
from app.ledger.receivables.models import CreditApproval
from app.ledger.receivables.payments import lock_funds
from app.money import check_currency


def approve_credit(
    session: Session, organization_id: str, *, currency: str, amount_minor: int, note: str = ""
) -> CreditApproval:
    """Let an organization owe up to this much; zero takes its credit away.

    What is already held under a larger limit stays. Raises CreditRefused.
    """
    if amount_minor < 0:
        raise CreditRefused("credit is an amount to owe, never less than nothing")
    if session.get(Organization, organization_id) is None:
        raise CreditRefused(f"no organization has the id {organization_id}")
    lock_funds(session, organization_id, check_currency(currency))
    approval = CreditApproval(
        organization_id=organization_id,
        currency=currency,
        number=len(approvals_of(session, organization_id, currency)) + 1,
        amount_minor=amount_minor,
        note=note,
    )
    session.add(approval)
    session.flush()
    return approval


def approvals_of(session: Session, organization_id: str, currency: str) -> Sequence[CreditApproval]:
    """List what was approved for an organization in a currency, in order."""
    return session.exec(
        select(CreditApproval)
        .where(
            CreditApproval.organization_id == organization_id, CreditApproval.currency == currency
        )
        .order_by(col(CreditApproval.number))
    ).all()


def credit_of(session: Session, organization_id: str, currency: str) -> int:
    """Return the limit that holds now, in minor units; zero where none was ever approved."""
    newest = session.exec(
        select(CreditApproval.amount_minor)
        .where(
            CreditApproval.organization_id == organization_id, CreditApproval.currency == currency
        )
        .order_by(col(CreditApproval.number).desc())
        .limit(1)
    ).first()
    return int(newest or 0)
