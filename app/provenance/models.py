"""The manifest repository: every manifest this installation signed, and what leads back to it."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant, Json
from app.ids import new_id

BINDING_KINDS = ("watermark", "fingerprint")


class SignedManifest(SQLModel, table=True):
    """One manifest and the whole file it left in; written once, never changed.

    The manifest's bytes are an object named by their SHA-256. `openings` are the salts of the
    manifest's commitments: private, for whoever may have one commitment opened.
    """

    __tablename__ = "signed_manifest"
    __table_args__ = (
        sa.CheckConstraint("size_bytes > 0", name="signed_manifest_size"),
        sa.CheckConstraint("length(file_sha256) = 64", name="signed_manifest_file_sha256"),
        sa.CheckConstraint("length(manifest_sha256) = 64", name="signed_manifest_sha256"),
    )

    id: str = Field(default_factory=lambda: new_id("man"), primary_key=True)
    generation_id: str = Field(unique=True)
    label: str = Field(unique=True)  # the manifest's own name: urn:c2pa:...
    manifest_sha256: str = Field(unique=True)
    file_sha256: str = Field(unique=True)  # of the whole signed file, as it was handed out
    size_bytes: int
    media_type: str
    openings: dict[str, Any] = Field(sa_type=Json)
    verified_by: list[str] = Field(sa_type=Json)  # who looked at it before its release
    signed_at: datetime = Field(default_factory=clock.now, sa_type=Instant)

    @property
    def object_key(self) -> str:
        """Where the manifest's bytes are kept."""
        return f"manifests/{self.manifest_sha256}.c2pa"


class SoftBinding(SQLModel, table=True):
    """One way back from a file without credentials to its manifest.

    Of kind watermark: `value` is the payload in hex, unique per algorithm. Of kind fingerprint:
    `fingerprint` holds it, `value` its SHA-256.
    """

    __tablename__ = "soft_binding"
    __table_args__ = (
        sa.CheckConstraint(f"kind IN {BINDING_KINDS}", name="soft_binding_kind"),
        sa.UniqueConstraint("manifest_id", "kind", name="soft_binding_one_of_a_kind"),
        sa.Index("soft_binding_value", "algorithm", "value"),
        sa.Index(
            "soft_binding_payload",
            "algorithm",
            "value",
            unique=True,
            sqlite_where=sa.text("kind = 'watermark'"),
            postgresql_where=sa.text("kind = 'watermark'"),
        ),
    )

    id: str = Field(default_factory=lambda: new_id("sbd"), primary_key=True)
    manifest_id: str = Field(foreign_key="signed_manifest.id", index=True)
    kind: str
    algorithm: str
    value: str
    fingerprint: dict[str, Any] | None = Field(default=None, sa_type=Json)
