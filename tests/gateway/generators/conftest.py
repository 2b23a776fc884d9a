"""Jobs for the local generator, and the means to wait for them."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.gateway.generators import JobStatus, Phase, RenderJob
from app.gateway.generators.local import MODEL, LocalGenerator

LINE = "I was painted, and never asked."


@pytest.fixture(scope="session")
def girl(samples: Path) -> Path:
    """A portrait whose lips are parted and whose face is turned."""
    return samples / "girl-with-a-pearl-earring.jpg"


@pytest.fixture(scope="session")
def a_job(girl: Path) -> Callable[..., RenderJob]:
    """Make a job of two seconds; keyword arguments change it."""

    def make(**changes: object) -> RenderJob:
        job: dict[str, object] = {
            "generation_id": "gen_01",
            "model": MODEL,
            "line": LINE,
            "length_s": 2.0,
            "width": 1280,
            "height": 720,
            "references": (girl,),
        }
        return RenderJob(**(job | changes))  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def wait() -> Callable[[LocalGenerator, str], JobStatus]:
    """Poll until a job has ended or is unknown."""

    def until_ended(generator: LocalGenerator, reference: str) -> JobStatus:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            status = generator.poll(reference)
            if status.phase is not Phase.RUNNING:
                return status
            time.sleep(0.1)
        raise AssertionError("the render did not end")

    return until_ended


@pytest.fixture(scope="session")
def clip(
    tmp_path_factory: pytest.TempPathFactory,
    a_job: Callable[..., RenderJob],
    wait: Callable[[LocalGenerator, str], JobStatus],
) -> Path:
    """One finished clip of the girl, rendered once for all tests that look at clips."""
    folder = tmp_path_factory.mktemp("clip")
    generator = LocalGenerator(folder / "work")
    reference = generator.submit(a_job())
    status = wait(generator, reference)
    assert status.phase is Phase.SUCCEEDED, status
    generator.fetch(reference, folder / "girl.mp4")
    return folder / "girl.mp4"


@pytest.fixture(scope="session")
def processes_in() -> Callable[[Path], list[int]]:
    """List the living processes that name a folder in their command line."""

    def find(folder: Path) -> list[int]:
        listed = subprocess.run(
            ["ps", "-wweo", "pid=,stat=,args="], capture_output=True, text=True, check=True
        )
        rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
        return [
            int(row[0])
            for row in rows
            if len(row) == 3
            and str(folder) in row[2]
            and not row[1].startswith("Z")
            and int(row[0]) != os.getpid()
        ]

    return find
