"""Generations: what was asked, how far it has come, where its bytes are."""

import secrets
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant, Json
from app.ids import new_id

# The story of a generation, in order; the last line are its endings.
STATES = (
    "held",  # permitted, money and seconds held, nothing sent anywhere yet
    "submitting",  # the intent is committed; whether the generator heard it is not known
    "rendering",  # the generator has the job
    "rendered",  # its result is in quarantine
    "inspected",
    "marked",
    "signed",
    "awaiting-preview",  # the performer's side has to look first, where a contract wants it
    "previewed",  # they let it go
    *("released", "refused", "quarantined", "failed"),
)
FINAL = frozenset({"released", "refused", "quarantined", "failed"})
UNDER_WAY = tuple(state for state in STATES if state not in FINAL)


class Generation(SQLModel, table=True):
    """One use of one or more replicas, from permit to release; one paid job, one output, ever."""

    __table_args__ = (
        sa.CheckConstraint(f"state IN {STATES}", name="generation_state"),
        sa.CheckConstraint("length_ms >= 0", name="generation_length"),
        sa.Index("ix_generation_of_house", "organization_id", "id"),
        sa.Index("ix_generation_in_state", "state", "id"),
        sa.Index("ix_generation_of_house_in_state", "organization_id", "state", "id"),
        sa.Index(
            "ix_generation_released",
            "released_at",
            "id",
            sqlite_where=sa.text("released_at IS NOT NULL"),
            postgresql_where=sa.text("released_at IS NOT NULL"),
        ),
    )

    id: str = Field(default_factory=lambda: new_id("gen"), primary_key=True)
    organization_id: str = Field(foreign_key="organization.id")
    decision_id: str = Field(foreign_key="decision.id")
    generator: str
    line: str
    length_ms: int  # a picture has none: 0
    request: dict[str, Any] = Field(sa_type=Json)
    payload_hex: str = Field(default_factory=lambda: secrets.token_hex(8), unique=True)
    state: str = "held"
    reason: str = ""
    job_reference: str | None = None
    progress_percent: int | None = None  # as the generator said last; of a render under way
    rendered_key: str | None = None
    rendered_sha256: str | None = None
    marked_key: str | None = None
    output_key: str | None = None
    output_sha256: str | None = Field(default=None, index=True)
    output_size_bytes: int | None = None
    output_facts: dict[str, Any] | None = Field(default=None, sa_type=Json)
    found_tags: list[str] = Field(default_factory=list, sa_type=Json)  # beside those declared
    shot_id: str | None = Field(default=None, index=True)
    take: int | None = None  # of its shot, from 1
    is_draft: bool = False  # slated, and never for distribution: `released_at` stays empty
    parent_id: str | None = Field(default=None, index=True)  # the output this one derives from
    relation: str | None = None  # how: a chosen take, a remix, an extension, an edit
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    released_at: datetime | None = Field(default=None, sa_type=Instant)
    taken_down_at: datetime | None = Field(default=None, sa_type=Instant)  # the outcome of a case
    delete_at: datetime | None = Field(default=None, sa_type=Instant, index=True)
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)


class GenerationReplica(SQLModel, table=True):
    """A replica in a generation, and the contract that permitted it."""

    __tablename__ = "generation_replica"
    __table_args__ = (
        sa.Index("ix_generation_replica_of_performer", "performer_id", "generation_id"),
        sa.Index("ix_generation_replica_under_contract", "contract_id", "generation_id"),
    )

    generation_id: str = Field(foreign_key="generation.id", primary_key=True)
    replica_id: str = Field(foreign_key="replica.id", primary_key=True)
    performer_id: str = Field(foreign_key="performer.id")
    contract_id: str = Field(foreign_key="contract.id")
