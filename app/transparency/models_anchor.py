"""What ties the database to the log: seals of rows, and anchors that log their chain."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant, Json


class RowSeal(SQLModel, table=True):
    """The salted digests of one row of evidence as it stood; numbered without a gap from 1.

    `fixed` is over what never changes, the columns `settled` among it: once empty, written by then.
    `moving` is over what changes by acts. Each recorded change is another seal of the row, under
    the same salt. `state` is the state that the last act left it in, `acted_us` when that was (see
    marks.py); the next act must go on from there.
    """

    __tablename__ = "row_seal"
    __table_args__ = (
        sa.CheckConstraint("length(salt) = 16", name="row_seal_salt"),
        sa.Index("ix_row_seal_row", "table_name", "row_key", "number"),
    )

    number: int = Field(sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False))
    anchor: int = Field(sa_type=sa.BigInteger, index=True)
    table_name: str
    row_key: str
    salt: bytes
    settled: str  # names, with a space between
    fixed: bytes
    moving: bytes
    state: str
    acted_us: int = Field(sa_type=sa.BigInteger, index=True)  # since 1970; 0: no act was marked


class DatabaseAnchor(SQLModel, table=True):
    """The chain over all seals up to one, as a leaf of the log holds it; numbered from 1.

    `whole`: it sealed all that waited; otherwise the rest follows in the next.
    The columns that its seals cover, per table, are the `shapes` of the anchor `shaped_by`: its own
    where they are others than before, and empty where they are not.
    """

    __tablename__ = "database_anchor"

    number: int = Field(sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False))
    seals: int = Field(sa_type=sa.BigInteger)
    head: bytes
    whole: bool
    shaped_by: int = Field(sa_type=sa.BigInteger)
    shapes: dict[str, Any] = Field(sa_type=Json)
    outbox_id: str = Field(foreign_key="log_outbox.id", unique=True)
    anchored_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
