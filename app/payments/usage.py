"""Reports of use: what a union learns of a production's uses under its agreements, and no money."""

from collections.abc import Iterable
from fractions import Fraction

import sqlalchemy as sa
from sqlmodel import Session, col

from app.ledger.models import JournalEntry, RecordedUse
from app.ledger.models_periods import Period, PeriodEntry
from app.ledger.periods import instant
from app.ledger.posting import MICROSECONDS
from app.ledger.quota import CORRECTED, IS_CORRECTED, renders
from app.ledger.terms import exact
from app.ledger.usage import UsageEvent
from app.payments.documents import (
    Document,
    contract_part,
    exact_text,
    names_of,
    output_part,
    period_part,
)
from app.payments.parties import performers_of


def usage_report(
    session: Session, period: Period, *, union_id: str, production_id: str, contracts: set[str]
) -> Document | None:
    """Say who was used in what, for how long, and what was taken back; None where nobody was.

    Day-equivalents are those the production reported with a use; none are reckoned here, since
    what counts as a day is for the agreement to say.
    """
    who = performers_of(session, contracts)
    names = names_of(session, {*who.values(), union_id, production_id})
    found = session.execute(
        sa.select(JournalEntry, RecordedUse, renders())
        .join(PeriodEntry, col(PeriodEntry.entry_id) == col(JournalEntry.id))
        .join(RecordedUse, col(RecordedUse.id) == col(JournalEntry.usage_event_id))
        .outerjoin(CORRECTED, IS_CORRECTED)
        .where(
            col(PeriodEntry.period_id) == period.id,
            col(JournalEntry.contract_id).in_(contracts),
            (col(RecordedUse.length_us) != 0) | (renders() != 0),
        )
        .order_by(col(JournalEntry.id))
    )
    lines = [
        {
            "performer": {"id": who[entry.contract_id], "name": names.get(who[entry.contract_id])},
            "posted_at": instant(entry.posted_at),
            "what": "use" if use.length_us > 0 or count > 0 else "reversal",
            "output": output_part(session, entry.generation_id),
            "seconds": exact_text(Fraction(use.length_us, MICROSECONDS)),
            "day_equivalents": _days(session, use),
            "contract": contract_part(session, entry.contract_id, use.terms_sha256),
            "entry_id": entry.id,
            "entry_sha256": entry.digest,
        }
        for entry, use, count in found.all()
    ]
    if not lines:
        return None
    return {
        "party": {"id": union_id, "name": names.get(union_id)},
        "about": {"id": production_id, "name": names.get(production_id)},
        "period": period_part(period),
        "totals": _totals(lines),
        "lines": lines,
    }


def _totals(lines: list[Document]) -> list[Document]:
    """Sum the lines of each performer; days only where every line of theirs reported them."""
    by_performer: dict[str, list[Document]] = {}
    for line in lines:
        by_performer.setdefault(line["performer"]["id"], []).append(line)
    return [
        {
            "performer": theirs[0]["performer"],
            "uses": sum(1 if line["what"] == "use" else -1 for line in theirs),
            "seconds": _sum(line["seconds"] for line in theirs),
            "day_equivalents": _sum(line["day_equivalents"] for line in theirs)
            if all(line["day_equivalents"] is not None for line in theirs)
            else None,
        }
        for _, theirs in sorted(by_performer.items())
    ]


def _days(session: Session, use: RecordedUse) -> str | None:
    sign = 1
    event = UsageEvent.model_validate(use.event)
    if event.reverse is not None:
        sign = -1
        reversed_event = session.execute(
            sa.select(RecordedUse.event).where(  # type: ignore[call-overload]
                RecordedUse.contract_id == use.contract_id, RecordedUse.number == event.reverse
            )
        ).scalar_one()
        event = UsageEvent.model_validate(reversed_event)
    return None if event.days is None else exact_text(sign * exact(event.days))


def _sum(texts: Iterable[str]) -> str:
    return exact_text(sum((Fraction(text) for text in texts), Fraction()))
