"""Parts that statements and reports share: who, which period, which output, which contract."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlmodel import Session, col, select

from app.gateway.models import Generation
from app.identity.models import Organization
from app.ledger.models import JournalEntry
from app.ledger.models_payouts import PayoutEvent
from app.ledger.models_periods import Period
from app.ledger.periods import instant
from app.ledger.posting import terms_digest
from app.licensing.contracts.models import Contract
from app.licensing.decisions.models import Decision
from app.licensing.decisions.service import use_of
from app.licensing.document import contract as documents
from app.registry.models import Performer

Document = dict[str, Any]


def period_part(period: Period) -> Document:
    """Say which period a document is about."""
    return {
        "id": period.id,
        "number": period.number,
        "starts_at": None if period.starts_at is None else instant(period.starts_at),
        "ends_at": instant(period.ends_at),
        "sha256": period.sha256,
    }


def names_of(session: Session, ids: set[str]) -> dict[str, str]:
    """Return the registered names of performers and organizations, by id."""
    people = session.exec(select(Performer.id, Performer.name).where(col(Performer.id).in_(ids)))
    others = session.exec(
        select(Organization.id, Organization.name).where(col(Organization.id).in_(ids))
    )
    return dict([*people, *others])


def output_part(session: Session, generation_id: str | None) -> Document | None:
    """Say which output a line pays for, and what it was made for."""
    if generation_id is None:
        return None
    generation = session.get(Generation, generation_id)
    if generation is None:
        return {"generation_id": generation_id, "sha256": None}
    use = use_of(session.get_one(Decision, generation.decision_id))
    return {
        "generation_id": generation_id,
        "sha256": generation.output_sha256,
        "project": use.project,
        "purpose": use.purpose,
        "medium": use.medium,
        "generator": generation.generator,
    }


def contract_part(session: Session, contract_id: str, terms_sha256: str) -> Document:
    """Say which signed document of a contract has these terms: id, version, digest."""
    versions = session.exec(
        select(Contract)
        .where(Contract.series_id == contract_id, col(Contract.executed_at).is_not(None))
        .order_by(col(Contract.version).desc())
    )
    for contract in versions:
        terms = documents.recorded(contract.document.encode()).compensation
        if terms is None:
            continue
        document = terms.model_dump(mode="json", exclude_unset=True)
        if terms_digest(document) == terms_sha256:
            return {
                "id": contract.series_id,
                "version": contract.version,
                "document_sha256": contract.document_sha256,
            }
    return {"id": contract_id, "version": None, "document_sha256": None}


def what_moved(session: Session, entry: JournalEntry) -> str:
    """Name what moved money: "payout sent pyo_…", or the source as it stands."""
    kind, _, id_ = (entry.source or "").partition(":")
    event = session.get(PayoutEvent, id_) if kind == "payout" else None
    return f"{kind} {event.state} {event.payout_id}" if event else f"{kind} {id_}"


def exact_text(value: Fraction) -> str:
    """Write an exact number as text: a decimal where it ends, else a ratio."""
    decimal = Decimal(value.numerator) / value.denominator
    return format(decimal.normalize(), "f") if Fraction(decimal) == value else str(value)
