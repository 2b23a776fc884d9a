"""Paid jobs at vendors: the intent, written before the call, and what became of it."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant

STATES = (
    "ordering",  # the intent is committed; the call is under way, or was cut off by a crash
    "not-ordered",  # certainly nothing was bought; may be ordered again
    "unknown",  # nobody can tell; never ordered again: a person looks at the vendor's
    "ordered",  # the vendor's name of the job is known
    "delivered",
    "ended",  # it failed there, took too long, or a person found that there is none
)


class VendorJob(SQLModel, table=True):
    """The one job that a generation may ever buy; its key is the generation's id."""

    __tablename__ = "vendor_job"
    __table_args__ = (
        sa.CheckConstraint(f"state IN {STATES}", name="vendor_job_state"),
        sa.CheckConstraint(
            "state NOT IN ('ordered', 'delivered') OR reference IS NOT NULL",
            name="vendor_job_reference",
        ),
    )

    generation_id: str = Field(foreign_key="generation.id", primary_key=True)
    vendor: str
    model: str
    state: str = Field(default="ordering", index=True)
    reference: str | None = None
    detail: str = ""
    orders: int = 1  # calls made: more than one only where the earlier ones bought nothing
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    ordered_at: datetime | None = Field(default=None, sa_type=Instant)
    settled_at: datetime | None = Field(default=None, sa_type=Instant)  # by a person
    poll_at: datetime | None = Field(default=None, sa_type=Instant, index=True)  # while it rests
    asked_at: datetime | None = Field(default=None, sa_type=Instant)  # where its vendor counts
    silences: int = 0  # questions in a row without a usable answer
    wakes: int = 0  # how often its story was taken up again
