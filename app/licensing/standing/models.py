"""Standing offers, whom they are made to, and the contracts made from them."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant, Json
from app.ids import new_id


class StandingOffer(SQLModel, table=True):
    """Terms that a performer signed in advance; the document is never edited, retracted once.

    `executions` counts the contracts made from it. `acknowledged` names the performer's own
    boundaries that they knowingly set aside when they signed. `found_by` serves the catalogue's
    search and licenses nothing.
    """

    __tablename__ = "standing_offer"
    __table_args__ = (
        sa.UniqueConstraint("performer_id", "document_sha256"),
        sa.CheckConstraint(
            "executions >= 0 AND executions <= max_executions", name="standing_offer_executions"
        ),
        sa.CheckConstraint(
            "(signed_at IS NULL) = (jws IS NULL) AND (jws IS NULL) = (signing_key_id IS NULL)",
            name="standing_offer_signed",
        ),
    )

    id: str = Field(default_factory=lambda: new_id("sto"), primary_key=True)
    performer_id: str = Field(foreign_key="performer.id")
    document: str
    document_sha256: str
    max_executions: int
    executions: int = 0
    closes_at: datetime = Field(sa_type=Instant)
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    signed_at: datetime | None = Field(default=None, sa_type=Instant)
    signing_key_id: str | None = Field(default=None, foreign_key="signing_key.id")
    jws: str | None = None
    found_by: str = Field(default="", sa_column_kwargs={"server_default": ""})
    acknowledged: list[str] = Field(default_factory=list, sa_type=Json)
    retracted_at: datetime | None = Field(default=None, sa_type=Instant)

    def status(self, at: datetime) -> str:
        """The word for where it stands: draft, open, exhausted, closed or retracted."""
        if self.retracted_at is not None:
            return "retracted"
        if self.signed_at is None:
            return "draft"
        if at >= self.closes_at:
            return "closed"
        return "open" if self.executions < self.max_executions else "exhausted"


class StandingOfferAudience(SQLModel, table=True):
    """One line of whom an offer is made to: an organization's id, or a kind of organization."""

    __tablename__ = "standing_offer_audience"

    standing_offer_id: str = Field(foreign_key="standing_offer.id", primary_key=True)
    who: str = Field(primary_key=True, index=True)


class StandingOfferExecution(SQLModel, table=True):
    """A contract that came into being by an offer's acceptance, numbered within it from 1."""

    __tablename__ = "standing_offer_execution"
    __table_args__ = (sa.UniqueConstraint("standing_offer_id", "number"),)

    contract_id: str = Field(foreign_key="contract.id", primary_key=True)
    standing_offer_id: str = Field(foreign_key="standing_offer.id")
    number: int
