"""Audit events in the order they were closed: segments, each chained to the one before."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id


class AuditSegment(SQLModel, table=True):
    """A run of audit events that is closed: its digest covers them and the segment before."""

    __tablename__ = "audit_segment"
    __table_args__ = (sa.CheckConstraint("number >= 1", name="audit_segment_counts"),)

    id: str = Field(default_factory=lambda: new_id("asg"), primary_key=True)
    number: int = Field(unique=True)
    events: int
    previous_sha256: str
    sha256: str
    closed_at: datetime = Field(default_factory=clock.now, sa_type=Instant)


class AuditSegmentEvent(SQLModel, table=True):
    """One event at its place in a segment, and the digest it had then."""

    __tablename__ = "audit_segment_event"

    event_id: str = Field(primary_key=True)
    segment_id: str = Field(foreign_key="audit_segment.id", index=True)
    place: int
    sha256: str
