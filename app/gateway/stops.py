"""The kill switch: the operator stops everything, one vendor, or one performer, at once.

While a stop stands nothing new is permitted, sent to a generator, released or handed out. A
request, an intent and a release take `lock_shared` before they look; throwing the switch takes the
same lock alone, as a strike does: once it is acknowledged, nothing slips through. SQLite has one
writer at a time, and needs no lock beside it.
"""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import clock
from app.errors import AppError
from app.gateway.generators import catalogue
from app.gateway.models_stops import KINDS, EmergencyStop
from app.registry.models import Performer

_LOCK = 0x73746F70  # "stop": PostgreSQL advisory lock, shared by whatever a stop must hold


class StopRefused(AppError):
    """There is nothing to stop, or to let go, under this name."""

    status, code = 404, "stop-refused"


class Stopped(AppError):
    """The operator has stopped this for the moment; nothing was done, nothing is held."""

    status, code = 503, "stopped"


def stop(session: Session, kind: str, subject: str, *, reason: str) -> EmergencyStop:
    """Throw the switch; it stands once the caller has committed. Throwing it twice is once.

    Raises StopRefused for a kind, a vendor or a performer there is not, and without a reason.
    """
    subject = subject.strip()
    if kind not in KINDS or (kind == "installation") == bool(subject):
        raise StopRefused("stop the installation, or name one vendor, or one performer")
    if not reason.strip():
        raise StopRefused("say why: whoever is stopped reads it")
    if kind == "vendor" and subject not in catalogue.vendors():
        known = ", ".join(sorted(catalogue.vendors()))
        raise StopRefused(f"no vendor is called {subject[:64]}; there are {known}")
    if kind == "performer" and session.get(Performer, subject) is None:
        raise StopRefused(f"no performer has the id {subject[:64]}")
    _lock_alone(session)
    for standing in in_force(session):
        if (standing.kind, standing.subject) == (kind, subject):
            return standing
    thrown = EmergencyStop(kind=kind, subject=subject, reason=reason.strip())
    session.add(thrown)
    session.flush()
    return thrown


def lift(session: Session, stop_id: str) -> EmergencyStop:
    """Let go of one stop; what it ended stays ended. Raises StopRefused."""
    standing = session.get(EmergencyStop, stop_id, with_for_update=True)
    if standing is None or standing.lifted_at is not None:
        raise StopRefused(f"no stop in force has the id {stop_id[:64]}")
    standing.lifted_at = clock.now()
    session.add(standing)
    session.flush()
    return standing


def in_force(session: Session) -> Sequence[EmergencyStop]:
    """List what is stopped at this moment, oldest first."""
    standing = select(EmergencyStop).where(col(EmergencyStop.lifted_at).is_(None))
    return session.exec(standing.order_by(col(EmergencyStop.id))).all()


def what_stops(session: Session, *, model: str = "", performers: Iterable[str] = ()) -> str:
    """Say why this may not go on, or nothing. Whoever then acts holds `lock_shared`."""
    named = {("installation", "")}
    named |= {("vendor", name) for name in catalogue.names_of_vendor(model)}
    named |= {("performer", performer_id) for performer_id in performers}
    for standing in in_force(session):
        if (standing.kind, standing.subject) in named:
            what = {"installation": "everything", "vendor": f"everything by {standing.subject}"}
            return f"the operator has stopped {what.get(standing.kind, 'this replica')}: " + (
                standing.reason
            )
    return ""


def check(session: Session, *, model: str = "", performers: Iterable[str] = ()) -> None:
    """Do nothing where nothing is stopped. Raises Stopped with the operator's reason."""
    if why := what_stops(session, model=model, performers=performers):
        raise Stopped(f"{why}. Nothing was done; ask the operator, or come back later")


def lock_shared(session: Session) -> None:
    """Keep the switch waiting until this transaction ends."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.select(sa.func.pg_advisory_xact_lock_shared(_LOCK)))


def _lock_alone(session: Session) -> None:
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
