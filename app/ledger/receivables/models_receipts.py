"""What the bank received, statement by statement, and whose money it is. All append-only."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id


class BankStatement(SQLModel, table=True):
    """One statement of one account, as the bank sent it: its digest, and what it came to."""

    __tablename__ = "bank_statement"
    __table_args__ = (
        sa.UniqueConstraint("iban", "reference", "closed_on", name="bank_statement_once"),
        sa.CheckConstraint("length(currency) = 3", name="bank_statement_currency"),
    )

    id: str = Field(default_factory=lambda: new_id("bst"), primary_key=True)
    iban: str
    reference: str
    closed_on: date
    currency: str
    opening_minor: int = Field(sa_type=sa.BigInteger)
    closing_minor: int = Field(sa_type=sa.BigInteger)
    file_sha256: str
    imported_at: datetime = Field(default_factory=clock.now, sa_type=Instant)


class BankReceipt(SQLModel, table=True):
    """Money that came in, once however often it is stated; negative: the bank took it back.

    `fingerprint` is what the entry is known again by, `said` everything the payer wrote.
    """

    __tablename__ = "bank_receipt"
    __table_args__ = (
        sa.UniqueConstraint("iban", "fingerprint", name="bank_receipt_once"),
        sa.CheckConstraint("amount_minor <> 0", name="bank_receipt_amount"),
        sa.CheckConstraint("length(currency) = 3", name="bank_receipt_currency"),
    )

    id: str = Field(default_factory=lambda: new_id("rcp"), primary_key=True)
    statement_id: str = Field(foreign_key="bank_statement.id", index=True)
    iban: str
    fingerprint: str
    reference: str
    currency: str
    amount_minor: int = Field(sa_type=sa.BigInteger)
    booked_on: date
    payer: str = ""
    said: str = ""


class ReceiptAssignment(SQLModel, table=True):
    """Whose money a receipt is: found by a reference, or said by the operator, who notes why."""

    __tablename__ = "receipt_assignment"

    id: str = Field(default_factory=lambda: new_id("rca"), primary_key=True)
    receipt_id: str = Field(foreign_key="bank_receipt.id", unique=True)
    organization_id: str = Field(foreign_key="organization.id", index=True)
    invoice_id: str | None = Field(default=None, foreign_key="invoice.id")
    note: str
    assigned_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
