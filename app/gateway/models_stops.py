"""Emergency stops: what the operator halted at once, why, and when it was let go."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from app import clock
from app.db import Instant
from app.ids import new_id

KINDS = ("installation", "vendor", "performer")


class EmergencyStop(SQLModel, table=True):
    """One stop: of everything, of one vendor's generators, or of one performer's replicas."""

    __tablename__ = "emergency_stop"
    __table_args__ = (
        sa.CheckConstraint(f"kind IN {KINDS}", name="emergency_stop_kind"),
        sa.CheckConstraint(
            "(kind = 'installation') = (subject = '')", name="emergency_stop_subject"
        ),
    )

    id: str = Field(default_factory=lambda: new_id("stp"), primary_key=True)
    kind: str
    subject: str = ""  # a vendor's name, or a performer's id
    reason: str
    stopped_at: datetime = Field(default_factory=clock.now, sa_type=Instant)
    lifted_at: datetime | None = Field(default=None, sa_type=Instant)
