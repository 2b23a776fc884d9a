"""Where payees are paid: sealed, dated, each change kept."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id


class PayoutDetails(SQLModel, table=True):
    """The bank account a payee named, from an instant on. Append-only.

    The account itself lies in the vault; here is only who named it, and when.
    """

    __tablename__ = "payout_details"

    id: str = Field(default_factory=lambda: new_id("pda"), primary_key=True)
    payee_id: str = Field(index=True)
    organization_id: str = Field(foreign_key="organization.id")
    api_key_id: str | None = Field(default=None, foreign_key="api_key.id")
    vault_object_id: str = Field(foreign_key="vault_object.id")
    from_at: datetime = Field(sa_type=Instant)
    named_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
