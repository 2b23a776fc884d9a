"""Whether this process may decide at all: its rules are those on disk, and its clock is credible.

A decision is only as good as the rules it was taken by and the instant it read. Where either is in
doubt nothing is permitted, and the operator is told. Looking costs two readings of a clock; once a
second also the sizes and times of the policy files, and the newest records of the database.
"""

import threading
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import structlog
from prometheus_client import Gauge
from sqlmodel import Session, col, select

from app import clock
from app.config import settings
from app.licensing.deciding.policy_set import PolicySet, changed_on_disk
from app.licensing.decisions.models import Decision
from app.transparency.models import LogCheckpoint

LOOK_EVERY_S = 1.0
Signature = tuple[tuple[str, int, int, int], ...]
logger = structlog.get_logger()
TROUBLE = Gauge("understudy_guard_trouble", "1 while nothing is permitted, by reason", ["reason"])


def signature(directory: Path) -> Signature:
    """Return names, sizes and times of a folder's files: what changes when somebody writes one."""
    found = []
    for path in sorted(directory.rglob("*")):
        try:
            state = path.stat()
        except OSError:  # it vanished between the two: that is a change as well
            continue
        if path.is_file():
            found.append((str(path), state.st_size, state.st_mtime_ns, state.st_ino))
    return tuple(found)


REASONS = {
    "rules-changed": "the policy files changed while this process runs; check them with "
    "`understudy policy check` and restart",
    "clock-moved": "the wall clock was set while this process runs; set it right and restart",
    "clock-behind": "the clock is behind what is already on record; set it right",
}


class Guard:
    """Watches one policy set's files and this process's clock.

    `seen` is the folder's signature from before the set was read. Changed rules stay in doubt
    until a restart, even when the files are put back: nobody knows what was meant.
    """

    def __init__(self, policies: PolicySet, seen: Signature) -> None:
        self._policies, self._seen = policies, seen
        self._rules_changed = False
        self._newest: datetime | None = None
        self._look_at, self._looked_with = 0.0, 0
        self._reported: str | None = None
        self._show(None)
        self._looking = threading.Lock()

    def trouble(self, session: Session) -> str | None:
        """Say why nothing may be permitted now, or None. Logs and shows what it says, once."""
        now, bind = time.monotonic(), id(session.get_bind().engine)
        if now >= self._look_at or bind != self._looked_with:
            with self._looking:  # two at once: the second waits for what the first one finds
                self._look(session)
                self._look_at, self._looked_with = now + LOOK_EVERY_S, bind
        reason = self._reason()
        if reason != self._reported:
            self._report(reason)
        return reason and REASONS[reason]

    def _look(self, session: Session) -> None:
        self._rules_changed = self._rules_changed or self._files_differ()
        self._newest = _newest_on_record(session)

    def _reason(self) -> str | None:
        if self._rules_changed:
            return "rules-changed"
        return clock.doubt(self._newest, tolerance_s=settings().clock_tolerance_s)

    def _files_differ(self) -> bool:
        """Whether the rules were edited; a file that was only touched is forgiven."""
        found = signature(self._policies.directory)
        if found == self._seen:
            return False
        self._seen = found
        return changed_on_disk(self._policies)

    def _report(self, reason: str | None) -> None:
        self._show(reason)
        if reason:
            logger.error("nothing is permitted", reason=reason, detail=REASONS[reason])
        else:
            logger.warning("the clock is credible again; decisions go on")
        self._reported = reason

    @staticmethod
    def _show(reason: str | None) -> None:
        for each in REASONS:
            TROUBLE.labels(each).set(each == reason)


_guards: dict[Path, Guard] = {}


def watch(policies: PolicySet, seen: Signature) -> None:
    """Watch the rules just read from their folder; `seen` was taken before they were read."""
    _guards[policies.directory] = Guard(policies, seen)


def trouble(session: Session) -> str | None:
    """Say why nothing may be permitted by this process now, or None: ask before every decision."""
    guard = _guards.get(settings().policies_dir)
    return guard.trouble(session) if guard else "no rules have been read"


def _newest_on_record(session: Session) -> datetime | None:
    """Return the instant of the newest decision or checkpoint."""
    newest_decision = select(Decision.at).order_by(col(Decision.id).desc()).limit(1)
    newest_checkpoint = (
        select(LogCheckpoint.created_at).order_by(col(LogCheckpoint.number).desc()).limit(1)
    )
    recorded: Iterable[datetime | None] = (
        session.execute(query).scalar() for query in (newest_decision, newest_checkpoint)
    )
    return max((at for at in recorded if at is not None), default=None)
