"""Webhooks of productions, and what is on its way to them."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id

STATES = ("waiting", "sent", "failed")


class Webhook(SQLModel, table=True):
    """One address that a production wants told, until it is removed, or has failed for too long."""

    id: str = Field(default_factory=lambda: new_id("whk"), primary_key=True)
    organization_id: str = Field(foreign_key="organization.id", index=True)
    api_key_id: str
    url: str
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    failing_since: datetime | None = Field(default=None, sa_type=Instant)
    disabled_at: datetime | None = Field(default=None, sa_type=Instant)
    removed_at: datetime | None = Field(default=None, sa_type=Instant)


class WebhookDelivery(SQLModel, table=True):
    """One event on its way to one webhook; written in the transaction of what it tells of.

    `event_id` is the same for each webhook and each try: whoever had it knows it again.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        sa.CheckConstraint(f"state IN {STATES}", name="webhook_delivery_state"),
        sa.UniqueConstraint("webhook_id", "event_id", name="webhook_delivery_once"),
        sa.Index("ix_webhook_delivery_waiting", "state", "next_at"),
    )

    id: str = Field(default_factory=lambda: new_id("whd"), primary_key=True)
    webhook_id: str = Field(foreign_key="webhook.id", index=True)
    event_id: str
    body: str
    state: str = "waiting"
    attempts: int = 0
    reply: str = ""
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    next_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    settled_at: datetime | None = Field(default=None, sa_type=Instant)
