"""Pika's models at fal: what each does, which app of fal's takes its orders, what an order says.

A portrait that an order has no place for stays here: first frames show whom they are of.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from app.gateway.generators import UNATTESTED, Capability, Price, RenderJob, wire
from app.gateway.generators.errors import OrderRefused
from app.gateway.generators.hosted import WIRE_CHECKED

READ_ON = date(2026, 11, 27)
INLINE_LIMIT_BYTES = 20 << 20  # our own; fal names no limit
RATIOS = {(1280, 720): "16:9", (720, 1280): "9:16"}
UNPRICED = "Billed by fal for each film; the operator states the price."
UNSENT = "The portrait is not sent: the first frame shows whom it is of."


@dataclass(frozen=True)
class Model:
    """One model: fal's app that takes its orders, and how an order is written."""

    app: str
    write: Callable[[RenderJob], Mapping[str, Any]]
    capability: Capability


SCENES = Capability(
    model="pika/scenes-2.2",
    output="video",
    seconds=(5, 10),
    lengths_s=(5, 10),
    sizes=frozenset(RATIOS),
    references=(1, 3),
    line_limit=900,
    audio=False,
    lip_sync=False,
    attestation=UNATTESTED,
    license_notes=(UNPRICED,),
    evidence=WIRE_CHECKED,
)
IMAGE = replace(
    SCENES,
    model="pika/image-2.2",
    references=(1, 1),
    reference_kinds=(),
    takes=("first_frame",),
    needs=("first_frame",),
    follows=("first_frame",),
    license_notes=(UNPRICED, UNSENT),
)
FRAMES = replace(
    IMAGE,
    model="pika/frames-2.2",
    reference_kinds=("portrait",),
    price=Price("second", "0.04", "USD", READ_ON, "fal.ai, page of pikaframes, at 720p"),
    license_notes=("The film goes from the first frame to the portrait.",),
)
TEXT = replace(SCENES, model="pika/text-2.2", references=(0, 0), reference_kinds=())
SWAPS = replace(
    SCENES,
    model="pika/swaps-2",
    seconds=(1, 10),
    lengths_s=(),
    references=(1, 1),
    takes=("footage",),
    needs=("footage",),
    follows=("footage",),
    price=Price("film", "0.465", "USD", READ_ON, "fal.ai, page of pikaswaps"),
    license_notes=(),
)
ADDITIONS = replace(SWAPS, model="pika/additions-2", price=None, license_notes=(UNPRICED,))


def _inside(path: Path | None, what: str) -> str:
    """Return a file as it travels inside an order: at fal nothing is uploaded."""
    if path is None:
        raise OrderRefused(f"the {what} is missing; name it in the order's materials")
    if path.stat().st_size * 4 / 3 > INLINE_LIMIT_BYTES:
        raise OrderRefused(
            f"the {what} is too large for an order to Pika (20 MiB as Base64, some 15 MiB of "
            "file); give a smaller one"
        )
    return wire.data_uri(path)


def _of_scene(job: RenderJob) -> dict[str, Any]:
    return {
        "images": [{"image_url": _inside(path, "portrait")} for path in job.references],
        "prompt": wire.scene(job),
        "aspect_ratio": RATIOS[job.width, job.height],
        "resolution": "720p",
        "duration": int(job.length_s),
        "ingredients_mode": "precise",
    }


def _of_image(job: RenderJob) -> dict[str, Any]:
    return {
        "image_url": _inside(job.first_frame, "first frame"),
        "prompt": job.line,
        "resolution": "720p",
        "duration": int(job.length_s),
    }


def _of_frames(job: RenderJob) -> dict[str, Any]:
    return {
        "image_urls": [
            _inside(job.first_frame, "first frame"),
            *(_inside(path, "portrait") for path in job.references),
        ],
        "transitions": [{"duration": int(job.length_s), "prompt": job.line}],
        "prompt": job.line,
        "resolution": "720p",
    }


def _of_text(job: RenderJob) -> dict[str, Any]:
    return {
        "prompt": job.line,
        "aspect_ratio": RATIOS[job.width, job.height],
        "resolution": "720p",
        "duration": int(job.length_s),
    }


def _swapped(job: RenderJob) -> dict[str, Any]:
    return {**_added(job), "modify_region": "the person"}


def _added(job: RenderJob) -> dict[str, Any]:
    return {
        "video_url": _inside(job.footage, "footage"),
        "image_url": _inside(job.references[0], "portrait"),
        "prompt": job.line,
    }


MODELS = {
    model.capability.model: model
    for model in (
        Model("fal-ai/pika/v2.2/pikascenes", _of_scene, SCENES),
        Model("fal-ai/pika/v2.2/image-to-video", _of_image, IMAGE),
        Model("fal-ai/pika/v2.2/pikaframes", _of_frames, FRAMES),
        Model("fal-ai/pika/v2.2/text-to-video", _of_text, TEXT),
        Model("fal-ai/pika/v2/pikaswaps", _swapped, SWAPS),
        Model("fal-ai/pika/v2/pikadditions", _added, ADDITIONS),
    )
}
