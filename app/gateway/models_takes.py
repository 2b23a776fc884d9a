"""Shots: the takes of one shot belong together, and one of them is chosen."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant, Json
from app.ids import new_id


class Shot(SQLModel, table=True):
    """One shot of a production's project: its takes are under the same contracts."""

    __table_args__ = (
        sa.UniqueConstraint("organization_id", "project", "name", name="shot_of_project"),
    )

    id: str = Field(default_factory=lambda: new_id("sht"), primary_key=True)
    organization_id: str = Field(foreign_key="organization.id", index=True)
    project: str
    name: str  # as the production calls it: "12A"
    series_ids: list[str] = Field(sa_type=Json)
    chosen_id: str | None = None  # the generation made of the chosen take; another if it failed
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
