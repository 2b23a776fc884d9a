"""What was told to whom, on which channel, and what proves that it arrived."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id

CHANNELS = ("email", "sms", "push")
STATES = ("waiting", "sent", "failed")


class Contact(SQLModel, table=True):
    """An address of a person on a channel: sealed, and used once its owner confirmed it by a link.

    What the link holds follows from the id (`links.py`); nothing that opens anything is stored.
    """

    __table_args__ = (sa.CheckConstraint(f"channel IN {CHANNELS}", name="contact_channel"),)

    id: str = Field(default_factory=lambda: new_id("adr"), primary_key=True)
    person_id: str = Field(foreign_key="person.id", index=True)
    channel: str
    sealed: str
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    verified_at: datetime | None = Field(default=None, sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)

    @property
    def stands(self) -> bool:
        """Say whether notices go there."""
        return self.verified_at is not None and self.ended_at is None


class Notice(SQLModel, table=True):
    """One thing that an organization, or one person, is told; written with what it tells.

    `alarms_id` is who is told where it reaches nobody; `due_at` until when an answer counts. `once`
    keeps a reminder from being written twice.
    """

    __table_args__ = (
        sa.CheckConstraint(
            "(organization_id IS NULL) <> (person_id IS NULL)", name="notice_to_one"
        ),
        sa.Index("ix_notice_to_house", "organization_id", "id"),
        sa.Index("ix_notice_to_person", "person_id", "id"),
    )

    id: str = Field(default_factory=lambda: new_id("ntc"), primary_key=True)
    organization_id: str | None = Field(default=None, foreign_key="organization.id")
    person_id: str | None = Field(default=None, foreign_key="person.id")
    kind: str
    subject_id: str = Field(index=True)
    alarms_id: str | None = Field(default=None, foreign_key="organization.id")
    due_at: datetime | None = Field(default=None, sa_type=Instant)
    once: str | None = Field(default=None, unique=True)
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)


class NoticeDelivery(SQLModel, table=True):
    """One notice on its way to one address, and what the other side said of it.

    `message_id` stays the same however often it is tried. `reply` is the last answer.
    """

    __tablename__ = "notice_delivery"
    __table_args__ = (
        sa.CheckConstraint(f"state IN {STATES}", name="notice_delivery_state"),
        sa.UniqueConstraint("notice_id", "contact_id", name="notice_delivery_once"),
        sa.Index("ix_notice_delivery_waiting", "state", "next_at"),
    )

    id: str = Field(default_factory=lambda: new_id("ntd"), primary_key=True)
    notice_id: str = Field(foreign_key="notice.id")
    contact_id: str = Field(foreign_key="contact.id", index=True)
    message_id: str = Field(unique=True)
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    state: str = "waiting"
    attempts: int = 0
    next_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    reply: str = ""
    settled_at: datetime | None = Field(default=None, sa_type=Instant)


class NoticeSeen(SQLModel, table=True):
    """That a person had a notice on their page: in-app delivery, with its proof."""

    __tablename__ = "notice_seen"

    notice_id: str = Field(foreign_key="notice.id", primary_key=True)
    person_id: str = Field(foreign_key="person.id", primary_key=True)
    seen_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
