"""The log's own tables: what waits to be logged, what is logged, what was signed."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import BY_KEY, Instant
from app.ids import new_id


class LogOutbox(SQLModel, table=True):
    """Something that happened, written in its own transaction; it becomes a leaf soon after.

    Holds no payload: the room that acted keeps it. `salt` opens the commitment until it is erased.
    """

    __tablename__ = "log_outbox"
    __table_args__ = (
        sa.CheckConstraint("length(kind) BETWEEN 1 AND 40", name="log_outbox_kind"),
        sa.CheckConstraint("salt IS NULL OR length(salt) = 16", name="log_outbox_salt"),
        sa.Index(
            "ix_log_outbox_waiting",
            "created_at",
            "id",
            sqlite_where=sa.text("leaf_index IS NULL"),
            postgresql_where=sa.text("leaf_index IS NULL"),
        ),
        sa.Index(
            "log_outbox_leaf_index",
            "leaf_index",
            unique=True,
            sqlite_where=sa.text("leaf_index IS NOT NULL"),
            postgresql_where=sa.text("leaf_index IS NOT NULL"),
        ),
        BY_KEY,
    )

    id: str = Field(default_factory=lambda: new_id("obx"), primary_key=True)
    kind: str
    subject_id: str = Field(index=True)
    entry: str = Field(sa_type=sa.Text)  # canonical JSON, as the log will hold it
    salt: bytes | None = None
    leaf_index: int | None = Field(default=None, sa_type=sa.BigInteger)
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)


class LogLeaf(SQLModel, table=True):
    """One leaf of the tree, at its index for ever."""

    __tablename__ = "log_leaf"
    __table_args__ = (
        sa.CheckConstraint("leaf_index >= 0", name="log_leaf_index"),
        sa.CheckConstraint("length(leaf_hash) = 32", name="log_leaf_hash"),
    )

    leaf_index: int = Field(
        sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False)
    )
    outbox_id: str = Field(foreign_key="log_outbox.id", unique=True)
    entry: bytes
    leaf_hash: bytes


class LogCheckpoint(SQLModel, table=True):
    """A checkpoint the log has published, numbered from 1; each is larger than the one before."""

    __tablename__ = "log_checkpoint"
    __table_args__ = (
        sa.CheckConstraint("size > 0", name="log_checkpoint_size"),
        sa.CheckConstraint("length(root_hash) = 32", name="log_checkpoint_root"),
    )

    number: int = Field(sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False))
    size: int = Field(sa_type=sa.BigInteger, unique=True)
    root_hash: bytes
    note: str = Field(sa_type=sa.Text)
    cosignatures: str = Field(default="", sa_type=sa.Text)  # witnesses' lines, as they came
    created_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
