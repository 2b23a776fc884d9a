"""How long one search for a face takes among few and many templates."""

import os
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app import matcher
from app.registry import matching
from app.registry.faces import SAME_FACE_BELOW, TEMPLATE_LENGTH
from app.registry.nearest import ExactIndex


class Held(matcher.Gallery):
    """A gallery whose templates were put there, not opened from a vault."""

    def __init__(self, index: ExactIndex) -> None:
        super().__init__(index)
        self._whose = {key: key for key in index.held()}

    def refresh(self) -> None:
        """Nothing changes while it is measured."""


def measure(*, templates: Sequence[int], searches: int) -> dict[str, Any]:
    """Search for one face `searches` times among so many templates, in the index and asked for."""
    return {f"{count} templates": _among(count, searches) for count in templates}


def _among(count: int, searches: int) -> dict[str, Any]:
    chance = np.random.default_rng(1)
    faces = chance.normal(0, 0.12, (count, TEMPLATE_LENGTH)).astype(np.float32)
    index = ExactIndex()
    for number in range(count):
        index.put(str(number), faces[number])  # type: ignore[arg-type]
    asked = [float(each) for each in faces[count // 2] + 0.01]
    with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX) as at:
        path = str(Path(directory) / "socket")
        at.bind(path)
        at.listen(1)
        alive, ours = os.pipe()
        serving = threading.Thread(target=matcher.serve, args=(at, alive, Held(index)))
        serving.start()
        found = {
            "index, ms": _timed(
                lambda: index.search(asked, below=SAME_FACE_BELOW, most=matching.MOST), searches
            ),
            "over the socket, ms": _timed(lambda: _ask(path, asked), searches),
        }
        os.close(ours)
        serving.join()
        os.close(alive)
    return found


def _ask(path: str, asked: list[float]) -> None:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(path)
        question = {
            "templates": [asked],
            "below": SAME_FACE_BELOW,
            "most": matching.MOST,
            "but": [],
        }
        matching.send(line, question)
        assert matching.receive(line)["found"][0]


def _timed(search: Callable[[], object], times: int) -> dict[str, float]:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        search()
        took.append((time.perf_counter() - began) * 1000)
    return {"median": round(statistics.median(took), 3), "worst": round(max(took), 3)}
