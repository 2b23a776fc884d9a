"""Materials: what was uploaded for which role, what was found in it, and where it is used."""

from datetime import datetime
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant, Json
from app.ids import new_id

Role = Literal["first_frame", "footage", "driving", "voice"]
ROLES: tuple[Role, ...] = get_args(Role)
STATES = ("checking", "usable", "review", "refused")


class Material(SQLModel, table=True):
    """One upload for one role in scenes; sealed under its organization's key, checked before use.

    `commitment` is SHA-256 over `commitment_salt` and the SHA-256 of the file. `faces_object_id`
    holds the templates of the faces in it, sealed likewise; null where none was found.
    """

    __table_args__ = (
        sa.CheckConstraint(f"role IN {ROLES}", name="material_role"),
        sa.CheckConstraint(f"state IN {STATES}", name="material_state"),
        sa.CheckConstraint("size_bytes > 0", name="material_size"),
        sa.CheckConstraint("(state = 'checking') = (checked_at IS NULL)", name="material_checked"),
    )

    id: str = Field(default_factory=lambda: new_id("mat"), primary_key=True)
    organization_id: str = Field(foreign_key="organization.id", index=True)
    api_key_id: str = Field(foreign_key="api_key.id")
    role: str
    media_type: str
    size_bytes: int
    length_ms: int | None = None
    width: int | None = None
    height: int | None = None
    facts: dict[str, Any] = Field(sa_type=Json)
    vault_object_id: str = Field(foreign_key="vault_object.id")
    faces_object_id: str | None = Field(default=None, foreign_key="vault_object.id")
    commitment_salt: str
    commitment: str
    state: str = Field(default="checking", index=True)
    reason: str = ""
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    checked_at: datetime | None = Field(default=None, sa_type=Instant)
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)


class GenerationMaterial(SQLModel, table=True):
    """A material in a generation, and the role it has there."""

    __tablename__ = "generation_material"

    generation_id: str = Field(foreign_key="generation.id", primary_key=True)
    role: str = Field(primary_key=True)
    material_id: str = Field(foreign_key="material.id", index=True)
