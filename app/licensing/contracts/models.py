"""Contracts, their signatures, and what happened to them."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id
from app.licensing.contracts.life import Act, Actor

# What waits for an answer, by columns alone: what the index of it holds.
ON_THE_TABLE = (
    "offered_at IS NOT NULL AND executed_at IS NULL AND declined_at IS NULL "
    "AND retracted_at IS NULL AND replaced_at IS NULL"
)


class Contract(SQLModel, table=True):
    """One document of one contract; it is never edited: countered by a round, amended by a version.

    What belongs together shares `series_id`, the id of its first document, which is the contract's
    id to the world and in the books. `document` is the canonical text (RFC 8785) both sides sign,
    `document_sha256` its hash, `ends_at` the first instant after its term. The instants say where
    it stands: `life.state_of`.
    """

    __table_args__ = (
        sa.UniqueConstraint("series_id", "version", "round", name="contract_document_once"),
        sa.Index("ix_contract_same_words", "performer_id", "licensee_id", "document_sha256"),
        sa.Index("ix_contract_of_licensee", "licensee_id", "series_id"),
        sa.Index(
            "ix_contract_on_the_table",
            "expires_at",
            "id",
            sqlite_where=sa.text(ON_THE_TABLE),
            postgresql_where=sa.text(ON_THE_TABLE),
        ),
        sa.CheckConstraint("version >= 1 AND round >= 1", name="contract_counts_from_one"),
        sa.CheckConstraint("author_side IN ('performer', 'licensee')", name="contract_author_side"),
    )

    id: str = Field(default_factory=lambda: new_id("con"), primary_key=True)
    series_id: str = Field(index=True)
    version: int = 1
    round: int = 1
    performer_id: str = Field(foreign_key="performer.id", index=True)
    licensee_id: str = Field(foreign_key="organization.id")
    author_id: str = Field(foreign_key="organization.id")
    author_side: str
    counters_id: str | None = Field(default=None, foreign_key="contract.id")
    document: str
    document_sha256: str
    ends_at: datetime = Field(sa_type=Instant)
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    offered_at: datetime | None = Field(default=None, sa_type=Instant)  # null: a private draft
    expires_at: datetime | None = Field(default=None, sa_type=Instant)
    first_signed_at: datetime | None = Field(default=None, sa_type=Instant)
    declined_at: datetime | None = Field(default=None, sa_type=Instant)
    retracted_at: datetime | None = Field(default=None, sa_type=Instant)
    replaced_at: datetime | None = Field(default=None, sa_type=Instant)
    executed_at: datetime | None = Field(default=None, sa_type=Instant)
    effective_at: datetime | None = Field(default=None, sa_type=Instant)
    superseded_at: datetime | None = Field(default=None, sa_type=Instant)
    suspended_at: datetime | None = Field(default=None, sa_type=Instant)
    withdrawn_at: datetime | None = Field(default=None, sa_type=Instant)


class ContractSignature(SQLModel, table=True):
    """One party's signature over the canonical document.

    `jws` is a detached JWS (RFC 7515, appendix F), or, from a person's passkey, the assertion as
    JSON (`assertions.py`).
    """

    __tablename__ = "contract_signature"
    __table_args__ = (sa.UniqueConstraint("contract_id", "role"),)

    id: str = Field(default_factory=lambda: new_id("cts"), primary_key=True)
    contract_id: str = Field(foreign_key="contract.id", index=True)
    role: str
    organization_id: str = Field(foreign_key="organization.id")
    signing_key_id: str = Field(foreign_key="signing_key.id")
    jws: str
    signed_at: datetime = Field(default_factory=clock.now, sa_type=Instant)


class ContractEvent(SQLModel, table=True):
    """One thing that was done to a contract, by whom; append-only, numbered from 1.

    `evidence_sha256` is the digest of everything that stood after it, and `seal` binds that to this
    installation's key: a row edited later no longer fits the newest event (`evidence.py`).
    """

    __tablename__ = "contract_event"
    __table_args__ = (
        sa.UniqueConstraint("series_id", "number", name="contract_event_number"),
        sa.CheckConstraint("number >= 1", name="contract_event_counts"),
        sa.CheckConstraint(
            f"act IN ({', '.join(repr(act.value) for act in Act)})", name="contract_event_act"
        ),
        sa.CheckConstraint(
            f"actor IN ({', '.join(repr(actor.value) for actor in Actor)})",
            name="contract_event_actor",
        ),
    )

    id: str = Field(default_factory=lambda: new_id("cev"), primary_key=True)
    series_id: str = Field(foreign_key="contract.id")
    number: int
    contract_id: str = Field(foreign_key="contract.id", index=True)
    act: str
    actor: str
    organization_id: str = Field(foreign_key="organization.id")
    api_key_id: str | None = Field(default=None, foreign_key="api_key.id")
    at: datetime = Field(sa_type=Instant)
    note: str = ""
    previous_sha256: str = ""
    evidence_sha256: str
    seal: str
