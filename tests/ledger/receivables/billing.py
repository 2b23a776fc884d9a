"""Parties with profiles, and entries that somebody can be billed for."""

from datetime import date
from typing import Any

from sqlmodel import Session

from app.ledger import service
from app.ledger.models import JournalEntry
from app.ledger.receivables.models import OPERATOR, PartyProfile
from app.ledger.receivables.profiles import ProfileInput, set_profile
from tests.ledger.factories import a_licensee, event_of, terms_of

LICENSEE = "org_1"


def a_profile(session: Session, party_id: str, **changes: Any) -> PartyProfile:
    """A Dutch business, registered for VAT at 21 %; change what the story needs."""
    given = {
        "valid_from": date(2026, 1, 1),
        "name": party_id,
        "address": ["Oude Delft 1", "2611 BA Delft"],
        "country": "NL",
        "vat_id": "NL123456789B01",
        "vat_rate": "0.21",
        **changes,
    }
    return set_profile(session, party_id, ProfileInput.model_validate(given))


def both(session: Session, **customer: Any) -> None:
    """Profiles of the operator and of the licensee; `customer` changes the latter."""
    a_profile(session, OPERATOR, iban="NL91ABNA0417164300")
    a_profile(session, LICENSEE, **customer)


def a_charge(
    session: Session, name: str, *, seconds: str = "10", licensee: str = LICENSEE, **terms: Any
) -> JournalEntry:
    """A use of so many seconds at 1.20 USD, held and captured: P1 has 90 %, AG1 10 %."""
    agreed, event = terms_of(**terms), event_of(seconds=seconds)
    amount = service.amount_to_hold(session, f"con_{name}", terms=agreed, event=event)
    service.place_hold(
        session,
        f"gen_{name}",
        f"con_{name}",
        licensee_id=a_licensee(session, licensee).id,
        amount_minor=amount,
        currency="USD",
        seconds=10,
    )
    return service.capture_hold(session, f"gen_{name}", f"con_{name}", terms=agreed, event=event)
