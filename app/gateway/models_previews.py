"""Previews: what a human looks at before a release, and that they did."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant, Json
from app.ids import new_id


class Preview(SQLModel, table=True):
    """A finished, marked output shown to the performer's side of one contract before its release.

    Answered once: `released` lets it go on to the decision, `refused` ends the generation. Silence
    past `due_at` refuses.
    """

    __table_args__ = (
        sa.UniqueConstraint("generation_id", "contract_id", name="preview_once"),
        sa.CheckConstraint("outcome IN ('open', 'released', 'refused')", name="preview_outcome"),
        sa.CheckConstraint("(outcome = 'open') = (answered_at IS NULL)", name="preview_answered"),
    )

    id: str = Field(default_factory=lambda: new_id("pvw"), primary_key=True)
    generation_id: str = Field(foreign_key="generation.id", index=True)
    contract_id: str = Field(foreign_key="contract.id", index=True)
    roles: list[str] = Field(sa_type=Json)
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    due_at: datetime = Field(sa_type=Instant)
    outcome: str = "open"
    role: str | None = None
    organization_id: str | None = Field(default=None, foreign_key="organization.id")
    api_key_id: str | None = Field(default=None, foreign_key="api_key.id")
    reason: str = ""
    content_tags: list[str] = Field(default_factory=list, sa_type=Json)
    answered_at: datetime | None = Field(default=None, sa_type=Instant)


class PreviewLink(SQLModel, table=True):
    """A link to a preview, for one organization; `opened_at` once the whole file was sent."""

    __tablename__ = "preview_link"

    id: str = Field(default_factory=lambda: new_id("pvl"), primary_key=True)
    preview_id: str = Field(foreign_key="preview.id", index=True)
    organization_id: str = Field(foreign_key="organization.id")
    api_key_id: str = Field(foreign_key="api_key.id")
    issued_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    opened_at: datetime | None = Field(default=None, sa_type=Instant)
