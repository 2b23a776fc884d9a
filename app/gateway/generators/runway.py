"""Runway: a portrait is the first picture of a film, the line says what happens in it.

Wire-checked against our fake of it (tests/providers), never live. A job cannot be found again by
anything but its id, is billed in full when moderated or cancelled, and its links expire in a day:
each poll makes fresh ones. The portrait travels inside the order, so that it goes to no other host.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from app import clock
from app.gateway.generators import (
    UNATTESTED,
    Capability,
    JobStatus,
    Phase,
    Price,
    RenderJob,
    ResultNotReady,
    wire,
)
from app.gateway.generators.errors import OrderRefused, VendorSilent
from app.gateway.generators.hosted import WIRE_CHECKED, Hosted

VENDOR = "runway"
BASE = "https://api.dev.runwayml.com"
DOWNLOAD_HOSTS = ("*.cloudfront.net", "*.runwayml.com")
VERSION = "2024-11-06"
MODELS = {"runway/gen4.5": "gen4.5", "runway/gen4_turbo": "gen4_turbo"}
PRICES = {"runway/gen4.5": "0.12", "runway/gen4_turbo": "0.05"}
POLL_S = 5.0  # Runway asks for no more than one in five seconds for a task
INLINE_LIMIT_BYTES = 5 << 20  # largest data URI that Runway takes
_TASK = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ENDED = {"SUCCEEDED": Phase.SUCCEEDED, "FAILED": Phase.FAILED, "CANCELLED": Phase.CANCELLED}


def _capability(model: str) -> Capability:
    return Capability(
        model=model,
        output="video",
        seconds=(2, 10),
        sizes=frozenset({(1280, 720), (720, 1280)}),
        references=(1, 1),
        line_limit=900,
        audio=False,
        lip_sync=False,
        price=Price(
            "second", PRICES[model], "USD", date(2026, 11, 27), "Runway API reference, credits"
        ),
        attestation=UNATTESTED,
        inbound_provenance="C2PA",
        deletion="DELETE /v1/tasks/{id}, once the film is fetched",
        evidence=WIRE_CHECKED,
        lengths_s=tuple(range(2, 11)),
    )


class Runway(Hosted):
    """Runway's own models that make a film of a picture, and none that it resells.

    It lists no tasks and takes no word of ours along, and sends no webhooks.
    """

    name, called = VENDOR, "Runway"
    base, hosts = BASE, DOWNLOAD_HOSTS
    models = tuple(_capability(model) for model in MODELS)
    poll_s = POLL_S

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._asked_at: dict[str, datetime] = {}

    def order(self, job: RenderJob) -> str:
        """Order the film, once; returns the task's id."""
        line, content = self._line(), _order(job)
        reply = wire.order(line, "v1/image_to_video", content, model=MODELS[job.model])
        task_id = reply.get("id")
        if not isinstance(task_id, str) or not _TASK.fullmatch(task_id):
            raise wire.lost(line, "its reply names no task")
        return task_id

    def poll(self, reference: str) -> JobStatus:
        """Ask how far the task is."""
        return _status(reference, self._task(reference))

    def fetch(self, reference: str, to: Path) -> None:
        """Fetch the film by a fresh link, without credentials, from Runway's hosts only."""
        task = self._task(reference)
        status = _status(reference, task)
        if status.phase is not Phase.SUCCEEDED:
            raise ResultNotReady(f"{reference} is {status.phase.value}; poll until it succeeded")
        links = task.get("output")
        link = links[0] if isinstance(links, list) and links else None
        self._download(link, to)

    def cancel(self, reference: str) -> JobStatus:
        """Ask Runway to stop a task: it is billed all the same, and may go on."""
        self._delete(reference)
        detail = "Runway was asked to stop; it bills the task all the same"
        return JobStatus(reference, Phase.CANCELLED, detail=detail)

    def forget(self, reference: str) -> bool:
        """Have Runway delete a task, its inputs and its films; False where it does not answer."""
        self._asked_at.pop(reference, None)
        try:
            return self._delete(reference)
        except VendorSilent:
            return False

    def delete(self, kind: str, reference: str) -> bool:
        """Have Runway delete a task with all that came of it. Raises VendorSilent."""
        return kind == "job" and self._delete(reference)

    def _task(self, reference: str) -> dict[str, Any]:
        """Ask about a task, never within five seconds of the last time."""
        if not _TASK.fullmatch(reference):
            raise VendorSilent(f"{wire.plain(reference)} is no task of Runway's")
        line = self._line()
        if reference in self._asked_at:
            since = (clock.now() - self._asked_at[reference]) / timedelta(seconds=1)
            if since < POLL_S:
                wire.pause(POLL_S - since)
        try:
            return wire.ask(line, "GET", f"v1/tasks/{reference}", least_pause_s=POLL_S)
        finally:
            self._asked_at[reference] = clock.now()

    def _delete(self, reference: str) -> bool:
        if not _TASK.fullmatch(reference):
            return False
        wire.ask(self._line(), "DELETE", f"v1/tasks/{reference}")
        return True

    def _proof(self, known: Mapping[str, str]) -> dict[str, str]:
        return {**super()._proof(known), "X-Runway-Version": VERSION}


def _order(job: RenderJob) -> dict[str, Any]:
    width, height = job.width, job.height
    portrait = wire.data_uri(job.references[0])
    if len(portrait) > INLINE_LIMIT_BYTES:
        raise OrderRefused(
            "the portrait is larger than Runway takes inside an order (5 MiB as Base64, some 3.7 "
            "MiB of picture); enroll a smaller one"
        )
    return {
        "model": MODELS[job.model],
        "promptImage": portrait,
        "promptText": wire.scene(job),
        "ratio": f"{width}:{height}",
        "duration": int(job.length_s),
    }


def _status(reference: str, task: Mapping[str, Any]) -> JobStatus:
    phase = _ENDED.get(str(task.get("status")), Phase.RUNNING)
    if phase is not Phase.FAILED:
        cancelled = "Runway cancelled it" if phase is Phase.CANCELLED else ""
        return JobStatus(reference, phase, detail=cancelled)
    code = wire.plain(str(task.get("failureCode", "")))
    said = wire.plain(str(task.get("failure", ""))) or "no reason given"
    if not code.startswith("SAFETY"):
        detail = f"Runway could not render it: {said} ({code or 'no code'})"
        return JobStatus(reference, phase, reason="vendor-failed", detail=detail)
    detail = (
        f"Runway's moderation refused it: {said} ({code}). Nothing is charged here; Runway bills "
        f"the operator {_credits(task)}, and suspends accounts that are refused again and again: "
        "change the line or the picture before asking again"
    )
    return JobStatus(reference, phase, reason="moderated", detail=detail)


def _credits(task: Mapping[str, Any]) -> str:
    cost = task.get("cost")
    credits_ = cost.get("credits") if isinstance(cost, dict) else None
    return f"{credits_:g} credits" if isinstance(credits_, int | float) else "its full price"
