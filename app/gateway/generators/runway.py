"""Runway: films and pictures of portraits, by the models in runway_models.py.

Wire-checked against our fake of it (tests/providers), never live. A job cannot be found again by
anything but its id, is billed in full when moderated or cancelled, and its links expire in a day:
each poll makes fresh ones. Files travel inside the order, so that they go to no other host; large
ones are uploaded first, to one host that the operator named.
"""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from app.gateway.generators import (
    JobStatus,
    Phase,
    RenderJob,
    ResultNotReady,
    credentials,
    wire,
)
from app.gateway.generators.errors import OrderRefused, VendorBusy, VendorSilent
from app.gateway.generators.hosted import Hosted
from app.gateway.generators.runway_models import MODELS
from app.gateway.generators.uploading import on_record, upload

VENDOR = "runway"
BASE = "https://api.dev.runwayml.com"
DOWNLOAD_HOSTS = ("*.cloudfront.net", "*.runwayml.com")
VERSION = "2024-11-06"
INLINE_LIMIT_BYTES = 5 << 20  # largest data URI that Runway takes
LEAST_BYTES = 64  # of a data URI: what stands before its Base64, and its padding
SUFFIXES = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
}
POLL_S = 5.0  # Runway asks for no more than one in five seconds for a task
_TASK = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_UPLOADED = re.compile(r"runway://[\x21-\x7e]{1,2000}")
_ENDED = {"SUCCEEDED": Phase.SUCCEEDED, "FAILED": Phase.FAILED, "CANCELLED": Phase.CANCELLED}


class Runway(Hosted):
    """Runway's own models, and none that it resells.

    It lists no tasks and takes no word of ours along, and sends no webhooks.
    """

    name, called = VENDOR, "Runway"
    base, hosts = BASE, DOWNLOAD_HOSTS
    models = tuple(model.capability for model in MODELS.values())
    poll_s = least_s = POLL_S

    def order(self, job: RenderJob) -> str:
        """Order the result, once; returns the task's id."""
        line, model = self._line(), MODELS[job.model]
        bring = partial(self._bring, job.generation_id)
        content = {"model": model.theirs, **model.write(job, bring)}
        reply = wire.order(line, model.path, content, model=model.theirs)
        task_id = reply.get("id")
        if not isinstance(task_id, str) or not _TASK.fullmatch(task_id):
            raise wire.lost(line, "its reply names no task")
        return task_id

    def poll(self, reference: str) -> JobStatus:
        """Ask how far the task is."""
        return _status(reference, self._task(reference))

    def fetch(self, reference: str, to: Path) -> None:
        """Fetch the result by a fresh link, without credentials, from Runway's hosts only."""
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
        try:
            return self._delete(reference)
        except VendorSilent:
            return False

    def delete(self, kind: str, reference: str) -> bool:
        """Have Runway delete a task with all that came of it. Raises VendorSilent."""
        return kind == "job" and self._delete(reference)

    def _bring(self, generation_id: str, path: Path | None, what: str) -> str:
        """Return what an order names a file by: the file itself, or where it was uploaded.

        Uploads go to the one host that the operator named, whatever Runway's answer names.
        """
        if path is None:
            raise OrderRefused(f"the {what} is missing; name it in the order's materials")
        if path.stat().st_size * 4 / 3 + LEAST_BYTES <= INLINE_LIMIT_BYTES:
            return wire.data_uri(path)
        host = credentials.opened(self.name, "api_key").get("upload_host", "")
        if not host:
            raise OrderRefused(
                f"the {what} is larger than Runway takes inside an order (5 MiB as Base64, some "
                "3.7 MiB of file); give a smaller one, or have the operator name the host that "
                "Runway takes uploads at (upload_host, in its credentials)"
            )
        named = f"material.{SUFFIXES[wire.media_type(path.read_bytes())]}"
        try:
            asked = {"filename": named, "type": "ephemeral"}
            ticket = wire.ask(self._line(), "POST", "v1/uploads", asked)
        except VendorSilent as silent:
            refused = "answered" in silent.extra  # a plain no; all else may be better later
            raise (OrderRefused if refused else VendorBusy)(silent.detail) from None
        address = ticket.get("runwayUri")
        if not isinstance(address, str) or not _UPLOADED.fullmatch(address):
            raise VendorBusy("Runway names no place for an upload; nothing was ordered")
        on_record(generation_id, vendor=self.name, what=what, reference=address)
        upload(ticket, path, vendor=self.called, host=host, private=self._private, named=named)
        return address

    def _task(self, reference: str) -> dict[str, Any]:
        """Ask about a task; whoever calls sees to it that it is not asked about too often."""
        if not _TASK.fullmatch(reference):
            raise VendorSilent(f"{wire.plain(reference)} is no task of Runway's")
        return wire.ask(self._line(), "GET", f"v1/tasks/{reference}", least_pause_s=POLL_S)

    def _delete(self, reference: str) -> bool:
        if not _TASK.fullmatch(reference):
            return False
        wire.ask(self._line(), "DELETE", f"v1/tasks/{reference}")
        return True

    def _proof(self, known: Mapping[str, str]) -> dict[str, str]:
        return {**super()._proof(known), "X-Runway-Version": VERSION}


def _status(reference: str, task: Mapping[str, Any]) -> JobStatus:
    phase = _ENDED.get(str(task.get("status")), Phase.RUNNING)
    if phase is not Phase.FAILED:
        cancelled = "Runway cancelled it" if phase is Phase.CANCELLED else ""
        return JobStatus(
            reference, phase, progress=wire.share(task.get("progress")), detail=cancelled
        )
    code = wire.plain(str(task.get("failureCode", "")))
    said = wire.plain(str(task.get("failure", ""))) or "no reason given"
    if not code.startswith("SAFETY"):
        detail = f"Runway could not render it: {said} ({code or 'no code'})"
        return JobStatus(reference, phase, reason="vendor-failed", detail=detail)
    detail = (
        f"Runway's moderation refused it: {said} ({code}). Nothing is charged here; Runway bills "
        f"the operator {_credits(task)}, and suspends accounts that are refused again and again: "
        "change the line or what goes with it before asking again"
    )
    return JobStatus(reference, phase, reason="moderated", detail=detail)


def _credits(task: Mapping[str, Any]) -> str:
    cost = task.get("cost")
    credits_ = cost.get("credits") if isinstance(cost, dict) else None
    return f"{credits_:g} credits" if isinstance(credits_, int | float) else "its full price"
