"""A performer's standing limits, version by version, and what was signed in spite of them."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant, Json
from app.ids import new_id


class Boundaries(SQLModel, table=True):
    """One version of a performer's standing limits; a change is a new version, none is edited."""

    __table_args__ = (
        sa.UniqueConstraint("performer_id", "number"),
        sa.CheckConstraint("number > 0", name="boundaries_number"),
    )

    id: str = Field(default_factory=lambda: new_id("bnd"), primary_key=True)
    performer_id: str = Field(foreign_key="performer.id")
    number: int
    limits: dict[str, Any] = Field(sa_type=Json)
    published: bool
    organization_id: str = Field(foreign_key="organization.id")
    api_key_id: str = Field(foreign_key="api_key.id")
    set_at: datetime = Field(default_factory=clock.now, sa_type=Instant)


class BoundaryAcknowledgment(SQLModel, table=True):
    """What the performer's side signed knowingly: the findings shown, and from which version."""

    __tablename__ = "boundary_acknowledgment"

    id: str = Field(default_factory=lambda: new_id("bak"), primary_key=True)
    contract_id: str = Field(foreign_key="contract.id", index=True)
    boundaries_id: str = Field(foreign_key="boundaries.id")
    findings: list[dict[str, Any]] = Field(sa_type=Json)
    acknowledged_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
