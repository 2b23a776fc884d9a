"""Jobs for renderers outside: what waits for one, who took it, what came back."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id

STATES = ("waiting", "taken", "returned", "over")


class RenderJobOutside(SQLModel, table=True):
    """One generation that an organization's own pipeline renders, by a licence for this job alone.

    `licenses` counts how often it was taken: only the newest licence opens and hands in.
    """

    __tablename__ = "render_job"
    __table_args__ = (
        sa.CheckConstraint(f"state IN {STATES}", name="render_job_state"),
        sa.CheckConstraint(
            "state <> 'returned' OR result_key IS NOT NULL", name="render_job_result"
        ),
    )

    id: str = Field(default_factory=lambda: new_id("rjb"), primary_key=True)
    generation_id: str = Field(foreign_key="generation.id", unique=True)
    organization_id: str = Field(foreign_key="organization.id", index=True)
    state: str = Field(default="waiting", index=True)
    licenses: int = 0
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    due_at: datetime = Field(sa_type=Instant)
    taken_at: datetime | None = Field(default=None, sa_type=Instant)
    returned_at: datetime | None = Field(default=None, sa_type=Instant)
    result_key: str | None = None
    result_sha256: str | None = None
