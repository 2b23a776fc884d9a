"""Who keeps an agreement, and every proposal to suspend consent under it or to lift that."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id


class AgreementKeeper(SQLModel, table=True):
    """The union that may suspend consent under an agreement: one for each, by the operator."""

    __tablename__ = "agreement_keeper"

    agreement: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organization.id", index=True)
    named_at: datetime = Field(default_factory=clock.now, sa_type=Instant)


class StrikeSwitch(SQLModel, table=True):
    """One turn of the switch: proposed with one API key, in force once confirmed with another.

    `takes_effect_at` is what was proposed, null for at once; `effective_at` what it came to.
    """

    __tablename__ = "strike_switch"
    __table_args__ = (
        sa.CheckConstraint("act IN ('suspend', 'lift')", name="strike_switch_act"),
        sa.CheckConstraint("confirmed_by <> proposed_by", name="strike_switch_two_keys"),
        sa.CheckConstraint(
            "(confirmed_by IS NULL) = (confirmed_at IS NULL)"
            " AND (confirmed_by IS NULL) = (effective_at IS NULL)",
            name="strike_switch_confirmed",
        ),
        sa.Index(
            "ix_strike_switch_in_force",
            "effective_at",
            sqlite_where=sa.text("effective_at IS NOT NULL"),
            postgresql_where=sa.text("effective_at IS NOT NULL"),
        ),
    )

    id: str = Field(default_factory=lambda: new_id("stk"), primary_key=True)
    agreement: str = Field(foreign_key="agreement_keeper.agreement", index=True)
    act: str
    takes_effect_at: datetime | None = Field(default=None, sa_type=Instant)
    proposed_by: str = Field(foreign_key="api_key.id")
    proposed_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    lapses_at: datetime = Field(sa_type=Instant)
    confirmed_by: str | None = Field(default=None, foreign_key="api_key.id")
    confirmed_at: datetime | None = Field(default=None, sa_type=Instant)
    effective_at: datetime | None = Field(default=None, sa_type=Instant)

    def state(self, at: datetime) -> str:
        """Say where this turn of the switch stands: proposed, lapsed, scheduled or in-effect."""
        if self.effective_at is None:
            return "proposed" if at < self.lapses_at else "lapsed"
        return "scheduled" if at < self.effective_at else "in-effect"
