"""Pika through the fal queue: portraits become the cast of a scene, the line says what happens.

Wire-checked against our fake of it (tests/providers), never live. fal's own client sends a paid
order up to ten times, and its queue ten more unless it is told not to: this one sends it once and
tells it not to. A job is asked about by its id, never by an address that an answer names.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.gateway.generators import (
    UNATTESTED,
    Capability,
    JobStatus,
    Phase,
    RenderJob,
    ResultNotReady,
    wire,
)
from app.gateway.generators.errors import VendorSilent
from app.gateway.generators.hosted import WIRE_CHECKED, Hosted

VENDOR = "pika"
MODEL = "pika/scenes-2.2"
BASE = "https://queue.fal.run"
DOWNLOAD_HOSTS = ("*.fal.media",)
APP, QUEUE = "fal-ai/pika/v2.2/pikascenes", "fal-ai/pika/requests"
RATIOS = {(1280, 720): "16:9", (720, 1280): "9:16"}
CAPABILITY = Capability(
    model=MODEL,
    output="video",
    seconds=(5, 10),
    lengths_s=(5, 10),
    sizes=frozenset(RATIOS),
    references=(1, 3),
    line_limit=900,
    audio=False,
    lip_sync=False,
    attestation=UNATTESTED,
    license_notes=("Billed by fal for each film; no list price is recorded here.",),
    evidence=WIRE_CHECKED,
)
_REQUEST = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{7,63}")
_UNPROCESSABLE = 422


class Pika(Hosted):
    """Pika's scenes. The queue takes no word of ours along: a person looks at fal's dashboard."""

    name, called = VENDOR, "Pika"
    base, hosts = BASE, DOWNLOAD_HOSTS
    models = (CAPABILITY,)

    def order(self, job: RenderJob) -> str:
        """Order the film, once; returns the request's id."""
        line = self._line()
        request_id = wire.order(line, APP, _order(job), model=MODEL).get("request_id")
        if not isinstance(request_id, str) or not _REQUEST.fullmatch(request_id):
            raise wire.lost(line, "its reply names no request")
        return request_id

    def poll(self, reference: str) -> JobStatus:
        """Ask how far the request is. Moderated is completed, with a refusal for a result."""
        known = self._ask("GET", reference, "/status")
        if known.get("status") != "COMPLETED":
            return JobStatus(reference, Phase.RUNNING)
        try:
            self._ask("GET", reference)
        except VendorSilent as refusal:
            if refusal.extra.get("answered") != _UNPROCESSABLE:
                raise
            detail = (
                f"Pika refused the film: {refusal.detail}. Nothing is charged here; fal may bill "
                "the operator. Change the line or the pictures before asking again"
            )
            return JobStatus(reference, Phase.FAILED, reason="moderated", detail=detail)
        return JobStatus(reference, Phase.SUCCEEDED)

    def fetch(self, reference: str, to: Path) -> None:
        """Fetch the film by a fresh link, without credentials, from fal's hosts only."""
        if self.poll(reference).phase is not Phase.SUCCEEDED:
            raise ResultNotReady(f"{reference} has no film; poll until it succeeded")
        film = self._ask("GET", reference).get("video")
        link = film.get("url") if isinstance(film, dict) else None
        self._download(link, to)

    def cancel(self, reference: str) -> JobStatus:
        """Ask fal to stop a request: what has begun may go on and be billed."""
        self._ask("PUT", reference, "/cancel")
        detail = "fal was asked to stop; what has begun may go on and be billed"
        return JobStatus(reference, Phase.CANCELLED, detail=detail)

    def forget(self, reference: str) -> bool:
        """Say that no call is known that deletes a request and its film at fal's."""
        return False

    def _ask(self, method: str, reference: str, what: str = "") -> dict[str, Any]:
        if not _REQUEST.fullmatch(reference):
            raise VendorSilent(f"{wire.plain(reference)} is no request of fal's")
        return wire.ask(self._line(), method, f"{QUEUE}/{reference}{what}")

    def _proof(self, known: Mapping[str, str]) -> dict[str, str]:
        return {"Authorization": f"Key {known['api_key']}", "x-fal-no-retry": "1"}


def _order(job: RenderJob) -> dict[str, Any]:
    return {
        "images": [{"image_url": wire.data_uri(path)} for path in job.references],
        "prompt": wire.scene(job),
        "aspect_ratio": RATIOS[job.width, job.height],
        "resolution": "720p",
        "duration": int(job.length_s),
        "ingredients_mode": "precise",
    }
