"""Periods of the books: which entries were closed together, once, for ever."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id


class Period(SQLModel, table=True):
    """One closed period. Append-only; `sha256` covers its entries and the period before it.

    `ends_at` is the first instant after it. Which entries are in it is written down, not reckoned
    from instants: an entry that commits late falls into the next one.
    """

    __tablename__ = "ledger_period"
    __table_args__ = (
        sa.CheckConstraint("number >= 1", name="ledger_period_counts_from_one"),
        sa.CheckConstraint("starts_at < ends_at", name="ledger_period_goes_forward"),
    )

    id: str = Field(default_factory=lambda: new_id("prd"), primary_key=True)
    number: int = Field(unique=True)
    starts_at: datetime | None = Field(default=None, sa_type=Instant)  # null: with the books
    ends_at: datetime = Field(sa_type=Instant)
    entries: int
    sha256: str
    closed_at: datetime = Field(default_factory=clock.now, sa_type=Instant)


class PeriodEntry(SQLModel, table=True):
    """An entry of a closed period; an entry is in one. Append-only."""

    __tablename__ = "ledger_period_entry"

    entry_id: str = Field(foreign_key="journal_entry.id", primary_key=True)
    period_id: str = Field(foreign_key="ledger_period.id", index=True)
