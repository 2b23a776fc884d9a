"""A studio's own sign-in: which provider it named, and which member is whom there."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id

CLIENT_AUTHS = ("client_secret_basic", "client_secret_post")


def _one_standing(name: str, *columns: str) -> sa.Index:
    stands = sa.text("ended_at IS NULL")
    return sa.Index(name, *columns, unique=True, sqlite_where=stands, postgresql_where=stands)


class SignInProvider(SQLModel, table=True):
    """The provider (OpenID Connect) that a production's administrator named; one stands at a time.

    The endpoints are those that the issuer's own document named on that day. `secret` is sealed.
    """

    __tablename__ = "sign_in_provider"
    __table_args__ = (
        sa.CheckConstraint(f"client_auth IN {CLIENT_AUTHS}", name="sign_in_provider_client_auth"),
        _one_standing("ix_sign_in_provider_standing", "organization_id"),
    )

    id: str = Field(default_factory=lambda: new_id("idp"), primary_key=True)
    organization_id: str = Field(foreign_key="organization.id", index=True)
    issuer: str
    client_id: str
    client_auth: str
    secret: str
    email_domain: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    names_itself: bool  # its answers carry `iss` (RFC 9207)
    named_by: str = Field(foreign_key="person.id")
    named_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)


class ProviderMember(SQLModel, table=True):
    """That a member is this subject at the provider: shown with a passkey, and there, at once."""

    __tablename__ = "provider_member"
    __table_args__ = (
        _one_standing("ix_provider_member_subject", "provider_id", "subject"),
        _one_standing("ix_provider_member_person", "provider_id", "person_id"),
    )

    id: str = Field(default_factory=lambda: new_id("pvm"), primary_key=True)
    provider_id: str = Field(foreign_key="sign_in_provider.id", index=True)
    person_id: str = Field(foreign_key="person.id", index=True)
    subject: str
    bound_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
