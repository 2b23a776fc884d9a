"""What humans were asked, and what they answered."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant, Json
from app.ids import new_id

# What may be asked for. A `use` needs a yes of every role; of the others one role's yes is enough.
KINDS = ("use", "content", "sublicensee", "transferee", "training")
ANSWERS = ("approved", "rejected")


class ApprovalRequest(SQLModel, table=True):
    """A yes that somebody was asked for under one contract; what was asked is never edited.

    `use` is the use it is about, as it was decided; a yes covers that use and nothing wider.
    `answer_due_at` is null where the contract waits for an answer however long it takes. `outcome`
    sums up the answers for lists; decisions read the answers themselves.
    """

    __tablename__ = "approval_request"
    __table_args__ = (
        sa.UniqueConstraint("decision_id", "contract_id", "kind", name="approval_request_once"),
        sa.CheckConstraint(f"kind IN {KINDS}", name="approval_request_kind"),
        sa.CheckConstraint(
            "outcome IN ('open', 'approved', 'rejected')", name="approval_request_outcome"
        ),
    )

    id: str = Field(default_factory=lambda: new_id("apr"), primary_key=True)
    contract_id: str = Field(foreign_key="contract.id", index=True)
    organization_id: str = Field(foreign_key="organization.id", index=True)
    decision_id: str = Field(foreign_key="decision.id")
    kind: str
    roles: list[str] = Field(sa_type=Json)
    project: str
    script_hash: str
    content_tags: list[str] = Field(sa_type=Json)
    sublicensee: str | None = None
    transferee: str | None = None
    training_scope: str | None = None
    use: dict[str, Any] = Field(sa_type=Json)
    script: str | None = None
    requested_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    answer_due_at: datetime | None = Field(default=None, sa_type=Instant)
    outcome: str = "open"
    expires_at: datetime | None = Field(default=None, sa_type=Instant)


class ApprovalAnswer(SQLModel, table=True):
    """One human's yes or no, in one role; of several by one role the latest counts.

    Never edited: who changes their mind answers again.
    """

    __tablename__ = "approval_answer"
    __table_args__ = (sa.CheckConstraint(f"status IN {ANSWERS}", name="approval_answer_status"),)

    id: str = Field(default_factory=lambda: new_id("apa"), primary_key=True)
    request_id: str = Field(foreign_key="approval_request.id", index=True)
    role: str
    organization_id: str = Field(foreign_key="organization.id")
    api_key_id: str = Field(foreign_key="api_key.id")
    status: str
    answered_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    expires_at: datetime | None = Field(default=None, sa_type=Instant)
