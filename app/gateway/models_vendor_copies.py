"""What of a performer's left for a vendor: which object, what it is called there, is it gone."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id

STATES = (
    "kept",  # it is there, as far as anybody knows; nobody was asked to delete it
    "asked",  # the vendor was asked and has not confirmed; it is asked again
    "deleted",  # the vendor confirmed it, or a person did
    "unconfirmed",  # there is no call for it, or the vendor never confirmed: a person asks
)


class VendorCopy(SQLModel, table=True):
    """One performer's likeness in one object at one vendor's; named by the vendor, once it did."""

    __tablename__ = "vendor_copy"
    __table_args__ = (
        sa.CheckConstraint(f"state IN {STATES}", name="vendor_copy_state"),
        sa.CheckConstraint(
            "(state = 'deleted') = (confirmed_at IS NOT NULL)", name="vendor_copy_confirmed"
        ),
    )

    id: str = Field(default_factory=lambda: new_id("vcp"), primary_key=True)
    vendor: str  # as `understudy generators list` names it
    kind: str  # "job" (an order with portraits in it), "voice", "upload"
    what: str  # in words, for the certificate: "portraits inside an order"
    performer_id: str = Field(foreign_key="performer.id", index=True)
    contract_id: str = Field(foreign_key="contract.id", index=True)
    generation_id: str | None = Field(default=None, foreign_key="generation.id", index=True)
    reference: str | None = Field(default=None, index=True)
    state: str = Field(default="kept", index=True)
    detail: str = ""
    tries: int = 0
    next_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    sent_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    confirmed_at: datetime | None = Field(default=None, sa_type=Instant)
