"""Two empty houses in the demo, to make a first film of one's own in: nothing is ever billed there.

The demo's installation closes no period, sends no invoice and orders no payout, and its only
generator runs on this machine; the credit is a number that nobody collects.
"""

from sqlmodel import Session

from app.identity import service as identity
from app.identity.models import Organization
from app.ledger.receivables.credit import approve_credit

PERFORMER, PRODUCTION = "Your own likeness (sandbox)", "Your own films (sandbox)"
CREDIT_MINOR = 100_000  # 1,000.00 EUR: eighty seconds at 12.50


def make_houses(session: Session) -> list[Organization]:
    """Make a performer's desk and a production, both empty, the second with credit to spend."""
    desk = identity.create_organization(session, PERFORMER, "performer")
    production = identity.create_organization(session, PRODUCTION, "production")
    approve_credit(
        session,
        production.id,
        currency="EUR",
        amount_minor=CREDIT_MINOR,
        note="a sandbox: nothing is billed",
    )
    return [desk, production]
