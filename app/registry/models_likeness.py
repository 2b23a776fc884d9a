"""What a performer gave of themselves beside the first portrait: photos, and their voice."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id

KINDS = ("photo", "voice")


class LikenessMedium(SQLModel, table=True):
    """One photo or recording of a performer's: facts here, what it shows in the vault.

    `part` is the pose of a photo, or the number of the sentence that was read aloud. `agreed` is
    what was agreed to with it, in English. `commitment` is as that of a reference medium. Nothing
    is rendered from these, and no render is compared with them.
    """

    __tablename__ = "likeness_medium"
    __table_args__ = (
        sa.CheckConstraint(f"kind IN {KINDS}", name="likeness_medium_kind"),
        sa.CheckConstraint("size_bytes > 0 AND length_ms >= 0", name="likeness_medium_size"),
        sa.CheckConstraint(
            "(kind = 'photo') = (template_object_id IS NOT NULL AND still_object_id IS NOT NULL)",
            name="likeness_medium_measured",
        ),
    )

    id: str = Field(default_factory=lambda: new_id("lmd"), primary_key=True)
    performer_id: str = Field(foreign_key="performer.id", index=True)
    replica_id: str = Field(foreign_key="replica.id")
    kind: str
    part: str
    media_type: str
    size_bytes: int
    length_ms: int = 0  # of a recording
    vault_object_id: str = Field(foreign_key="vault_object.id")
    template_object_id: str | None = Field(default=None, foreign_key="vault_object.id")
    still_object_id: str | None = Field(default=None, foreign_key="vault_object.id")
    commitment_salt: str
    commitment: str
    agreed: str
    organization_id: str = Field(foreign_key="organization.id")
    api_key_id: str = Field(foreign_key="api_key.id")
    kept_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    removed_at: datetime | None = Field(default=None, sa_type=Instant)
    removed_by_id: str | None = Field(default=None, foreign_key="organization.id")
    removed_key_id: str | None = Field(default=None, foreign_key="api_key.id")

    @property
    def object_ids(self) -> list[str]:
        """Everything of it that lies in the vault."""
        every = (self.vault_object_id, self.template_object_id, self.still_object_id)
        return [each for each in every if each is not None]
