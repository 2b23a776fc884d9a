"""What was told to whom about a closed period, word for word."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id

KINDS = ("performer", "agent", "production", "union", "usage")


class IssuedStatement(SQLModel, table=True):
    """One statement: of a period, for one party, as canonical JSON (RFC 8785). Append-only.

    `about_id` is the production that a report of use tells the union of; empty for all others.
    """

    __tablename__ = "issued_statement"
    __table_args__ = (
        sa.UniqueConstraint("period_id", "kind", "party_id", "about_id", name="statement_once"),
        sa.CheckConstraint(f"kind IN {KINDS}", name="statement_kind"),
        sa.Index("ix_issued_statement_party", "kind", "party_id"),
    )

    id: str = Field(default_factory=lambda: new_id("stm"), primary_key=True)
    period_id: str = Field(foreign_key="ledger_period.id")
    kind: str
    party_id: str
    about_id: str = ""
    document: str
    document_sha256: str
    issued_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
