"""Consents of people whose performance or voice a material holds."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id


class MaterialConsent(SQLModel, table=True):
    """That somebody agreed to drive a replica, or to lend a voice; withdrawn once.

    Either a registered performer's, by their replica: it counts where a scene licenses them. Or a
    declaration: `document` (RFC 8785) under `jws`, by a registered key of whoever uploaded it.
    """

    __tablename__ = "material_consent"
    __table_args__ = (
        sa.CheckConstraint(
            "(replica_id IS NULL) <> (jws IS NULL)", name="material_consent_one_way"
        ),
        sa.CheckConstraint(
            "(jws IS NULL) = (signing_key_id IS NULL)", name="material_consent_signed"
        ),
    )

    id: str = Field(default_factory=lambda: new_id("mco"), primary_key=True)
    material_id: str = Field(foreign_key="material.id", index=True)
    replica_id: str | None = Field(default=None, foreign_key="replica.id")
    document: str = ""
    jws: str | None = None
    signing_key_id: str | None = Field(default=None, foreign_key="signing_key.id")
    api_key_id: str = Field(foreign_key="api_key.id")
    given_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    withdrawn_at: datetime | None = Field(default=None, sa_type=Instant)
    withdrawn_by: str = ""
