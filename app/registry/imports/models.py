"""Whom an agency wants to bring in: what waits until they say yes, and how it ended."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id

OPEN = ("no-photo", "received", "unfit", "invited")  # waits for somebody
GONE = ("expired", "taken-back")  # their reference may be sent anew
STATES = (*OPEN, "confirmed", "refused", *GONE)
MAILS = ("", "by-hand", "waiting", "sent", "failed")
_STANDS = f"state NOT IN {GONE}"
_WAITS = f"address_mac <> '' AND state IN {OPEN}"


class RosterEntry(SQLModel, table=True):
    """One row of an agency's table: nobody is registered by it until they confirm by its link.

    The address is sealed, and the photo lies in the vault under a key of this entry's own; both
    are destroyed when it ends, however it ends; `address_mac` tells for a while longer that the
    address was asked. What the link holds follows from the id. `photo`
    is the file's name as it is compared, `reason` why the photo was no use.
    """

    __tablename__ = "roster_entry"
    __table_args__ = (
        sa.CheckConstraint(f"state IN {STATES}", name="roster_entry_state"),
        sa.CheckConstraint(f"mail IN {MAILS}", name="roster_entry_mail"),
        sa.CheckConstraint(f"(state IN {OPEN}) = (ended_at IS NULL)", name="roster_entry_ended"),
        sa.CheckConstraint(
            "(state = 'confirmed') = (performer_id IS NOT NULL)", name="roster_entry_confirmed"
        ),
        sa.Index(
            "ix_roster_entry_once",
            "organization_id",
            "reference",
            unique=True,
            sqlite_where=sa.text(_STANDS),
            postgresql_where=sa.text(_STANDS),
        ),
        sa.Index("ix_roster_entry_address", "address_mac", "ended_at"),
        sa.Index(
            "ix_roster_entry_waits",
            "organization_id",
            "address_mac",
            unique=True,
            sqlite_where=sa.text(_WAITS),
            postgresql_where=sa.text(_WAITS),
        ),
        sa.Index("ix_roster_entry_photo", "organization_id", "photo"),
        sa.Index("ix_roster_entry_state", "state", "expires_at"),
        sa.Index("ix_roster_entry_mail", "mail", "mail_next_at"),
    )

    id: str = Field(default_factory=lambda: new_id("ros"), primary_key=True)
    organization_id: str = Field(foreign_key="organization.id")
    api_key_id: str = Field(foreign_key="api_key.id")
    reference: str
    name: str
    address: str
    address_mac: str = Field(default="", sa_column_kwargs={"server_default": ""})
    photo: str
    state: str = "no-photo"
    reason: str = ""
    portrait_object_id: str | None = Field(default=None, foreign_key="vault_object.id")
    media_type: str = ""
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    invited_at: datetime | None = Field(default=None, sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
    performer_id: str | None = Field(default=None, foreign_key="performer.id")
    mail: str = ""
    mail_attempts: int = 0
    mail_next_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    mail_reply: str = ""
    message_id: str = ""
