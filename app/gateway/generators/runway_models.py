"""Runway's own models: what each does, where it is ordered, and what the order says.

A use names the model; none of those that Runway resells is offered. A portrait that an order has no
place for stays here: footage and first frames show whom they are of.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from app.gateway.generators import UNATTESTED, Capability, Price, RenderJob, wire
from app.gateway.generators.hosted import WIRE_CHECKED

READ_ON = date(2026, 11, 27)
REFERENCE = "Runway API reference, credits"
COPY = "A third party's copy of Runway's table of credits; the bill decides"
FILM_SIZES = frozenset({(1280, 720), (720, 1280)})
STILL_SIZES = frozenset(
    {
        (1024, 1024), (1080, 1080), (1168, 880), (1360, 768), (1440, 1080), (1080, 1440),
        (1808, 768), (1920, 1080), (1080, 1920), (2112, 912), (1280, 720), (720, 1280),
        (720, 720), (960, 720), (720, 960), (1680, 720),
    }
)  # fmt: skip


Bring = Callable[
    [Path | None, str], str
]  # a file, and what it is, to the address an order names it by


@dataclass(frozen=True)
class Model:
    """One model: Runway's name of it, the path of its orders, and how an order is written."""

    theirs: str
    path: str
    write: Callable[[RenderJob, Bring], Mapping[str, Any]]
    capability: Capability


def _film(model: str, amount: str) -> Capability:
    return Capability(
        model=model,
        output="video",
        seconds=(2, 10),
        lengths_s=tuple(range(2, 11)),
        sizes=FILM_SIZES,
        references=(1, 1),
        line_limit=900,
        audio=False,
        lip_sync=False,
        takes=("first_frame",),
        price=Price("second", amount, "USD", READ_ON, REFERENCE),
        attestation=UNATTESTED,
        inbound_provenance="C2PA",
        deletion="DELETE /v1/tasks/{id}, once the result is fetched",
        evidence=WIRE_CHECKED,
    )


def _still(model: str, amount: str, *notes: str) -> Capability:
    return Capability(
        model=model,
        output="image",
        seconds=(0, 0),
        sizes=STILL_SIZES,
        references=(1, 3),
        line_limit=900,
        audio=False,
        lip_sync=False,
        price=Price("image", amount, "USD", READ_ON, COPY),
        attestation=UNATTESTED,
        license_notes=notes,
        inbound_provenance="C2PA",
        deletion="DELETE /v1/tasks/{id}, once the result is fetched",
        evidence=WIRE_CHECKED,
    )


ALEPH = Capability(
    model="runway/aleph2",
    output="video",
    seconds=(2, 30),
    sizes=FILM_SIZES,
    references=(1, 1),
    line_limit=900,
    audio=False,
    lip_sync=False,
    takes=("footage",),
    needs=("footage",),
    follows=("footage",),
    reference_kinds=(),
    attestation=UNATTESTED,
    license_notes=(
        "The portrait is not sent: the footage shows whom it is of.",
        "Billed by the second; the operator states the price.",
    ),
    inbound_provenance="C2PA",
    deletion="DELETE /v1/tasks/{id}, once the result is fetched",
    evidence=WIRE_CHECKED,
)
ACT_TWO = Capability(
    model="runway/act_two",
    output="video",
    seconds=(3, 30),
    sizes=FILM_SIZES,
    references=(1, 1),
    line_limit=900,
    audio=False,
    lip_sync=True,
    takes=("driving",),
    needs=("driving",),
    follows=("driving",),
    price=Price("second", "0.05", "USD", READ_ON, COPY),
    attestation=UNATTESTED,
    license_notes=(
        "The line is not sent: it is spoken in the performance, whose performer must have agreed.",
    ),
    inbound_provenance="C2PA",
    deletion="DELETE /v1/tasks/{id}, once the result is fetched",
    evidence=WIRE_CHECKED,
)


def _ratio(job: RenderJob) -> str:
    return f"{job.width}:{job.height}"


def _from_picture(job: RenderJob, bring: Bring) -> dict[str, Any]:
    """The first frame, or else the portrait, begins the film; the line says what happens in it."""
    begins = bring(job.first_frame, "first frame") if job.first_frame else None
    return {
        "promptImage": begins or bring(job.references[0], "portrait"),
        "promptText": wire.scene(job),
        "ratio": _ratio(job),
        "duration": int(job.length_s),
    }


def _still_of(job: RenderJob, bring: Bring) -> dict[str, Any]:
    """The portraits are references that the line speaks of by their tags."""
    tags = [f"performer{number}" for number in range(1, len(job.references) + 1)]
    return {
        "promptText": f"A photograph of {' and '.join(f'@{tag}' for tag in tags)}. {job.line}",
        "ratio": _ratio(job),
        "referenceImages": [
            {"uri": bring(path, "portrait"), "tag": tag}
            for path, tag in zip(job.references, tags, strict=True)
        ],
    }


def _altered(job: RenderJob, bring: Bring) -> dict[str, Any]:
    """The line says what changes in the footage."""
    return {
        "videoUri": bring(job.footage, "footage"),
        "promptText": job.line,
        "ratio": _ratio(job),
    }


def _performed(job: RenderJob, bring: Bring) -> dict[str, Any]:
    """The portrait does what the person of the driving performance does."""
    return {
        "character": {"type": "image", "uri": bring(job.references[0], "portrait")},
        "reference": {"type": "video", "uri": bring(job.driving, "driving performance")},
        "ratio": _ratio(job),
    }


MODELS = {
    model.capability.model: model
    for model in (
        Model("gen4.5", "v1/image_to_video", _from_picture, _film("runway/gen4.5", "0.12")),
        Model("gen4_turbo", "v1/image_to_video", _from_picture, _film("runway/gen4_turbo", "0.05")),
        Model(
            "gen4_image",
            "v1/text_to_image",
            _still_of,
            _still("runway/gen4_image", "0.08", "Up to 720p Runway asks 5 credits, above 8."),
        ),
        Model(
            "gen4_image_turbo",
            "v1/text_to_image",
            _still_of,
            _still("runway/gen4_image_turbo", "0.02"),
        ),
        Model("aleph2", "v1/video_to_video", _altered, ALEPH),
        Model("act_two", "v1/character_performance", _performed, ACT_TWO),
    )
}
