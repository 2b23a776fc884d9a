"""What is newest on record, looked up now and then: a clock that stands before it opens no door."""

from datetime import datetime, timedelta
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import clock, db
from app.config import settings
from app.identity.errors import ClockInDoubt
from app.identity.models import ApiKeyUse
from app.identity.models_people import PersonSession
from app.trail import OperatorAct
from app.transparency.models import LogCheckpoint, LogOutbox

LOOK_EVERY_S = 60.0
SAID: dict[clock.Doubt, str] = {
    "clock-moved": "the clock of this server was set while it ran: set it right and restart",
    "clock-behind": "the clock of this server stands before what it has already recorded: set it "
    "right",
}
# By database: when it was looked at, and what was newest then.
_looked: WeakKeyDictionary[sa.Engine, tuple[float, datetime | None]] = WeakKeyDictionary()


def newest_at(session: Session) -> datetime | None:
    """Return the latest instant on record: of the log, keys and sessions in use, operators."""
    latest: tuple[Any, ...] = (
        select(LogOutbox.created_at).order_by(col(LogOutbox.id).desc()).limit(1),
        select(LogCheckpoint.created_at).order_by(col(LogCheckpoint.number).desc()).limit(1),
        select(OperatorAct.at).order_by(col(OperatorAct.id).desc()).limit(1),
        select(PersonSession.seen_at).order_by(col(PersonSession.id).desc()).limit(1),
        select(sa.func.max(ApiKeyUse.last_used_at)),
    )
    found = (session.execute(each).scalar() for each in latest)
    return max((at for at in found if at is not None), default=None)


def is_known() -> bool:
    """Say whether the records were looked at within the last minute."""
    at, _ = _looked.get(db.engine(), (None, None))
    return at is not None and monotonic() - at < LOOK_EVERY_S


def look() -> None:
    """Look up what is newest. A database that does not answer opens nothing anyway."""
    try:
        with db.reading() as session:
            newest = newest_at(session)
    except (sa.exc.SQLAlchemyError, OSError):
        return
    _looked[db.engine()] = (monotonic(), newest)


def doubt() -> clock.Doubt | None:
    """Say why the clock cannot be believed, by what was looked up."""
    _, newest = _looked.get(db.engine(), (None, None))
    return clock.doubt(newest, tolerance_s=settings().clock_tolerance_s)


def instants() -> list[datetime]:
    """List what instant it may be: what the clock says; in doubt also what it would without that.

    For what only stops something: a session that is good at one of them suffices.
    """
    at = clock.now()
    if doubt() is None:
        return [at]
    _, newest = _looked.get(db.engine(), (None, None))
    return [at, at - timedelta(seconds=clock.drift_s()), *([newest] if newest else [])]


def insist_clock() -> None:
    """Do nothing while the clock can be believed, by what was looked up. Raises ClockInDoubt."""
    found = doubt()
    if found is not None:
        raise ClockInDoubt(
            f"{SAID[found]}. Until then nothing is opened, since what has ended could open again; "
            "at /pause all can still be stopped: signed in, by a printed code, by a mailed link",
            reason=found,
        )
