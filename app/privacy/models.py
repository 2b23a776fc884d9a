"""Erasures: who had whose likeness destroyed, what was lost, what stays and why."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant, Json
from app.ids import new_id


class Erasure(SQLModel, table=True):
    """One performer's erasure, decided once and for ever; the deed follows within moments.

    `lost` lists the sealed objects, `stopped` the contracts withdrawn and the offers closed by it,
    `stays` what is kept and by what right.
    """

    __table_args__ = (sa.UniqueConstraint("performer_id", name="erasure_once"),)

    id: str = Field(default_factory=lambda: new_id("era"), primary_key=True)
    performer_id: str = Field(foreign_key="performer.id")
    organization_id: str = Field(foreign_key="organization.id")
    api_key_id: str = Field(foreign_key="api_key.id")
    lost: list[dict[str, Any]] = Field(sa_type=Json)
    stopped: dict[str, Any] = Field(sa_type=Json)
    stays: dict[str, Any] = Field(sa_type=Json)
    decided_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
