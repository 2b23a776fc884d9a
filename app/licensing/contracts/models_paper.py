"""Signed papers kept beside a contract's structured terms: evidence, which permits nothing."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id


class ContractPaper(SQLModel, table=True):
    """One paper as it was handed in: its digest, and where in the vault its bytes lie."""

    __tablename__ = "contract_paper"
    __table_args__ = (
        sa.UniqueConstraint("contract_id", "sha256", name="contract_paper_once"),
        sa.CheckConstraint("size_bytes > 0", name="contract_paper_size"),
    )

    id: str = Field(default_factory=lambda: new_id("cpa"), primary_key=True)
    contract_id: str = Field(foreign_key="contract.id")
    vault_object_id: str = Field(foreign_key="vault_object.id")
    sha256: str
    size_bytes: int
    organization_id: str = Field(foreign_key="organization.id")
    api_key_id: str = Field(foreign_key="api_key.id")
    attached_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
