"""Budgets: how much a production lets a project, or a licence, use; the newest one holds."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id

LIMITS = ("total_minor", "daily_minor", "total_seconds", "daily_seconds", "at_once")


class Budget(SQLModel, table=True):
    """Limits of one production's project or contract, set at one moment; null is no limit."""

    __table_args__ = (
        sa.CheckConstraint("(project = '') <> (series_id = '')", name="budget_subject"),
        sa.CheckConstraint(
            " AND ".join(f"({each} IS NULL OR {each} >= 0)" for each in LIMITS),
            name="budget_limits",
        ),
        sa.Index("ix_budget_subject", "organization_id", "project", "series_id"),
    )

    id: str = Field(default_factory=lambda: new_id("bud"), primary_key=True)
    organization_id: str = Field(foreign_key="organization.id")
    project: str = ""
    series_id: str = ""  # of a contract, whatever its version
    currency: str
    total_minor: int | None = Field(default=None, sa_type=sa.BigInteger)
    daily_minor: int | None = Field(default=None, sa_type=sa.BigInteger)
    total_seconds: int | None = Field(default=None, sa_type=sa.BigInteger)
    daily_seconds: int | None = Field(default=None, sa_type=sa.BigInteger)
    at_once: int | None = None
    set_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    api_key_id: str | None = Field(default=None, foreign_key="api_key.id")  # None: by the command
