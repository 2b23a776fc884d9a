"""Every decision ever taken, permit or not."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app.db import Instant, Json
from app.ids import new_id


class Decision(SQLModel, table=True):
    """One answer of the policies, permit or not, with what determined it and its signed receipt.

    `request` holds what was asked in the clear and stays here; the receipt holds only digests.
    """

    __table_args__ = (
        sa.CheckConstraint(
            "outcome IN ('permit', 'needs-approval', 'deny')", name="decision_outcome"
        ),
        sa.Index(
            "ix_decision_denied",
            "id",
            sqlite_where=sa.text("outcome = 'deny'"),
            postgresql_where=sa.text("outcome = 'deny'"),
        ),
    )

    id: str = Field(default_factory=lambda: new_id("dec"), primary_key=True)
    organization_id: str = Field(foreign_key="organization.id", index=True)
    generation_id: str | None = Field(default=None, index=True)
    phase: str
    at: datetime = Field(sa_type=Instant)
    outcome: str
    codes: list[str] = Field(sa_type=Json)
    shown_codes: list[str] = Field(sa_type=Json)  # what the asking party may know of them
    obligations: list[str] = Field(sa_type=Json)
    determining: list[str] = Field(sa_type=Json)
    explanations: list[dict[str, Any]] = Field(sa_type=Json)
    policy_digest: str
    stopping_digest: str  # of today's stopping rules, at a release; else the same
    request: dict[str, Any] = Field(sa_type=Json)
    receipt: str
    receipt_sha256: str
