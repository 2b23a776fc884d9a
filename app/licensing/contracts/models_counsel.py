"""Links that let counsel read and comment on one negotiation, and what they commented."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id


class CounselLink(SQLModel, table=True):
    """A door to one version of one contract, for who has no account; only its hash is stored.

    It opens what `side` may see. Comments are for that side alone, unless they are `shared`.
    """

    __tablename__ = "counsel_link"
    __table_args__ = (
        sa.CheckConstraint("side IN ('performer', 'licensee')", name="counsel_link_side"),
    )

    id: str = Field(default_factory=lambda: new_id("cnl"), primary_key=True)
    series_id: str = Field(foreign_key="contract.id", index=True)
    version: int
    side: str
    shared: bool
    counsel: str  # whom it was made for
    secret_sha256: str = Field(unique=True)
    organization_id: str = Field(foreign_key="organization.id")
    api_key_id: str | None = Field(default=None, foreign_key="api_key.id")
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    revoked_at: datetime | None = Field(default=None, sa_type=Instant)


class CounselComment(SQLModel, table=True):
    """What counsel said of one field of one document. Never changed.

    One per link and `idempotency_key`; `request_sha256` says which request that was.
    """

    __tablename__ = "counsel_comment"
    __table_args__ = (
        sa.UniqueConstraint("link_id", "idempotency_key", name="counsel_comment_once"),
    )

    id: str = Field(default_factory=lambda: new_id("cmt"), primary_key=True)
    link_id: str = Field(foreign_key="counsel_link.id")
    contract_id: str = Field(foreign_key="contract.id", index=True)
    pointer: str
    text: str
    idempotency_key: str
    request_sha256: str
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
