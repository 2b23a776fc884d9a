"""Reviews: what was in doubt about a material or an output, whom it may show, what was answered."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant, Json
from app.ids import new_id

OUTCOMES = ("open", "released", "refused")


class Review(SQLModel, table=True):
    """One doubt about a material, or about an output: answered once, by a person, with a reason.

    A `refused` one of `gate` was refused by the gate itself: a registered performer's face.
    """

    __table_args__ = (
        sa.CheckConstraint(f"outcome IN {OUTCOMES}", name="review_outcome"),
        sa.CheckConstraint("(outcome = 'open') = (answered_at IS NULL)", name="review_answered"),
        sa.CheckConstraint(
            "(generation_id IS NULL) <> (material_id IS NULL)", name="review_subject"
        ),
    )

    id: str = Field(default_factory=lambda: new_id("rev"), primary_key=True)
    generation_id: str | None = Field(default=None, foreign_key="generation.id", unique=True)
    material_id: str | None = Field(default=None, foreign_key="material.id", index=True)
    findings: list[str] = Field(sa_type=Json)
    faces: int  # searched for
    opened_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    outcome: str = Field(default="open", index=True)
    answered_as: str = ""
    organization_id: str | None = Field(default=None, foreign_key="organization.id")
    reason: str = ""
    answered_at: datetime | None = Field(default=None, sa_type=Instant)


class ReviewMatch(SQLModel, table=True):
    """A performer whom a review may be about: told to whoever reviews, never to who uploaded."""

    __tablename__ = "review_match"

    review_id: str = Field(foreign_key="review.id", primary_key=True)
    performer_id: str = Field(foreign_key="performer.id", primary_key=True)
    distance_milli: int  # thousandths of the distance of the nearest two templates
