"""Render one puppet clip in a process of its own: `python -m ...puppet.render FOLDER`.

The first line of stdin is the order, as JSON; after it stdin stays open and silent. When it
ends, the process that gave the order is gone, and this one goes too. Progress is printed on
stdout, a line a step. The clip appears in FOLDER under its name when it is whole, or
`failure.json` says why there is none.
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

from app.gateway.generators.puppet.folder import CANCELLED, FILM, PART, write_failure

if TYPE_CHECKING:
    from app.gateway.generators.puppet.acting import Performance
    from app.gateway.generators.puppet.landmarks import Picture, Points

FPS = 24
DEADLINE_S = 240


@dataclass(frozen=True)
class Order:
    """What the connector asks this process to render."""

    portrait: str
    line: str
    length_s: float
    width: int
    height: int


class Cancelled(Exception):
    """The clip is no longer wanted."""


def main(folder: Path) -> None:
    """Render the order on stdin into `folder`; a refusal is written there, not raised."""
    order = Order(**json.loads(_first_line()))
    threading.Thread(target=_leave_with_parent, args=(folder,), daemon=True).start()
    from app.gateway.generators.puppet.landmarks import UnusablePortrait, limit_decoding
    from app.gateway.generators.puppet.speech import Unspeakable

    limit_decoding()
    try:
        render(order, folder)
    except (UnusablePortrait, Unspeakable) as refusal:
        write_failure(folder, refusal.reason, refusal.detail)
    except Cancelled:
        (folder / PART).unlink(missing_ok=True)


def render(order: Order, folder: Path) -> None:
    """Write the clip for `order` into `folder`, whole or not at all.

    Raises UnusablePortrait, Unspeakable or Cancelled.
    """
    import cv2

    from app.gateway.generators.puppet import acting, film, framing, landmarks, speech

    cv2.setNumThreads(1)
    say_progress(0.01)
    samples, rate = speech.speak(order.line, order.length_s, folder)
    picture = landmarks.read_portrait(Path(order.portrait))
    found = landmarks.find_landmarks(picture)
    canvas, placed = framing.stage(picture, found, width=order.width, height=order.height)
    say_progress(0.1)
    frames = round(order.length_s * FPS)
    seed = hashlib.sha256(order.line.encode() + picture.tobytes()).digest()[:8]
    performance = acting.perform(
        samples, rate, fps=FPS, frames=frames, seed=int.from_bytes(seed, "big")
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


def _leave_with_parent(folder: Path) -> None:
    """End this process and the speaker it may be waiting for when stdin ends or time is up."""
    ready, _, _ = select.select([0], [], [], DEADLINE_S)
    if not ready:
        detail = f"The render took more than {DEADLINE_S} s and was stopped. Try a shorter clip."
        write_failure(folder, "render-timeout", detail)
    with contextlib.suppress(OSError):
        (folder / PART).unlink(missing_ok=True)
    if os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
