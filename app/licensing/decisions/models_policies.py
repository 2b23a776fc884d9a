"""Which sets of rules were ever in force here."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant


class PolicyPublication(SQLModel, table=True):
    """A set of rules on the day it was first in force here; the set itself is archived."""

    __tablename__ = "policy_publication"

    digest: str = Field(primary_key=True)
    published_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
