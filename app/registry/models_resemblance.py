"""Enrollments that wait for a person: the face resembles that of somebody who is enrolled."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id

OUTCOMES = ("open", "released", "refused")


class EnrollmentHold(SQLModel, table=True):
    """Why a new performer is paused from their enrollment on; answered once, with a reason."""

    __tablename__ = "enrollment_hold"
    __table_args__ = (
        sa.CheckConstraint(f"outcome IN {OUTCOMES}", name="enrollment_hold_outcome"),
        sa.CheckConstraint(
            "(outcome = 'open') = (answered_at IS NULL)", name="enrollment_hold_answered"
        ),
    )

    id: str = Field(default_factory=lambda: new_id("hld"), primary_key=True)
    performer_id: str = Field(foreign_key="performer.id", unique=True)
    templates: int  # searched
    held_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    outcome: str = Field(default="open", index=True)
    reason: str = ""
    answered_at: datetime | None = Field(default=None, sa_type=Instant)


class EnrollmentMatch(SQLModel, table=True):
    """Whom a new face resembles: told to whoever answers the hold, and to nobody else."""

    __tablename__ = "enrollment_match"

    hold_id: str = Field(foreign_key="enrollment_hold.id", primary_key=True)
    performer_id: str = Field(foreign_key="performer.id", primary_key=True)
    distance_milli: int  # thousandths of the distance of the two templates
