"""Acts that take two people, and who agreed to each."""

from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant, Json
from app.ids import new_id

State = Literal["proposed", "agreed", "refused", "lapsed"]
KINDS = (
    "payout-details",
    "key-rotation",
    "operator-key-rotation",
    "vault-access",
    "key-creation",
    "death-recording",
    "death-correction",
    "operator-key-creation",
    "death-upholding",
)


class TwofoldAct(SQLModel, table=True):
    """One act that was proposed: nothing of it happens before two people agreed to just this.

    `asked` is what would be done, without secrets. Without an organization it is of a time when
    operators were no people yet: nobody agrees to it any more.
    `settled_at` is when enough agreed, `done_at` when it was done; mostly one instant. What is
    not done yet can be refused until it is, agreed to or not.
    """

    __tablename__ = "twofold_act"
    __table_args__ = (
        sa.CheckConstraint(f"kind IN {KINDS}", name="twofold_act_kind"),
        sa.CheckConstraint("done_at IS NULL OR refused_at IS NULL", name="twofold_act_ends_once"),
        sa.CheckConstraint("done_at IS NULL OR settled_at IS NOT NULL", name="twofold_act_done"),
    )

    id: str = Field(default_factory=lambda: new_id("two"), primary_key=True)
    organization_id: str | None = Field(default=None, foreign_key="organization.id", index=True)
    kind: str
    subject_id: str = Field(index=True)
    asked: dict[str, Any] = Field(sa_type=Json)
    api_key_id: str | None = Field(default=None, foreign_key="api_key.id")
    proposed_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    lapses_at: datetime = Field(sa_type=Instant)
    refused_at: datetime | None = Field(default=None, sa_type=Instant)
    settled_at: datetime | None = Field(default=None, sa_type=Instant)
    done_at: datetime | None = Field(default=None, sa_type=Instant)

    def state(self, at: datetime) -> State:
        """Say where it stands: proposed, agreed (done or not), refused or lapsed undone."""
        if self.refused_at is not None:
            return "refused"
        if self.done_at is not None:
            return "agreed"
        if at >= self.lapses_at:
            return "lapsed"
        return "proposed" if self.settled_at is None else "agreed"


class TwofoldVoice(SQLModel, table=True):
    """That somebody agreed, and when: a person's id."""

    __tablename__ = "twofold_voice"

    act_id: str = Field(foreign_key="twofold_act.id", primary_key=True)
    who: str = Field(primary_key=True)
    said_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
