"""A generator that costs nothing: it hands out one film, or one still, and counts its jobs."""

import os
import shutil
from pathlib import Path
from typing import Any

from sqlmodel import Session

from app.gateway.generators import Capability, JobStatus, Phase, RenderJob, catalogue
from app.gateway.models import Generation
from app.registry.service import Portrait
from tests import scenes

MODEL, STILL = "test/instant-1", "test/instant-still-1"
SIZE, STILL_SIZE = (640, 360), (800, 947)
LENGTH_S = "2"


class InstantGenerator:
    """Finishes every job at once. A job is a file named by its generation; its lines are calls.

    A still is the portrait itself.
    """

    name = "instant"

    def __init__(self, film: Path, jobs: Path) -> None:
        self._film, self._jobs = film, jobs

    def capabilities(self) -> tuple[Capability, ...]:
        return (
            Capability(MODEL, "video", (1, 10), frozenset({SIZE}), (1, 4), 200, True, False),
            Capability(STILL, "image", (0, 0), frozenset({STILL_SIZE}), (1, 4), 200, False, False),
        )

    def submit(self, job: RenderJob) -> str:
        for reference in job.references:
            assert reference.read_bytes()[:2] == b"\xff\xd8", "the reference is not a JPEG"
        with (self._jobs / job.generation_id).open("a") as calls:
            calls.write("submit\n")
        return f"{job.model}:{job.generation_id}"

    def poll(self, reference: str) -> JobStatus:
        return JobStatus(reference, Phase.SUCCEEDED)

    def fetch(self, reference: str, to: Path) -> None:
        is_still = reference.startswith(f"{STILL}:")
        shutil.copyfile(scenes.PORTRAIT if is_still else self._film, to)

    def forget(self, reference: str) -> bool:
        return True

    def cancel(self, reference: str) -> JobStatus:
        return JobStatus(reference, Phase.CANCELLED)


def install() -> InstantGenerator:
    """Offer the instant generator beside the others, as the environment says where its film is."""
    generator = InstantGenerator(Path(os.environ["INSTANT_FILM"]), Path(os.environ["INSTANT_JOBS"]))
    offered = catalogue.offered()
    catalogue.offered = lambda: (*offered, generator)
    for model in (MODEL, STILL):
        catalogue.TRAINS_ON_INPUTS[model] = False
    return generator


def a_scene_of_stills(session: Session, seen: Portrait) -> scenes.Scene:
    """A scene whose contract pays by the render, for stills."""

    def change(document: dict[str, Any]) -> None:
        document["grant"]["generators"] = [STILL]
        document["compensation"] |= {"model": "per_render", "rate_minor": "2500"}

    scene = scenes.a_scene(session, generator=STILL, seen=seen, signed=False)
    changed = scenes.offered(session, scene, change)
    scenes.sign(session, changed)
    return changed


def ask_for_still(session: Session, scene: scenes.Scene) -> str:
    """Have a still permitted and held; return its id."""
    decision, generation = scene.ask(
        session, generator=STILL, length_s="0", size=STILL_SIZE, modalities=("face",)
    )
    assert isinstance(generation, Generation), decision.codes
    return generation.id
