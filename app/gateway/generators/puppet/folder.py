"""What one render leaves in its folder, and how its state is read from there.

`film.mp4` appears whole, `failure.json` says why there is no clip, `cancelled` that nobody wants
it any more. The lock is held while a render lives, whoever started it.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from app.gateway.generators import JobStatus, NotSubmitted, Phase

FILM, PART, FAILURE, CANCELLED = "film.mp4", "film.part", "failure.json", "cancelled"


@contextlib.contextmanager
def lock_folder(folder: Path, *, patience_s: float = 0) -> Iterator[int | None]:
    """Take the folder's render lock, or None while a render holds it.

    A child that inherits the descriptor keeps the lock after we close ours, until it is gone,
    however it goes. Patience outlasts those who only look, never a render.
    """
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + patience_s
    taken = False
    try:
        while not taken:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                taken = True
            except BlockingIOError:
                if time.monotonic() >= until:
                    break
                time.sleep(0.01)
        yield lock if taken else None
    finally:
        os.close(lock)


def claim_folder(folder: Path, digest: str) -> None:
    """Tie the folder to one job; raises NotSubmitted when it is another's."""
    claim = folder / "job.sha256"
    if not claim.exists():
        draft = folder / "job.sha256.part"
        draft.write_text(digest)
        draft.replace(claim)
    if claim.read_text() != digest:
        raise NotSubmitted("This generation id was used for another job. Give the job its own id.")


def count_start(folder: Path) -> int:
    """Note that a render starts; returns how many have."""
    with (folder / "starts").open("ab") as starts:
        starts.write(b".")
        return starts.tell()


def remove_leftovers(folder: Path) -> None:
    """Clear away what a killed render left."""
    for leftover in (PART, "speech.wav", "progress"):
        (folder / leftover).unlink(missing_ok=True)


def write_failure(folder: Path, reason: str, detail: str) -> None:
    """Leave the reason why there is no clip, whole or not at all."""
    draft = folder / (FAILURE + ".part")
    draft.write_text(json.dumps({"reason": reason, "detail": detail}))
    draft.replace(folder / FAILURE)


def mark_cancelled(folder: Path) -> None:
    """Have the render in this folder, whoever started it, stop by itself."""
    (folder / CANCELLED).touch()


def ended(folder: Path) -> bool:
    """Whether there will be no (other) clip, whatever the reason."""
    return any((folder / name).exists() for name in (FILM, FAILURE, CANCELLED))


def outcome(reference: str, folder: Path) -> JobStatus | None:
    """How the job ended, or None while it has not."""
    if (folder / CANCELLED).exists():
        return JobStatus(reference, Phase.CANCELLED)
    if (folder / FILM).exists():
        return JobStatus(reference, Phase.SUCCEEDED, progress=1.0)
    if (folder / FAILURE).exists():
        said = json.loads((folder / FAILURE).read_text())
        return JobStatus(reference, Phase.FAILED, reason=said["reason"], detail=said["detail"])
    return None


def progress(folder: Path) -> float:
    """What the render said last."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return float((folder / "progress").read_text().split()[-1])
    return 0.0
