"""Cases, their sides, and what happened in them. What was frozen at the opening never changes."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant, Json
from app.ids import new_id
from app.language import marked

# What is wrong, in words that are on the form as well.
GROUNDS = {
    "not-consented": marked("it shows somebody who did not agree to this"),
    "beyond-consent": marked("it goes beyond what was agreed"),
    "withdrawn": marked("consent was withdrawn, and it is still shown"),
    "passed-off": marked("it passes for real, or for somebody else"),
    "money": marked("the money is wrong"),
    "record": marked("what is recorded about it is wrong"),
    "other": marked("something else"),
}
ASKED = {
    "takedown": marked("no longer be shown or handed out"),
    "reversal": marked("be charged to nobody: what it cost is given back"),
    "correction": marked("be put right on record"),
}
OUTCOMES = (*ASKED, "settled", "dismissed", "withdrawn")
SIDES = ("performer", "production", "union", "visitor")
EVENTS = ("opened", "taken-up", "answered", "accepted", "extended", "closed")


class Case(SQLModel, table=True):
    """One case about one output, or one file nobody knows. `evidence` is frozen when it is opened.

    `holds_from` is since when nothing of it may be erased: at once for a side of the output, and
    for a visitor once the operator has taken it up. `outcomes` are what came of it.
    """

    __tablename__ = "case_file"
    __table_args__ = (
        sa.CheckConstraint(f"ground IN {tuple(GROUNDS)}", name="case_file_ground"),
        sa.CheckConstraint(f"asked IN {tuple(ASKED)}", name="case_file_asked"),
        sa.CheckConstraint(f"side IN {SIDES}", name="case_file_side"),
        sa.CheckConstraint(
            "generation_id IS NOT NULL OR file_sha256 IS NOT NULL", name="case_file_about"
        ),
        sa.CheckConstraint(
            "organization_id IS NOT NULL OR link_sha256 IS NOT NULL", name="case_file_opener"
        ),
    )

    id: str = Field(default_factory=lambda: new_id("cas"), primary_key=True)
    generation_id: str | None = Field(default=None, foreign_key="generation.id", index=True)
    file_sha256: str | None = None
    ground: str
    asked: str
    words: str
    side: str
    organization_id: str | None = Field(default=None, foreign_key="organization.id", index=True)
    api_key_id: str | None = Field(default=None, foreign_key="api_key.id")
    link_sha256: str | None = Field(default=None, unique=True)
    holds_payouts: bool = False
    evidence: dict[str, Any] = Field(sa_type=Json)
    evidence_sha256: str
    opened_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    answer_by: datetime = Field(sa_type=Instant)
    decide_by: datetime = Field(sa_type=Instant)
    holds_from: datetime | None = Field(default=None, sa_type=Instant)
    closed_at: datetime | None = Field(default=None, sa_type=Instant, index=True)
    outcomes: list[str] = Field(default_factory=list, sa_type=Json)


class CaseSide(SQLModel, table=True):
    """An organization that sees a case, and as what: whoever it concerned when it was opened."""

    __tablename__ = "case_side"
    __table_args__ = (sa.Index("ix_case_side_of_house", "organization_id", "case_id"),)

    case_id: str = Field(foreign_key="case_file.id", primary_key=True)
    organization_id: str = Field(foreign_key="organization.id", primary_key=True)
    side: str
    must_accept: bool = False  # what is asked happens once all of these have accepted it


class CaseEvent(SQLModel, table=True):
    """Something that happened in a case, in order. Append-only; no organization: the operator."""

    __tablename__ = "case_event"
    __table_args__ = (
        sa.UniqueConstraint("case_id", "number", name="case_event_in_order"),
        sa.CheckConstraint(f"kind IN {EVENTS}", name="case_event_kind"),
    )

    id: str = Field(default_factory=lambda: new_id("cev"), primary_key=True)
    case_id: str = Field(foreign_key="case_file.id", index=True)
    number: int
    kind: str
    side: str  # of who did it; "operator", or "visitor"
    organization_id: str | None = Field(default=None, foreign_key="organization.id")
    api_key_id: str | None = Field(default=None, foreign_key="api_key.id")
    words: str
    at: datetime = Field(default_factory=clock.now, sa_type=Instant)
