"""Grants of disclosure: which side signed that which verifier is shown more, until when."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id


class DisclosureGrant(SQLModel, table=True):
    """One side's signed grant to one verifier under one contract; revoked once, never edited.

    What counts is `document` (RFC 8785) under `jws`; the columns beside it are for lists. The same
    words are granted once, and a revoked grant is not signed again.
    """

    __tablename__ = "disclosure_grant"
    __table_args__ = (
        sa.CheckConstraint("side IN ('performer', 'licensee')", name="disclosure_grant_side"),
    )

    id: str = Field(default_factory=lambda: new_id("dgr"), primary_key=True)
    series_id: str = Field(foreign_key="contract.id", index=True)
    side: str
    verifier: str
    level: str
    document: str
    document_sha256: str = Field(unique=True)
    jws: str
    signing_key_id: str = Field(foreign_key="signing_key.id")
    organization_id: str = Field(foreign_key="organization.id")
    api_key_id: str | None = Field(default=None, foreign_key="api_key.id")
    granted_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    ends_at: datetime = Field(sa_type=Instant)
    revoked_at: datetime | None = Field(default=None, sa_type=Instant)
