"""The books: entries that only grow, what they rest on, and the holds before them.

Contracts and generations belong to rooms above; their ids are kept as plain text.
"""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import BY_KEY, Instant, Json
from app.ids import new_id

HOLD_STATES = ("placed", "captured", "voided", "expired")


def _where_given(name: str, column: str, *, unique: bool = False) -> sa.Index:
    """An index without the rows that have nothing there: they would cost a page each."""
    given = sa.text(f"{column} IS NOT NULL")
    return sa.Index(name, column, unique=unique, sqlite_where=given, postgresql_where=given)


class Account(SQLModel, table=True):
    """A name that postings go to, such as `performer:per_…:payable`; it has no balance column."""

    name: str = Field(primary_key=True)


class RoyaltyTerms(SQLModel, table=True):
    """Compensation terms by the digest of their canonical JSON, so that any event can be replayed.

    Append-only.
    """

    __tablename__ = "royalty_terms"

    sha256: str = Field(primary_key=True)
    document: dict[str, Any] = Field(sa_type=Json)
    stored_at: datetime = Field(default_factory=clock.now, sa_type=Instant)


class RecordedUse(SQLModel, table=True):
    """One usage event of a contract, in order, with the terms that priced it. Append-only.

    `effects` is what it did to the contract's running totals; `length_us` what it adds to the
    seconds used, in microseconds. A reversal takes both back.
    """

    __tablename__ = "usage_event"
    __table_args__ = (
        sa.UniqueConstraint("contract_id", "number", name="usage_event_contract_number"),
        sa.CheckConstraint("number >= 0", name="usage_event_number"),
        sa.CheckConstraint("corrects_number < number", name="usage_event_corrects_earlier"),
    )

    id: str = Field(default_factory=lambda: new_id("use"), primary_key=True)
    idempotency_key: str = Field(unique=True)
    contract_id: str
    number: int
    generation_id: str | None = None
    terms_sha256: str = Field(foreign_key="royalty_terms.sha256")
    event: dict[str, Any] = Field(sa_type=Json)
    effects: dict[str, str] = Field(default_factory=dict, sa_type=Json)
    corrects_number: int | None = None
    length_us: int = Field(default=0, sa_type=sa.BigInteger)
    note: str = ""
    recorded_at: datetime = Field(default_factory=clock.now, sa_type=Instant)


class JournalEntry(SQLModel, table=True):
    """One balanced transaction of the books. Append-only.

    It has one origin and is the only entry of it: a usage event of a contract, or a `source` such
    as `invoice:inv_…` (`sources.py`). `digest` is the SHA-256 of its canonical content, for the
    transparency log.
    """

    __tablename__ = "journal_entry"
    __table_args__ = (
        _where_given("journal_entry_source", "source", unique=True),
        _where_given("ix_journal_entry_generation_id", "generation_id"),
        sa.CheckConstraint(
            "(usage_event_id IS NULL) <> (source IS NULL)", name="journal_entry_origin"
        ),
        sa.CheckConstraint(
            "usage_event_id IS NULL OR contract_id IS NOT NULL", name="journal_entry_contract"
        ),
        BY_KEY,
    )

    id: str = Field(default_factory=lambda: new_id("jre"), primary_key=True)
    usage_event_id: str | None = Field(default=None, foreign_key="usage_event.id", unique=True)
    source: str | None = None
    contract_id: str | None = Field(default=None, index=True)
    generation_id: str | None = None
    digest: str
    posted_at: datetime = Field(default_factory=clock.now, sa_type=Instant)


class EntrySeal(SQLModel, table=True):
    """Closes an entry: the database refuses it unless the postings are `lines` and sum to zero."""

    __tablename__ = "entry_seal"
    __table_args__ = (BY_KEY,)

    entry_id: str = Field(foreign_key="journal_entry.id", primary_key=True)
    lines: int
    sealed_at: datetime = Field(default_factory=clock.now, sa_type=Instant)


class Posting(SQLModel, table=True):
    """One line of an entry: debit positive, credit negative. Append-only.

    It refers to the seal of its entry, deferred: an unsealed posting cannot be committed.
    """

    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["entry_id"],
            ["entry_seal.entry_id"],
            name="posting_is_sealed",
            deferrable=True,
            initially="DEFERRED",
        ),
        sa.CheckConstraint("length(currency) = 3", name="posting_currency"),
        sa.Index("posting_of_account", "account", "currency", "amount_minor"),
        BY_KEY,
    )

    entry_id: str = Field(primary_key=True)
    line: int = Field(primary_key=True)
    account: str = Field(foreign_key="account.name")
    currency: str
    amount_minor: int = Field(sa_type=sa.BigInteger)


class ContractBook(SQLModel, table=True):
    """The running totals of one contract: a cache and a lock, never authoritative.

    `totals` are exact rationals as text; `ledger.check` reckons them again from the events.
    """

    __tablename__ = "contract_book"

    contract_id: str = Field(primary_key=True)
    next_number: int = 0
    totals: dict[str, str] = Field(default_factory=dict, sa_type=Json)


class Hold(SQLModel, table=True):
    """Money and seconds set aside for a generation under one contract, until it ends once.

    `organization_id` asked for it, for its `project`; `project_us` is what it adds to the seconds
    of that project: those of a generation once, however many contracts it is under.
    """

    __table_args__ = (
        sa.UniqueConstraint("generation_id", "contract_id", name="hold_generation_contract"),
        sa.CheckConstraint(f"state IN {HOLD_STATES}", name="hold_state"),
        sa.CheckConstraint("amount_minor >= 0 AND length_us >= 0", name="hold_not_negative"),
        sa.CheckConstraint("length(currency) = 3", name="hold_currency"),
        sa.CheckConstraint("(state = 'placed') = (settled_at IS NULL)", name="hold_settled"),
        sa.CheckConstraint("(state = 'captured') = (entry_id IS NOT NULL)", name="hold_entry"),
        sa.Index("hold_contract_state", "contract_id", "state"),
    )

    id: str = Field(default_factory=lambda: new_id("hld"), primary_key=True)
    generation_id: str
    contract_id: str
    organization_id: str
    project: str = ""
    amount_minor: int = Field(sa_type=sa.BigInteger)
    currency: str
    length_us: int = Field(sa_type=sa.BigInteger)
    project_us: int = Field(default=0, sa_type=sa.BigInteger)
    state: str = "placed"
    reason: str = ""
    entry_id: str | None = Field(default=None, foreign_key="journal_entry.id")
    placed_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    settled_at: datetime | None = Field(default=None, sa_type=Instant)


class Spending(SQLModel, table=True):
    """What the holds of one day (UTC) come to, of one project or of one contract of somebody's.

    Those that stand or were captured. A cache, never authoritative, so that nobody has to add up
    all of them to know it: `ledger.check` reckons it again from the holds.
    """

    organization_id: str = Field(primary_key=True)
    project: str = Field(primary_key=True)  # empty where this is of a contract
    contract_id: str = Field(primary_key=True)  # empty where this is of a project
    currency: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    amount_minor: int = Field(sa_type=sa.BigInteger)
    length_us: int = Field(sa_type=sa.BigInteger)
