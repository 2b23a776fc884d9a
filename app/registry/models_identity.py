"""How far it is proven who a performer is, and by which ids others know them."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id

EXTERNAL_KINDS = ("hand", "isni", "imdb", "union")


class IdentityProof(SQLModel, table=True):
    """That somebody vouched for a performer, or looked at their document; ended, never edited.

    Of one replica: another one is proven anew. A voucher signed `document` (RFC 8785) with a key of
    theirs; of a document checked elsewhere, and of a live check, there is a `reference`. `seal`: as
    of a mandate.
    """

    __tablename__ = "identity_proof"
    __table_args__ = (
        sa.CheckConstraint("level IN ('vouched', 'live', 'document')", name="identity_proof_level"),
        sa.CheckConstraint("proven_at < ends_at", name="identity_proof_spans"),
    )

    id: str = Field(default_factory=lambda: new_id("idp"), primary_key=True)
    performer_id: str = Field(foreign_key="performer.id", index=True)
    replica_id: str = Field(foreign_key="replica.id")
    level: str
    organization_id: str | None = Field(default=None, foreign_key="organization.id")
    document: str = ""
    signature: str = ""
    signing_key_id: str | None = Field(default=None, foreign_key="signing_key.id")
    reference: str = ""
    proven_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    ends_at: datetime = Field(sa_type=Instant)
    revoked_at: datetime | None = Field(default=None, sa_type=Instant)
    seal: str


class ExternalId(SQLModel, table=True):
    """By which number another house knows a performer; the union's is sealed (`vault_text`)."""

    __tablename__ = "external_id"
    __table_args__ = (
        sa.CheckConstraint(
            f"kind IN ({', '.join(map(repr, EXTERNAL_KINDS))})", name="external_id_kind"
        ),
    )

    performer_id: str = Field(foreign_key="performer.id", primary_key=True)
    kind: str = Field(primary_key=True)
    value: str
    recorded_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
