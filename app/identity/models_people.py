"""People, what they are in which organization, and the passkeys and sessions they come with."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id

# What a person may be in an organization, by its kind; the first is what one is unless said.
ROLES = {
    "performer": ("performer", "guardian", "estate", "loan_out", "auditor"),
    "agency": ("agent", "auditor"),
    "production": ("production_approver", "production_member", "auditor"),
    "union": ("union_officer", "auditor"),
    "operator": ("operator",),
}
EVERY_ROLE = tuple(dict.fromkeys(role for roles in ROLES.values() for role in roles))
PURPOSES = ("enroll", "sign-in", "confirm", "sign", "provider", "bind")


def _one_of(column: str, values: tuple[str, ...], name: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(f"{column} IN ({', '.join(map(repr, values))})", name=name)


class Person(SQLModel, table=True):
    """Somebody who signs in with passkeys of their own; there are no passwords.

    `zone` is the IANA time zone they read times by; empty for whatever their browser says.
    """

    id: str = Field(default_factory=lambda: new_id("psn"), primary_key=True)
    name: str
    zone: str = ""
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)


class Invitation(SQLModel, table=True):
    """A link that lets one person into an organization, once; only its SHA-256 is stored.

    `invited_by` is an administrator; null for the machine's command line, which invites the first.
    """

    __table_args__ = (_one_of("role", EVERY_ROLE, "invitation_role"),)

    id: str = Field(default_factory=lambda: new_id("ivt"), primary_key=True)
    organization_id: str = Field(foreign_key="organization.id", index=True)
    role: str
    is_admin: bool
    invited_by: str | None = Field(default=None, foreign_key="person.id")
    secret_sha256: str = Field(unique=True)
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    used_at: datetime | None = Field(default=None, sa_type=Instant)
    retracted_at: datetime | None = Field(default=None, sa_type=Instant)


class Membership(SQLModel, table=True):
    """What one person is in one organization, from an invitation on until it ends."""

    __table_args__ = (_one_of("role", EVERY_ROLE, "membership_role"),)

    id: str = Field(default_factory=lambda: new_id("mem"), primary_key=True)
    person_id: str = Field(foreign_key="person.id", index=True)
    organization_id: str = Field(foreign_key="organization.id", index=True)
    role: str
    is_admin: bool
    invitation_id: str = Field(foreign_key="invitation.id", unique=True)
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)


class Passkey(SQLModel, table=True):
    """The public half of a passkey; the private half never leaves its device, or its keeper.

    `credential_id` is base64url, `public_key` a COSE key. `backup_eligible` says that it may be
    copied to other devices by whoever keeps it. `clone_seen_at`: another copy counted differently.
    """

    __table_args__ = (sa.CheckConstraint("sign_count >= 0", name="passkey_counts"),)

    id: str = Field(default_factory=lambda: new_id("pky"), primary_key=True)
    person_id: str = Field(foreign_key="person.id", index=True)
    name: str
    credential_id: str = Field(unique=True)
    public_key: bytes
    aaguid: str
    backup_eligible: bool
    backed_up: bool
    sign_count: int = Field(sa_type=sa.BigInteger)
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    last_used_at: datetime | None = Field(default=None, sa_type=Instant)
    clone_seen_at: datetime | None = Field(default=None, sa_type=Instant)
    revoked_at: datetime | None = Field(default=None, sa_type=Instant)

    @property
    def stands(self) -> bool:
        """Say whether it may be used."""
        return self.revoked_at is None and self.clone_seen_at is None


class PasskeySigningKey(SQLModel, table=True):
    """That a signing key of an organization is a member's passkey, since their first signature."""

    __tablename__ = "passkey_signing_key"

    passkey_id: str = Field(foreign_key="passkey.id", primary_key=True)
    organization_id: str = Field(foreign_key="organization.id", primary_key=True)
    signing_key_id: str = Field(foreign_key="signing_key.id", unique=True)


class Ceremony(SQLModel, table=True):
    """One challenge to an authenticator, for one browser; answered once, and soon.

    `binder_sha256` is the hash of a cookie of the browser it was shown in. `person_id` is who is to
    answer, or the id a new person will have; null where anybody may. `about` is what a signature
    will say; the challenge is its hash. A studio's provider is asked likewise: `about` is which.
    """

    __table_args__ = (_one_of("purpose", PURPOSES, "ceremony_purpose"),)

    id: str = Field(default_factory=lambda: new_id("cer"), primary_key=True)
    purpose: str
    challenge: bytes
    about: str = ""
    binder_sha256: str
    person_id: str | None = None
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant, index=True)
    used_at: datetime | None = Field(default=None, sa_type=Instant)


class PersonSession(SQLModel, table=True):
    """A browser in which somebody is signed in; only the SHA-256 of its cookie is stored.

    `verified_at` is when the person last proved to be there: sensitive acts ask for it anew. Opened
    with a passkey, or by a studio's provider, and then good for that studio's pages alone.
    """

    __tablename__ = "person_session"
    __table_args__ = (
        sa.CheckConstraint(
            "(passkey_id IS NULL) <> (provider_member_id IS NULL)",
            name="person_session_opened_by_one",
        ),
    )

    id: str = Field(default_factory=lambda: new_id("ses"), primary_key=True)
    person_id: str = Field(foreign_key="person.id", index=True)
    passkey_id: str | None = Field(default=None, foreign_key="passkey.id", index=True)
    provider_member_id: str | None = Field(default=None, foreign_key="provider_member.id")
    secret_sha256: str = Field(unique=True)
    browser: str
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    seen_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    verified_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
