"""The lines of a closed period, as they concern somebody; and what stood before them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.ledger.models import JournalEntry, Posting, RecordedUse, RoyaltyTerms
from app.ledger.models_periods import Period, PeriodEntry
from app.ledger.terms import CompensationTerms
from app.ledger.usage import UsageEvent


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose lines: postings of these accounts, under these contracts or (None) under any."""

    accounts: Collection[str]
    contract_ids: Collection[str] | None = None

    def where(self) -> Sequence[sa.ColumnElement[bool]]:
        """Return the conditions on a posting and its entry."""
        wanted = [col(Posting.account).in_(self.accounts)]
        if self.contract_ids is not None:
            wanted.append(col(JournalEntry.contract_id).in_(self.contract_ids))
        return wanted


@dataclass(frozen=True, slots=True)
class Entered:
    """One posting with the event it was posted for and the terms that priced it.

    A correction carries the event it corrects, that event's entry, and its period's number (None:
    the period that is still open).
    """

    posting: Posting
    entry: JournalEntry
    use: RecordedUse
    event: UsageEvent
    terms: CompensationTerms
    corrects: RecordedUse | None
    corrected_entry_id: str | None
    corrected_period: int | None


def lines_in(session: Session, period: Period, scope: Scope) -> list[Entered]:
    """Return the lines of a period within a scope, by entry in the order of posting."""
    found = session.execute(
        sa.select(Posting, JournalEntry, RecordedUse)
        .join(JournalEntry, col(JournalEntry.id) == col(Posting.entry_id))
        .join(PeriodEntry, col(PeriodEntry.entry_id) == col(JournalEntry.id))
        .join(RecordedUse, col(RecordedUse.id) == col(JournalEntry.usage_event_id))
        .where(col(PeriodEntry.period_id) == period.id, *scope.where())
        .order_by(col(JournalEntry.id), col(Posting.line))
    )
    terms: dict[str, CompensationTerms] = {}
    return [_entered(session, terms, *row) for row in found.all()]


def moves_in(session: Session, period: Period, scope: Scope) -> list[tuple[Posting, JournalEntry]]:
    """Return the lines of a period within a scope that no use made: money that moved."""
    found = session.execute(
        sa.select(Posting, JournalEntry)
        .join(JournalEntry, col(JournalEntry.id) == col(Posting.entry_id))
        .join(PeriodEntry, col(PeriodEntry.entry_id) == col(JournalEntry.id))
        .where(
            col(PeriodEntry.period_id) == period.id,
            col(JournalEntry.source).is_not(None),
            *scope.where(),
        )
        .order_by(col(JournalEntry.id), col(Posting.line))
    )
    return [(posting, entry) for posting, entry in found]


def sums_before(session: Session, period: Period, scope: Scope) -> dict[str, int]:
    """Return what the periods before came to within a scope, by currency, debit positive."""
    found = session.execute(
        sa.select(Posting.currency, sa.func.sum(Posting.amount_minor))  # type: ignore[call-overload]
        .join(JournalEntry, col(JournalEntry.id) == col(Posting.entry_id))
        .join(PeriodEntry, col(PeriodEntry.entry_id) == col(JournalEntry.id))
        .join(Period, col(Period.id) == col(PeriodEntry.period_id))
        .where(col(Period.number) < period.number, *scope.where())
        .group_by(Posting.currency)
    )
    return {currency: int(total) for currency, total in found}


def accounts_in(session: Session, period: Period) -> list[tuple[str, str | None]]:
    """List which accounts were posted to in a period, under which contracts (None: under none)."""
    found = session.execute(
        sa.select(Posting.account, JournalEntry.contract_id)  # type: ignore[call-overload]
        .join(JournalEntry, col(JournalEntry.id) == col(Posting.entry_id))
        .join(PeriodEntry, col(PeriodEntry.entry_id) == col(JournalEntry.id))
        .where(col(PeriodEntry.period_id) == period.id)
        .distinct()
        .order_by(Posting.account, JournalEntry.contract_id)
    )
    return [(account, contract_id) for account, contract_id in found]


def _entered(
    session: Session,
    known: dict[str, CompensationTerms],
    posting: Posting,
    entry: JournalEntry,
    use: RecordedUse,
) -> Entered:
    corrects = corrected_entry_id = corrected_period = None
    if use.corrects_number is not None:
        corrects = session.exec(
            select(RecordedUse).where(
                RecordedUse.contract_id == use.contract_id,
                RecordedUse.number == use.corrects_number,
            )
        ).one()
        corrected_entry_id, corrected_period = session.execute(
            sa.select(JournalEntry.id, Period.number)  # type: ignore[call-overload]
            .outerjoin(PeriodEntry, col(PeriodEntry.entry_id) == col(JournalEntry.id))
            .outerjoin(Period, col(Period.id) == col(PeriodEntry.period_id))
            .where(JournalEntry.usage_event_id == corrects.id)
        ).one()
    if use.terms_sha256 not in known:
        document = session.get_one(RoyaltyTerms, use.terms_sha256).document
        known[use.terms_sha256] = CompensationTerms.model_validate(document)
    return Entered(
        posting,
        entry,
        use,
        UsageEvent.model_validate(use.event),
        known[use.terms_sha256],
        corrects,
        corrected_entry_id,
        corrected_period,
    )
