"""Pika through the fal queue, by the models in pika_models.py.

Wire-checked against our fake of it (tests/providers), never live. fal's own client sends a paid
order up to ten times, and its queue ten more unless it is told not to: this one sends it once and
tells it not to. A job is asked about by its id, never by an address that an answer names.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.gateway.generators import JobStatus, Phase, RenderJob, ResultNotReady, wire
from app.gateway.generators.errors import VendorSilent
from app.gateway.generators.hosted import Hosted
from app.gateway.generators.pika_models import MODELS

VENDOR = "pika"
BASE = "https://queue.fal.run"
DOWNLOAD_HOSTS = ("*.fal.media",)
QUEUE = "fal-ai/pika/requests"
_REQUEST = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{7,63}")
_UNPROCESSABLE = 422


class Pika(Hosted):
    """Pika's models. The queue takes no word of ours along: a person looks at fal's dashboard."""

    name, called = VENDOR, "Pika"
    base, hosts = BASE, DOWNLOAD_HOSTS
    models = tuple(model.capability for model in MODELS.values())

    def order(self, job: RenderJob) -> str:
        """Order the film, once; returns the request's id."""
        line, model = self._line(), MODELS[job.model]
        request_id = wire.order(line, model.app, model.write(job), model=job.model).get(
            "request_id"
        )
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
                "the operator. Change the line or what goes with it before asking again"
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
