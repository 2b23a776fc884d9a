"""What proves to vendors who is calling: which sealed object is in force."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant, Json


class VendorCredential(SQLModel, table=True):
    """One vendor's credentials, sealed in the vault; here are the names of their parts alone."""

    __tablename__ = "vendor_credential"

    vendor: str = Field(primary_key=True)
    vault_object_id: str = Field(foreign_key="vault_object.id")
    names: list[str] = Field(sa_type=Json)
    kept_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
