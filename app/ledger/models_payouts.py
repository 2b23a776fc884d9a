"""Payouts: what was sent to whom, for which entries, and what became of it."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id

STATES = ("sent", "settled", "returned")


class PayoutOrder(SQLModel, table=True):
    """Payouts of one currency that go to the bank together, under a name given once. Append-only.

    `risk_carrier` names who bears it that money may be paid which is not funded; empty: nobody,
    and nothing of the kind is paid.
    """

    __tablename__ = "payout_order"
    __table_args__ = (
        sa.CheckConstraint("length(currency) = 3", name="payout_order_currency"),
        sa.CheckConstraint("name <> ''", name="payout_order_named"),
    )

    id: str = Field(default_factory=lambda: new_id("pyr"), primary_key=True)
    name: str = Field(unique=True)
    currency: str
    risk_carrier: str = ""
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)


class Payout(SQLModel, table=True):
    """One payee's money of an order. Append-only; where it stands is its newest event."""

    __table_args__ = (
        sa.UniqueConstraint("order_id", "account", name="payout_once"),
        sa.CheckConstraint("amount_minor > 0", name="payout_pays"),
    )

    id: str = Field(default_factory=lambda: new_id("pyo"), primary_key=True)
    order_id: str = Field(foreign_key="payout_order.id")
    account: str = Field(foreign_key="account.name", index=True)
    currency: str
    amount_minor: int = Field(sa_type=sa.BigInteger)
    details_id: str  # of the room above: where it was sent
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)


class PayoutItem(SQLModel, table=True):
    """What a payout pays, or takes back, of one entry on the payee's account. Append-only.

    `attempt` counts the payouts that paid the line, from 1: two orders at once cannot both pay it.
    `funded` says that the money for it was here.
    """

    __tablename__ = "payout_item"
    __table_args__ = (
        sa.UniqueConstraint("entry_id", "account", "attempt", name="payout_item_once"),
        sa.CheckConstraint("attempt >= 1", name="payout_item_attempt"),
    )

    payout_id: str = Field(foreign_key="payout.id", primary_key=True)
    entry_id: str = Field(foreign_key="journal_entry.id", primary_key=True)
    account: str = Field(foreign_key="account.name")
    attempt: int
    amount_minor: int = Field(sa_type=sa.BigInteger)
    funded: bool


class PayoutEvent(SQLModel, table=True):
    """What became of a payout, numbered from 1; each has its journal entry. Append-only."""

    __tablename__ = "payout_event"
    __table_args__ = (
        sa.UniqueConstraint("payout_id", "number", name="payout_event_number"),
        sa.UniqueConstraint("payout_id", "state", name="payout_event_once"),
        sa.CheckConstraint(f"state IN {STATES}", name="payout_event_state"),
    )

    id: str = Field(default_factory=lambda: new_id("pye"), primary_key=True)
    payout_id: str = Field(foreign_key="payout.id")
    number: int
    state: str
    note: str = ""
    at: datetime = Field(default_factory=clock.now, sa_type=Instant)
