"""Terms, holds and entries that a story may begin with."""

from typing import Any

from sqlmodel import Session, select

from app.identity.models import Organization
from app.ledger import service
from app.ledger.models import JournalEntry, RecordedUse, RoyaltyTerms
from app.ledger.receivables.credit import approve_credit
from app.ledger.terms import CompensationTerms
from app.ledger.usage import UsageEvent


def terms_of(**changes: Any) -> CompensationTerms:
    """Terms of 1.20 USD a second for P1, whose agent takes a tenth; change what the story needs."""
    document: dict[str, Any] = {
        "currency": "USD",
        "model": "per_second",
        "rate_minor": "120",
        "parties": [{"id": "P1", "weight": "1", "agent": "AG1", "agent_rate": "0.10"}],
    }
    merged = {**document, **changes}
    return CompensationTerms.model_validate({k: v for k, v in merged.items() if v is not None})


def event_of(**fields: Any) -> UsageEvent:
    return UsageEvent.model_validate(fields)


def a_licensee(session: Session, id_: str = "org_1", *, credit_minor: int = 10**12) -> Organization:
    """A production that may owe so many minor units of USD and of EUR; the same one each time."""
    there = session.get(Organization, id_)
    if there is not None:
        return there
    licensee = Organization(id=id_, name="Nightglass Pictures", kind="production")
    session.add(licensee)
    session.flush()
    for currency in ("USD", "EUR"):
        approve_credit(session, id_, currency=currency, amount_minor=credit_minor)
    return licensee


def a_captured_entry(
    session: Session, *, generation_id: str = "gen_1", contract_id: str = "con_1"
) -> JournalEntry:
    """Ten seconds under `contract_id`, held and captured: 12.00 USD."""
    service.place_hold(
        session,
        generation_id,
        contract_id,
        licensee_id=a_licensee(session).id,
        amount_minor=1200,
        currency="USD",
        seconds=10,
    )
    return service.capture_hold(
        session, generation_id, contract_id, terms=terms_of(), event=event_of(seconds="10")
    )


def a_use(session: Session, *, number: int, contract_id: str = "con_1") -> str:
    """The id of a recorded use without an entry, for building entries by hand."""
    use = RecordedUse(
        idempotency_key=f"by hand {number}",
        contract_id=contract_id,
        number=number,
        terms_sha256=session.exec(select(RoyaltyTerms.sha256)).first() or "",
        event={"seconds": "1"},
    )
    session.add(use)
    session.flush()
    return use.id
