"""How else a performer is called, and whether their face may be searched for."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id


class PerformerAlias(SQLModel, table=True):
    """Another name of a performer: a stage name, a former name; lines are screened for it.

    Emptied when the performer is erased.
    """

    __tablename__ = "performer_alias"

    id: str = Field(default_factory=lambda: new_id("ali"), primary_key=True)
    performer_id: str = Field(foreign_key="performer.id", index=True)
    name: str
    organization_id: str = Field(foreign_key="organization.id")
    api_key_id: str = Field(foreign_key="api_key.id")
    added_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    removed_at: datetime | None = Field(default=None, sa_type=Instant)


class MatchingChoice(SQLModel, table=True):
    """Whether a performer allows their face to be searched for, from then on; the newest counts.

    Without a row nobody searches for it.
    """

    __tablename__ = "matching_choice"
    __table_args__ = (
        sa.UniqueConstraint("performer_id", "number"),
        sa.CheckConstraint("number > 0", name="matching_choice_number"),
    )

    id: str = Field(default_factory=lambda: new_id("mch"), primary_key=True)
    performer_id: str = Field(foreign_key="performer.id")
    number: int
    allowed: bool
    organization_id: str = Field(foreign_key="organization.id")
    api_key_id: str = Field(foreign_key="api_key.id")
    chosen_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
