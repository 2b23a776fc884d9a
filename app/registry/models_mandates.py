"""Who may act for a performer, for what, until when; when a performer comes of age, or has died."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant, Json
from app.ids import new_id

ROLES = (
    *("agent", "attorney", "guardian", "estate_rep", "union_for_estate", "loan_out"),
    *("union", "court"),
)


class Mandate(SQLModel, table=True):
    """One signed mandate; confirmed once where it needs that, revoked once, never edited.

    `document` (RFC 8785) is what `grantor_id` signed with `signing_key_id`. `signature` is a
    detached JWS or what a passkey asserted. `seal` binds the row to this installation
    (`mandates.py`): one that was written or changed behind the program's back grants nothing.
    """

    __table_args__ = (
        sa.CheckConstraint(f"role IN ({', '.join(map(repr, ROLES))})", name="mandate_role"),
        sa.CheckConstraint("starts_at < ends_at", name="mandate_spans"),
    )

    id: str = Field(default_factory=lambda: new_id("man"), primary_key=True)
    performer_id: str = Field(foreign_key="performer.id", index=True)
    holder_id: str = Field(foreign_key="organization.id", index=True)
    role: str
    acts: list[str] = Field(sa_type=Json)
    contract_id: str | None = None  # a contract's id where it is for that one alone
    starts_at: datetime = Field(sa_type=Instant)
    ends_at: datetime = Field(sa_type=Instant)
    document: str
    document_sha256: str = Field(unique=True)
    signature: str
    signing_key_id: str = Field(foreign_key="signing_key.id")
    grantor_id: str = Field(foreign_key="organization.id")
    granted_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    confirmed_at: datetime | None = Field(default=None, sa_type=Instant)
    revoked_at: datetime | None = Field(default=None, sa_type=Instant)
    revoked_by: str | None = None  # an organization, or "operator"
    seal: str


class MandateDeclaration(SQLModel, table=True):
    """What a union signed at a page for an estate that cannot be found; it counts once it is filed.

    `document` (RFC 8785) is the mandate, `signature` what a passkey asserted over it. Ended once:
    filed by the operator, who saw the papers it names (`mandate_id`), or taken back.
    """

    __tablename__ = "mandate_declaration"
    __table_args__ = (
        sa.CheckConstraint(
            "mandate_id IS NULL OR ended_at IS NOT NULL", name="mandate_declaration_filed"
        ),
    )

    id: str = Field(default_factory=lambda: new_id("mdc"), primary_key=True)
    organization_id: str = Field(foreign_key="organization.id", index=True)
    performer_id: str = Field(foreign_key="performer.id")
    document: str
    document_sha256: str = Field(unique=True)
    signature: str
    signing_key_id: str = Field(foreign_key="signing_key.id")
    declared_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
    mandate_id: str | None = Field(default=None, foreign_key="mandate.id")


class MandateEvidence(SQLModel, table=True):
    """A paper that a mandate names by its hash; its bytes lie in the vault."""

    __tablename__ = "mandate_evidence"
    __table_args__ = (sa.UniqueConstraint("mandate_id", "sha256", name="mandate_evidence_once"),)

    id: str = Field(default_factory=lambda: new_id("mev"), primary_key=True)
    mandate_id: str = Field(foreign_key="mandate.id")
    sha256: str
    vault_object_id: str = Field(foreign_key="vault_object.id")
    organization_id: str = Field(foreign_key="organization.id")
    attached_at: datetime = Field(default_factory=clock.now, sa_type=Instant)


class PerformerLife(SQLModel, table=True):
    """The day a performer comes of age, and the day of their death, as far as they are known.

    The date of birth itself is in the vault; here is only the day they turn eighteen.
    """

    __tablename__ = "performer_life"

    performer_id: str = Field(foreign_key="performer.id", primary_key=True)
    majority_on: date | None = None
    birth_object_id: str | None = Field(default=None, foreign_key="vault_object.id")
    died_on: date | None = None
    recorded_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    seal: str


class AliveWord(SQLModel, table=True):
    """That somebody signed in at a performer's own desk said that they live, a death on record.

    Every use stays paused while it stands: until two operators took the death back, or agreed that
    it stands (`ended_at`). Silence ends no word.
    """

    __tablename__ = "alive_word"

    id: str = Field(default_factory=lambda: new_id("alv"), primary_key=True)
    performer_id: str = Field(foreign_key="performer.id", index=True)
    person_id: str = Field(foreign_key="person.id")
    said_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
