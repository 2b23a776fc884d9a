"""Searching for faces: among performers who allowed it, asked of one process that holds them.

A hit is an aid to a person, never proof, and who it is is told to nobody who uploaded something
(docs/faces.md). Who allowed nothing is not in the search, and nobody reckons their template.
"""

import fcntl
import hashlib
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import vault
from app.config import settings
from app.errors import Outage
from app.identity.principal import Principal
from app.registry.faces import SAME_FACE_BELOW, TEMPLATE_LENGTH
from app.registry.models import Performer, ReferenceMedium, Replica
from app.registry.models_named import MatchingChoice

MOST = 5  # performers named for one face
AT_ONCE = 400  # faces in one question
ANSWER_WITHIN_S = 120.0  # the first question waits for every template to be opened
START_WITHIN_S = 30.0
MESSAGE_BYTES = 4 << 20


class MatcherUnavailable(Outage):
    """The matcher does not answer: nothing counts as searched, and it is asked again."""

    code = "matcher-unavailable"


@dataclass(frozen=True)
class Match:
    """A performer whose template is this near to a face that was searched for."""

    performer_id: str
    distance: float


@dataclass(frozen=True)
class Searched:
    """What was found for each face, nearest first, among how many templates."""

    found: list[list[Match]]
    templates: int


def choose(session: Session, performer: Performer, *, allowed: bool, by: Principal) -> None:
    """Put down whether a performer's face may be searched for, from this commit on."""
    session.refresh(performer, with_for_update=True)
    vault.check_not_erased(session, performer.id)
    newest = choice_of(session, performer.id)
    if newest is not None and newest.allowed == allowed:
        return
    session.add(
        MatchingChoice(
            performer_id=performer.id,
            number=1 if newest is None else newest.number + 1,
            allowed=allowed,
            organization_id=by.organization_id,
            api_key_id=by.api_key_id,
        )
    )
    session.flush()


def choice_of(session: Session, performer_id: str) -> MatchingChoice | None:
    """Return what a performer chose last; None: nothing, and nobody searches for them."""
    theirs = select(MatchingChoice).where(MatchingChoice.performer_id == performer_id)
    return session.exec(theirs.order_by(col(MatchingChoice.number).desc()).limit(1)).first()


def allow(session: Session, performers: Collection[str]) -> set[str]:
    """Say which of these performers allow a search now, and are not erased."""
    return {
        each
        for each in performers
        if (chosen := choice_of(session, each)) is not None
        and chosen.allowed
        and not vault.is_erased(session, each)
    }


def searchable(session: Session) -> Iterator[tuple[str, str]]:
    """List the sealed templates that may be searched now, each with its performer."""
    newest = sa.select(
        col(MatchingChoice.performer_id), sa.func.max(col(MatchingChoice.number)).label("number")
    ).group_by(col(MatchingChoice.performer_id)).subquery()  # fmt: skip
    found = (
        sa.select(col(ReferenceMedium.template_object_id), col(Replica.performer_id))
        .join(Replica, col(Replica.id) == col(ReferenceMedium.replica_id))
        .join(MatchingChoice, col(MatchingChoice.performer_id) == col(Replica.performer_id))
        .join(
            newest,
            sa.and_(
                newest.c.performer_id == col(MatchingChoice.performer_id),
                newest.c.number == col(MatchingChoice.number),
            ),
        )
        .join(vault.PerformerKey, col(vault.PerformerKey.owner_id) == col(Replica.performer_id))
        .where(col(MatchingChoice.allowed), col(vault.PerformerKey.destroyed_at).is_(None))
    )
    for object_id, performer_id in session.execute(found):
        yield str(object_id), str(performer_id)


def stand(session: Session) -> tuple[object, ...]:
    """Say in a few numbers what `searchable` follows from: the same ones, the same templates."""
    counted = sa.select(
        sa.select(sa.func.count()).select_from(MatchingChoice).scalar_subquery(),
        sa.select(sa.func.count()).select_from(ReferenceMedium).scalar_subquery(),
        sa.select(sa.func.count(col(vault.PerformerKey.destroyed_at))).scalar_subquery(),
    )
    return tuple(session.execute(counted).one())


