"""Who is billed and under which tax, what was billed, and what was paid on it. All append-only.

A party is an organization, a performer, or the operator; its id is kept as plain text.
"""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant, Json
from app.ids import new_id

OPERATOR = "operator"
DOCUMENT_KINDS = ("invoice", "credit-note", "self-bill", "self-bill-credit")


class PartyProfile(SQLModel, table=True):
    """What a party says of itself for invoices and tax, from a day on. Append-only.

    The profile of a day is the one with the highest number among those valid by then. Rates are
    exact decimals as text: `vat_rate` is what the party charges at home, `withholding_rate` what
    is kept back from what it earns.
    """

    __tablename__ = "party_profile"
    __table_args__ = (
        sa.UniqueConstraint("party_id", "number", name="party_profile_number"),
        sa.CheckConstraint("number >= 1", name="party_profile_counts"),
        sa.CheckConstraint("length(country) = 2", name="party_profile_country"),
        sa.CheckConstraint("due_days >= 0", name="party_profile_due"),
    )

    id: str = Field(default_factory=lambda: new_id("pty"), primary_key=True)
    party_id: str
    number: int
    valid_from: date
    name: str
    address: list[str] = Field(sa_type=Json)
    country: str
    vat_id: str | None = None
    vat_rate: str | None = None
    withholding_rate: str | None = None
    iban: str | None = None
    due_days: int
    api_key_id: str | None = Field(default=None, foreign_key="api_key.id")  # null: the operator
    recorded_at: datetime = Field(default_factory=clock.now, sa_type=Instant)


class ContractLicensee(SQLModel, table=True):
    """Who pays for what is used under a contract. Append-only."""

    __tablename__ = "contract_licensee"

    contract_id: str = Field(primary_key=True)
    organization_id: str = Field(index=True)


class Funds(SQLModel, table=True):
    """The lock under which a licensee's money in one currency is committed; it holds no amount."""

    __table_args__ = (sa.CheckConstraint("length(currency) = 3", name="funds_currency"),)

    organization_id: str = Field(primary_key=True)
    currency: str = Field(primary_key=True)


class CreditApproval(SQLModel, table=True):
    """How much an organization may owe, from now on: the operator's word. Append-only."""

    __tablename__ = "credit_approval"
    __table_args__ = (
        sa.UniqueConstraint("organization_id", "currency", "number", name="credit_number"),
        sa.CheckConstraint("amount_minor >= 0", name="credit_amount"),
        sa.CheckConstraint("length(currency) = 3", name="credit_currency"),
    )

    id: str = Field(default_factory=lambda: new_id("crd"), primary_key=True)
    organization_id: str = Field(foreign_key="organization.id")
    currency: str
    number: int
    amount_minor: int = Field(sa_type=sa.BigInteger)
    note: str = ""
    approved_at: datetime = Field(default_factory=clock.now, sa_type=Instant)


class DocumentSeries(SQLModel, table=True):
    """The next number of one series of one issuer: a cache and a lock, as the database checks."""

    __tablename__ = "document_series"

    issuer_id: str = Field(primary_key=True)
    series: str = Field(primary_key=True)
    next_number: int = 1


class Invoice(SQLModel, table=True):
    """An invoice, a self-billing statement, or a credit note to one. Append-only.

    `document` is what was issued, `document_sha256` the digest of its canonical JSON. Numbers of an
    issuer's series have no gap: the database refuses any other than the next. Amounts of credit
    notes are negative. The total is net plus tax less what is withheld.
    """

    __table_args__ = (
        sa.UniqueConstraint("issuer_id", "series", "number", name="invoice_number"),
        sa.CheckConstraint(f"kind IN {DOCUMENT_KINDS}", name="invoice_kind"),
        sa.CheckConstraint(
            "total_minor = net_minor + tax_minor - withheld_minor", name="invoice_total"
        ),
        sa.CheckConstraint("length(currency) = 3", name="invoice_currency"),
        sa.Index("invoice_customer", "customer_id", "currency"),
        sa.Index("invoice_supplier", "supplier_id", "currency"),
    )

    id: str = Field(default_factory=lambda: new_id("inv"), primary_key=True)
    kind: str
    supplier_id: str
    customer_id: str
    issuer_id: str
    series: str
    number: int
    currency: str
    net_minor: int = Field(sa_type=sa.BigInteger)
    tax_minor: int = Field(sa_type=sa.BigInteger)
    withheld_minor: int = Field(sa_type=sa.BigInteger)
    total_minor: int = Field(sa_type=sa.BigInteger)
    document: dict[str, Any] = Field(sa_type=Json)
    document_sha256: str
    corrects_id: str | None = Field(default=None, foreign_key="invoice.id", unique=True)
    issued_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    due_at: datetime | None = Field(default=None, sa_type=Instant)

    @property
    def reads(self) -> str:
        """The number as people write it: `INV-000001`."""
        return f"{self.series}-{self.number:06d}"


class InvoiceLine(SQLModel, table=True):
    """One entry's amount on one account, billed once (`sign` 1) or taken back (-1). Append-only.

    The database refuses to bill it twice, or to take back what is not billed.
    """

    __tablename__ = "invoice_line"
    __table_args__ = (
        sa.CheckConstraint("sign IN (1, -1)", name="invoice_line_sign"),
        sa.Index("invoice_line_entry", "entry_id", "account"),
    )

    invoice_id: str = Field(foreign_key="invoice.id", primary_key=True)
    line: int = Field(primary_key=True)
    entry_id: str = Field(foreign_key="journal_entry.id")
    account: str
    sign: int
    net_minor: int = Field(sa_type=sa.BigInteger)


class InvoicePayment(SQLModel, table=True):
    """Prepaid money put towards an invoice; negative: the bank took it back. Append-only."""

    __tablename__ = "invoice_payment"
    __table_args__ = (sa.CheckConstraint("amount_minor <> 0", name="invoice_payment_amount"),)

    id: str = Field(default_factory=lambda: new_id("ivp"), primary_key=True)
    invoice_id: str = Field(foreign_key="invoice.id", index=True)
    amount_minor: int = Field(sa_type=sa.BigInteger)
    paid_at: datetime = Field(default_factory=clock.now, sa_type=Instant)


class OpenInvoiceContract(SQLModel, table=True):
    """A contract under which an open invoice charges something: a cache; gone with that invoice.

    Every decision asks for it. `ledger.check` reckons it again from the invoices.
    """

    __tablename__ = "open_invoice_contract"

    contract_id: str = Field(primary_key=True)
    invoice_id: str = Field(foreign_key="invoice.id", primary_key=True, index=True)
    due_at: datetime = Field(sa_type=Instant)


class OpenInvoice(SQLModel, table=True):
    """What is still to be paid on an invoice: a cache, never authoritative; gone once nothing is.

    `ledger.check` reckons it again from invoices and payments.
    """

    __tablename__ = "open_invoice"
    __table_args__ = (
        sa.CheckConstraint("outstanding_minor > 0", name="open_invoice_amount"),
        sa.Index("open_invoice_due", "organization_id", "due_at"),
    )

    invoice_id: str = Field(foreign_key="invoice.id", primary_key=True)
    organization_id: str
    currency: str
    outstanding_minor: int = Field(sa_type=sa.BigInteger)
    due_at: datetime = Field(sa_type=Instant)
