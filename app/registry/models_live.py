"""Live checks of a performer's face: what was asked, by whom, and how each ended."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant, Json
from app.ids import new_id

OUTCOMES = ("asked", "passed", "failed")


class LiveCheck(SQLModel, table=True):
    """One challenge of poses, answered once and soon; what failed and what passed both stay.

    `api_key_id` is who asked (at the pages: that person's row there). `recovery_id` stands in its
    place where somebody without a device asks, by the link of a recovery (`app/recovery`): such a
    check proves nothing but to that recovery. Of the stills nothing is kept but `LiveStill`.
    """

    __tablename__ = "live_check"
    __table_args__ = (
        sa.CheckConstraint(f"outcome IN {OUTCOMES}", name="live_check_outcome"),
        sa.CheckConstraint("asked_at < expires_at", name="live_check_spans"),
        sa.CheckConstraint(
            "(api_key_id IS NULL) <> (recovery_id IS NULL)", name="live_check_asked_by_one"
        ),
    )

    id: str = Field(default_factory=lambda: new_id("lch"), primary_key=True)
    performer_id: str = Field(foreign_key="performer.id", index=True)
    replica_id: str = Field(foreign_key="replica.id")
    api_key_id: str | None = Field(default=None, foreign_key="api_key.id")
    recovery_id: str | None = None
    poses: list[str] = Field(sa_type=Json)
    asked_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    answered_at: datetime | None = Field(default=None, sa_type=Instant)
    outcome: str = "asked"
    reasons: list[str] = Field(default_factory=list, sa_type=Json)


class LiveStill(SQLModel, table=True):
    """That a still was sent: its SHA-256 under a secret of this installation, to know it again."""

    __tablename__ = "live_still"

    mark: str = Field(primary_key=True)
    check_id: str = Field(foreign_key="live_check.id", index=True)
    sent_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