def search(
    templates: Sequence[Sequence[float]],
    *,
    below: float = SAME_FACE_BELOW,
    but: Collection[str] = (),
) -> Searched:
    """Search for faces among the performers who allow it, `but` some. Call it outside transactions.

    Whoever acts on a match asks `allow` again in the transaction that acts. Raises
    MatcherUnavailable: what was not searched is not known to be nobody.
    """
    found: list[list[Match]] = []
    searched = 0
    for at in range(0, max(len(templates), 1), AT_ONCE):
        asked = [list(each) for each in templates[at : at + AT_ONCE]]
        said = _ask({"templates": asked, "below": below, "most": MOST, "but": sorted(but)})
        try:
            found += [
                [Match(str(hit["performer_id"]), float(hit["distance"])) for hit in hits]
                for hits in said["found"]
            ]
            searched = int(said["searched"])
        except (KeyError, TypeError, ValueError):
            why = said.get("broken", "it gave no sensible answer")
            raise MatcherUnavailable(f"the matcher did not search: {why}") from None
    if len(found) != len(templates):
        raise MatcherUnavailable("the matcher answered for another number of faces than was asked")
    return Searched(found, searched)


def count() -> int:
    """Say how many templates a search goes through now. Raises MatcherUnavailable."""
    return search(()).templates


def unpack(packed: bytes) -> list[list[float]]:
    """Read templates as they were sealed: 128 little-endian 32-bit floats each."""
    step = 4 * TEMPLATE_LENGTH
    if len(packed) % step:
        raise ValueError(f"{len(packed)} bytes are no whole number of templates")
    return [
        list(struct.unpack(f"<{TEMPLATE_LENGTH}f", packed[at : at + step]))
        for at in range(0, len(packed), step)
    ]


# --- The way to the matcher: a socket only this user reaches, one matcher for a data directory. ---

_starting = threading.Lock()
_lives: list[tuple[int, "subprocess.Popen[bytes]"]] = []  # the matcher ends with these ends


def send(line: socket.socket, said: dict[str, Any]) -> None:
    """Send one message: its length, then JSON."""
    text = json.dumps(said).encode()
    line.sendall(len(text).to_bytes(4, "big") + text)


def receive(line: socket.socket) -> dict[str, Any]:
    """Receive one message. Raises ValueError for what is none."""
    size = int.from_bytes(_exactly(line, 4), "big")
    if size > MESSAGE_BYTES:
        raise ValueError("the message is longer than any of ours")
    said = json.loads(_exactly(line, size))
    if not isinstance(said, dict):
        raise ValueError("the message is none of ours")
    return said


def is_ours(line: socket.socket) -> bool:
    """Say whether the process at the other end belongs to this user, where the kernel tells."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True  # the directory of the socket lets nobody else in
    _, uid, _ = struct.unpack("3i", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return bool(uid == os.getuid())


def _ask(question: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + START_WITHIN_S
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(ANSWER_WITHIN_S)
                line.connect(str(_place() / "socket"))
                if not is_ours(line):
                    raise MatcherUnavailable("somebody else listens where the matcher should be")
                send(line, question)
                return receive(line)
        except (FileNotFoundError, ConnectionError, EOFError):
            if time.monotonic() > deadline:
                raise MatcherUnavailable("no matcher could be started; look at the log") from None
            with _starting:
                if not _start():
                    time.sleep(0.05)  # another process has just started it, or its own ends
        except (OSError, ValueError) as error:
            raise MatcherUnavailable(f"the matcher did not answer ({error})") from None


def _start() -> bool:
    """Start the matcher where there is none; say whether this process did."""
    lock = (_place() / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return False
    with lock, socket.socket(socket.AF_UNIX) as listening:
        path = _place() / "socket"
        path.unlink(missing_ok=True)
        listening.bind(str(path))
        listening.listen(16)
        theirs, ours = os.pipe()
        try:
            process = _spawn(listening, lock, theirs)
        finally:
            os.close(theirs)
        _lives.append((ours, process))
    return True


def _spawn(listening: socket.socket, lock: IO[str], alive: int) -> "subprocess.Popen[bytes]":
    descriptors = (listening.fileno(), lock.fileno(), alive)
    return subprocess.Popen(
        [sys.executable, "-m", "app.matcher", *map(str, descriptors)],
        stdin=subprocess.DEVNULL,
        pass_fds=descriptors,
        start_new_session=True,
    )


def stop() -> None:
    """Let the matchers that this process started end, and wait until they have."""
    with _starting:
        while _lives:
            ours, process = _lives.pop()
            os.close(ours)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)


def _place() -> Path:
    """Return the directory of the socket: short enough for its name, and nobody else's."""
    whose = hashlib.sha256(str(settings().data_dir.absolute()).encode()).hexdigest()[:16]
    place = Path(tempfile.gettempdir()) / f"understudy.{whose}"
    place.mkdir(mode=0o700, exist_ok=True)
    found = place.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077 or place.is_symlink():
        raise MatcherUnavailable(f"{place} is not this user's alone: remove it")
    return place


def _exactly(line: socket.socket, size: int) -> bytes:
    held = bytearray()
    while len(held) < size:
        chunk = line.recv(min(size - len(held), 1 << 16))
        if not chunk:
            raise EOFError("the line was closed")
        held += chunk
    return bytes(held)
