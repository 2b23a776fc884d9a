"""Recovery codes, recoveries under way and past, and who vouched for them."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id

WAYS = ("codes", "administrators")


class RecoveryCode(SQLModel, table=True):
    """One printed code of a person; only its SHA-256 is stored, and it begins one recovery."""

    __tablename__ = "recovery_code"

    id: str = Field(default_factory=lambda: new_id("rcd"), primary_key=True)
    person_id: str = Field(foreign_key="person.id", index=True)
    code_sha256: str = Field(unique=True)
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    used_at: datetime | None = Field(default=None, sa_type=Instant)
    retracted_at: datetime | None = Field(default=None, sa_type=Instant)


class Recovery(SQLModel, table=True):
    """Somebody's way back in: begun, vouched for, and then completed with a new passkey, or not.

    Whoever holds the link with the secret of `secret_sha256` may complete it from `opens_at` on.
    """

    __table_args__ = (
        sa.CheckConstraint(f"way IN {WAYS}", name="recovery_way"),
        sa.CheckConstraint(
            "completed_at IS NULL OR cancelled_at IS NULL", name="recovery_ends_once"
        ),
    )

    id: str = Field(default_factory=lambda: new_id("rcv"), primary_key=True)
    person_id: str = Field(foreign_key="person.id", index=True)
    way: str
    organization_id: str | None = Field(default=None, foreign_key="organization.id")
    begun_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    opens_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    secret_sha256: str | None = Field(default=None, unique=True)
    cancelled_at: datetime | None = Field(default=None, sa_type=Instant)
    completed_at: datetime | None = Field(default=None, sa_type=Instant)
    passkey_id: str | None = Field(default=None, foreign_key="passkey.id")


class RecoveryVouch(SQLModel, table=True):
    """That somebody else said: this is the person. In which capacity, and when."""

    __tablename__ = "recovery_vouch"

    recovery_id: str = Field(foreign_key="recovery.id", primary_key=True)
    person_id: str = Field(foreign_key="person.id", primary_key=True)
    capacity: str  # administrator, agent
    vouched_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
