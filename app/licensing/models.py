"""Contracts, their signatures, and every decision ever taken under them."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant, Json
from app.ids import new_id


class Contract(SQLModel, table=True):
    """One consent contract; its document is never edited: amended by a new version, withdrawn once.

    `document` is the canonical text (RFC 8785) both sides sign; `document_sha256` its hash.
    """

    __table_args__ = (sa.UniqueConstraint("performer_id", "licensee_id", "document_sha256"),)

    id: str = Field(default_factory=lambda: new_id("con"), primary_key=True)
    performer_id: str = Field(foreign_key="performer.id", index=True)
    licensee_id: str = Field(foreign_key="organization.id", index=True)
    version: int
    document: str
    document_sha256: str
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    executed_at: datetime | None = Field(default=None, sa_type=Instant)
    withdrawn_at: datetime | None = Field(default=None, sa_type=Instant)

    @property
    def status(self) -> str:
        """The word for where this contract stands: offered, active or withdrawn."""
        if self.withdrawn_at is not None:
            return "withdrawn"
        return "active" if self.executed_at is not None else "offered"


class ContractSignature(SQLModel, table=True):
    """One party's signature over the canonical document: a detached JWS (RFC 7515, appendix F)."""

    __tablename__ = "contract_signature"
    __table_args__ = (sa.UniqueConstraint("contract_id", "role"),)

    id: str = Field(default_factory=lambda: new_id("cts"), primary_key=True)
    contract_id: str = Field(foreign_key="contract.id", index=True)
    role: str
    organization_id: str = Field(foreign_key="organization.id")
    signing_key_id: str = Field(foreign_key="signing_key.id")
    jws: str
    signed_at: datetime = Field(default_factory=clock.now, sa_type=Instant)


class Decision(SQLModel, table=True):
    """One answer of the policies, permit or not, with what determined it and its signed receipt.

    `request` holds what was asked in the clear and stays here; the receipt holds only digests.
    """

    __table_args__ = (
        sa.CheckConstraint(
            "outcome IN ('permit', 'needs-approval', 'deny')", name="decision_outcome"
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
