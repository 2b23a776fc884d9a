"""Organizations, the keys they call and sign with, and the answers they were given."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant, Json
from app.ids import new_id

ORGANIZATION_KINDS = ("performer", "agency", "production", "union")  # that are registered
OPERATORS = "operator"  # the kind of the one house of who runs the installation


class Organization(SQLModel, table=True):
    """Somebody who calls the platform: a performer's desk, an agency, a production, a union.

    And one house of the operators, who look after it and are no party to anything.
    """

    __table_args__ = (
        sa.CheckConstraint(
            "kind IN ('performer', 'agency', 'production', 'union', 'operator')",
            name="organization_kind",
        ),
        sa.Index(
            "organization_of_operators",
            "kind",
            unique=True,
            sqlite_where=sa.text("kind = 'operator'"),
            postgresql_where=sa.text("kind = 'operator'"),
        ),
    )

    id: str = Field(default_factory=lambda: new_id("org"), primary_key=True)
    name: str
    kind: str
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)


class ApiKey(SQLModel, table=True):
    """A key of an organization; the secret itself is never stored, only its SHA-256."""

    __tablename__ = "api_key"

    id: str = Field(default_factory=lambda: new_id("key"), primary_key=True)
    organization_id: str = Field(foreign_key="organization.id", index=True)
    name: str
    prefix: str = Field(unique=True)
    secret_sha256: str
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    expires_at: datetime | None = Field(default=None, sa_type=Instant)
    revoked_at: datetime | None = Field(default=None, sa_type=Instant)


class ApiKeyTerms(SQLModel, table=True):
    """What a key is limited to, and which one it replaces; a key without such a row is neither.

    A limit that is null is none. The replaced key works until `replaced_ends_at`.
    """

    __tablename__ = "api_key_terms"

    api_key_id: str = Field(foreign_key="api_key.id", primary_key=True)
    actions: list[str] | None = Field(default=None, sa_type=Json)
    projects: list[str] | None = Field(default=None, sa_type=Json)
    contract_ids: list[str] | None = Field(default=None, sa_type=Json)
    replaces_id: str | None = Field(default=None, foreign_key="api_key.id", unique=True)
    replaced_ends_at: datetime | None = Field(default=None, sa_type=Instant)


class ApiKeyUse(SQLModel, table=True):
    """When a key was last used, to some ten minutes."""

    __tablename__ = "api_key_use"

    api_key_id: str = Field(foreign_key="api_key.id", primary_key=True)
    last_used_at: datetime = Field(sa_type=Instant)


class SigningKey(SQLModel, table=True):
    """A public key an organization signs contracts with (JWK); its private half stays with them."""

    __tablename__ = "signing_key"

    id: str = Field(default_factory=lambda: new_id("sig"), primary_key=True)
    organization_id: str = Field(foreign_key="organization.id", index=True)
    algorithm: str
    public_jwk: dict[str, Any] = Field(sa_type=Json)
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    revoked_at: datetime | None = Field(default=None, sa_type=Instant)


class Answer(SQLModel, table=True):
    """What one Idempotency-Key was answered; the same request again gets the same answer."""

    organization_id: str = Field(foreign_key="organization.id", primary_key=True)
    idempotency_key: str = Field(primary_key=True)
    request_sha256: str
    status: int
    body: str
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
