"""Render one puppet clip in a process of its own: `python -m ...puppet.render FOLDER`.

The first line of stdin is the order, as JSON; after it stdin stays open and silent. When it
ends, the process that gave the order is gone, and this one goes too. Progress is printed on
stdout, a line a step. The clip appears in FOLDER under its name when it is whole, or
`failure.json` says why there is none.

The line is spoken first, by a process of its own, unless a recording says it. Then this one shuts
the doors of the sandbox (`app/sandbox_child.py`), and only then opens recording and portrait: no
network, no new process, no file but those and FOLDER.
"""

import contextlib
import hashlib
import json
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app import sandbox_child
from app.gateway.generators.puppet.folder import CANCELLED, FILM, PART, write_failure

if TYPE_CHECKING:
    from app.gateway.generators.puppet.acting import Performance
    from app.gateway.generators.puppet.landmarks import Picture, Points
    from app.gateway.generators.puppet.speech import Spoken

FPS = 24
DEADLINE_S = 240
LOOK_S = 0.5  # how often it looks, while the line is spoken, whether the order stands
LIMITS = {"wall_s": DEADLINE_S, "cpu_s": 2 * DEADLINE_S, "memory_bytes": 4 << 30}
FILM_BYTES = 1 << 30
ROOT = Path(__file__).parents[4]


@dataclass(frozen=True)
class Order:
    """What the connector asks this process to render."""

    portrait: str
    line: str
    length_s: float
    width: int
    height: int
    insists: bool  # whether nothing is read where the network cannot be shut
    recording: str = ""  # the voice that drives the clip; without one the line is spoken


class Cancelled(Exception):
    """The clip is no longer wanted."""


def main(folder: Path) -> None:
    """Render the order on stdin into `folder`; a refusal is written there, not raised."""
    order = Order(**json.loads(_first_line()))
    from app.gateway.generators.puppet.landmarks import UnusablePortrait, limit_decoding
    from app.gateway.generators.puppet.recording import hear
    from app.gateway.generators.puppet.speech import Unspeakable, speak

    limit_decoding()
    try:
        say_progress(0.01)
        sound = None
        if not order.recording:
            with _leaving_with_parent(folder):
                sound = speak(order.line, order.length_s, folder)
        if not shut_doors(order, folder):
            detail = "The network cannot be shut off here. UNDERSTUDY_ALLOW_UNSANDBOXED_MEDIA=true"
            write_failure(folder, "sandbox-unavailable", f"{detail} renders anyway.")
            return
        threading.Thread(target=_leave_with_parent, args=(folder,), daemon=True).start()
        render(order, folder, sound or hear(Path(order.recording), order.length_s))
    except (UnusablePortrait, Unspeakable) as refusal:
        write_failure(folder, refusal.reason, refusal.detail)
    except Cancelled:
        (folder / PART).unlink(missing_ok=True)


def shut_doors(order: Order, folder: Path) -> bool:
    """Give up all but what is given and the folder; whether that is enough to open the portrait.

    In a process of one thread: its doors are shut for those it starts later, and for no others.
    """
    request = {
        "function": __name__,
        "root": str(ROOT),
        "reads": [path for path in (order.portrait, order.recording) if path],
        "writes": [str(folder)],
    }
    sandbox_child.bound_resources(LIMITS, FILM_BYTES)
    sandbox_child.shut_doors(request)
    return sandbox_child.try_doors()["network"] or not order.insists


def render(order: Order, folder: Path, sound: "Spoken") -> None:
    """Write the clip for `order`, spoken or heard already, into `folder`, whole or not at all.

    Raises UnusablePortrait or Cancelled.
    """
    import cv2

    from app.gateway.generators.puppet import acting, film, framing, landmarks

    cv2.setNumThreads(1)
    samples, rate, phonemes = sound
    picture = landmarks.read_portrait(Path(order.portrait))
    found = landmarks.find_landmarks(picture)
    canvas, placed = framing.stage(picture, found, width=order.width, height=order.height)
    say_progress(0.1)
    frames = round(order.length_s * FPS)
    seed = hashlib.sha256(order.line.encode() + picture.tobytes()).digest()[:8]
    performance = acting.perform(
        samples,
        rate,
        fps=FPS,
        frames=frames,
        seed=int.from_bytes(seed, "big"),
        phonemes=phonemes,
    )
    part = folder / PART
    film.write_film(
        part,
        _frames(canvas, placed, performance, folder),
        samples,
        rate,
        size=(order.width, order.height),
        fps=FPS,
        title=framing.LABEL,
        comment=film.RECORDED if order.recording else film.SPOKEN,
    )
    with part.open("rb") as written:
        os.fsync(written.fileno())
    _stop_if_cancelled(folder)
    part.replace(folder / FILM)
    say_progress(1.0)


def _frames(
    canvas: "Picture", landmarks: "Points", performance: "Performance", folder: Path
) -> "Iterator[Picture]":
    """Yield the labelled frames of the performance, telling progress as they go."""
    from app.gateway.generators.puppet import framing
    from app.gateway.generators.puppet.face import Face, Pose
    from app.gateway.generators.puppet.sway import Stage

    height, width = canvas.shape[:2]
    face = Face(canvas, landmarks)
    stage = Stage(landmarks, width=width, height=height)
    write_label = framing.label_writer(width, height)
    for number in range(len(performance)):
        if number % FPS == 0:
            _stop_if_cancelled(folder)
            say_progress(0.1 + 0.88 * number / len(performance))
        at = performance.at(number)
        posed = face.frame(Pose(at.opening, at.spread, at.blink, at.brow))
        frame = stage.frame(
            posed,
            shift=(at.shift_x, at.shift_y),
            tilt=at.tilt,
            turn=at.turn,
            nod=at.nod,
            elapsed=number / len(performance),
        )
        yield write_label(frame)


def say_progress(share: float) -> None:
    """Print how much is done, 0..1."""
    sys.stdout.write(f"progress {share:.3f}\n")
    sys.stdout.flush()


def _stop_if_cancelled(folder: Path) -> None:
    if (folder / CANCELLED).exists():
        raise Cancelled


def _first_line() -> bytes:
    """Read stdin up to the first newline and not a byte further."""
    line = bytearray()
    while byte := os.read(0, 1):
        if byte == b"\n":
            break
        line += byte
    return bytes(line)


@contextlib.contextmanager
def _leaving_with_parent(folder: Path) -> Iterator[None]:
    """Look from time to time whether stdin has ended; without a thread, which doors would miss."""

    def look(_signal: int, _frame: object) -> None:
        if select.select([0], [], [], 0)[0]:
            _leave(folder)

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, LOOK_S, LOOK_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _leave_with_parent(folder: Path) -> None:
    """End this process when stdin ends or time is up."""
    ready, _, _ = select.select([0], [], [], DEADLINE_S)
    if not ready:
        detail = f"The render took more than {DEADLINE_S} s and was stopped. Try a shorter clip."
        write_failure(folder, "render-timeout", detail)
    _leave(folder)


def _leave(folder: Path) -> None:
    """End this process, and the speaker it may be waiting for: one that has shut doors has none."""
    with contextlib.suppress(OSError):
        (folder / PART).unlink(missing_ok=True)
    if os.getpgid(0) == os.getpid():
        with contextlib.suppress(PermissionError):
            os.killpg(0, signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
