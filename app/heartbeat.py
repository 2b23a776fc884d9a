"""Which workers live: each writes a growing number, and each watches the numbers of the others.

No clock of another machine is believed: a worker is dead when its number stood still for
`DEAD_AFTER_S` of the watcher's own time, while the watcher's own number grew.
"""

from collections.abc import Mapping

import sqlalchemy as sa
from sqlmodel import Field, Session, SQLModel, select

BEAT_S = 3.0
DEAD_AFTER_S = 15.0


class WorkerBeat(SQLModel, table=True):
    """One worker that began and was not found dead since, and how often its heart beat."""

    __tablename__ = "worker_beat"

    worker_id: str = Field(primary_key=True)
    beats: int = Field(default=0, sa_type=sa.BigInteger)


def beat(session: Session, worker_id: str) -> dict[str, int]:
    """Say that this worker lives; return every worker's number as it is now."""
    own = session.get(WorkerBeat, worker_id, with_for_update=True) or WorkerBeat(
        worker_id=worker_id
    )
    own.beats += 1
    session.add(own)
    session.flush()
    return {each.worker_id: each.beats for each in session.exec(select(WorkerBeat))}


def claim_dead(session: Session, worker_id: str, beats: int) -> WorkerBeat | None:
    """Lock the row of a worker found dead at this number; None where it beat again, or is gone.

    Whoever holds it takes over and deletes it: no two workers take over from one. A worker that
    comes back waits at its first beat until this is done.
    """
    found = session.get(WorkerBeat, worker_id, with_for_update=True, populate_existing=True)
    return found if found is not None and found.beats == beats else None


class Watch:
    """What one worker has seen of the others' hearts; `now_s` is any clock that never goes back."""

    def __init__(self, own_id: str) -> None:
        self._own_id = own_id
        self._since: dict[str, tuple[int, float]] = {}
        self._looked_s: float | None = None

    def dead(self, beats: Mapping[str, int], now_s: float) -> list[str]:
        """Return who stood still for too long, the watcher itself never.

        A watcher that was itself late (a machine asleep, a database away) has seen nobody's
        silence: it begins to watch anew.
        """
        if self._looked_s is None or now_s - self._looked_s > DEAD_AFTER_S / 2:
            self._since = {}
        self._looked_s = now_s
        before = self._since
        self._since = {
            name: before[name] if before.get(name, (None,))[0] == number else (number, now_s)
            for name, number in beats.items()
            if name != self._own_id
        }
        return [n for n, (_, since_s) in self._since.items() if now_s - since_s >= DEAD_AFTER_S]
