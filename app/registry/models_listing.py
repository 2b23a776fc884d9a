"""Whether a performer wants to be found by productions, and what they say of themselves."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant


class PerformerListing(SQLModel, table=True):
    """A performer's own choice to stand in the catalogue; without `listed_at` they do not.

    Without a row nobody finds them. The words are emptied when the performer is erased.
    `portrait_object_id` is the sealed still they let be shown there; without it none is.
    """

    __tablename__ = "performer_listing"
    __table_args__ = (sa.Index("performer_listing_listed", "listed_at"),)

    performer_id: str = Field(foreign_key="performer.id", primary_key=True)
    about: str
    listed_at: datetime | None = Field(default=None, sa_type=Instant)
    portrait_object_id: str | None = Field(default=None, foreign_key="vault_object.id")
    organization_id: str = Field(foreign_key="organization.id")
    api_key_id: str = Field(foreign_key="api_key.id")
    chosen_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
