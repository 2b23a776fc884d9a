"""Performers, their replicas, and the reference media a replica was made from."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id

ERASED_NAME = "Erased performer"  # what stands in the registry after an erasure


class Performer(SQLModel, table=True):
    """Somebody whose likeness is registered, by one organization: their own or their agency."""

    id: str = Field(default_factory=lambda: new_id("per"), primary_key=True)
    organization_id: str = Field(foreign_key="organization.id", index=True)
    agent_organization_id: str | None = Field(
        default=None, foreign_key="organization.id", index=True
    )
    name: str
    paused_at: datetime | None = Field(default=None, sa_type=Instant)
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    seal: str = Field(default="", sa_column_kwargs={"server_default": ""})  # see sealing.py


class Replica(SQLModel, table=True):
    """One version of a performer's digital likeness; versions count from 1."""

    __table_args__ = (
        sa.UniqueConstraint("performer_id", "version", name="replica_version_once"),
        sa.CheckConstraint("version >= 1", name="replica_version_counts"),
    )

    id: str = Field(default_factory=lambda: new_id("rep"), primary_key=True)
    performer_id: str = Field(foreign_key="performer.id", index=True)
    version: int
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)


class ReferenceMedium(SQLModel, table=True):
    """A picture a replica was made from: facts here, the picture and its template in the vault.

    `commitment` is SHA-256 over `commitment_salt` and the SHA-256 of the file: it proves to who
    holds the file that this one was meant, and says nothing to anybody else.
    """

    __tablename__ = "reference_medium"
    __table_args__ = (
        sa.CheckConstraint(
            "width > 0 AND height > 0 AND size_bytes > 0", name="reference_medium_size"
        ),
    )

    id: str = Field(default_factory=lambda: new_id("ref"), primary_key=True)
    replica_id: str = Field(foreign_key="replica.id", index=True)
    media_type: str
    width: int
    height: int
    size_bytes: int
    vault_object_id: str = Field(foreign_key="vault_object.id")
    template_object_id: str = Field(foreign_key="vault_object.id")
    commitment_salt: str
    commitment: str
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
