"""Gemini Omni by the Interactions API: a portrait and a line go in, a film comes back inside.

Wire-checked against our fake of it (tests/providers), never live. There is no idempotency and no
list: an order whose reply is lost can only be found by a person.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from app.gateway.generators import (
    Attestation,
    Capability,
    JobStatus,
    Phase,
    RenderJob,
    ResultNotReady,
    wire,
)
from app.gateway.generators.errors import VendorSilent
from app.gateway.generators.hosted import WIRE_CHECKED, Hosted

VENDOR = "google-ai"
MODEL, THEIR_MODEL = "google/gemini-omni-1.2-flash", "gemini-omni-1.2-flash"
BASE = "https://generativelanguage.googleapis.com"
PATH = "v1beta/interactions"
RATIOS = {(1280, 720): "16:9", (720, 1280): "9:16"}
CAPABILITY = Capability(
    model=MODEL,
    output="video",
    seconds=(8, 8),
    sizes=frozenset(RATIOS),
    references=(1, 1),
    line_limit=300,
    audio=True,
    lip_sync=True,
    attestation=Attestation(
        trains_on_inputs=False,
        document="Gemini API Additional Terms of Service, Paid Services",
        read_on=date(2026, 11, 27),
    ),
    inbound_provenance="SynthID; C2PA",
    deletion="DELETE /v1beta/interactions/{id}, once the film is fetched",
    license_notes=(
        "The promise not to train holds for billed accounts only: give no key of a free one.",
        "Billed by tokens; the operator states the price.",
    ),
    evidence=WIRE_CHECKED,
)
_INTERACTION = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_-]{7,199}")


class Omni(Hosted):
    """Gemini Omni. The API lists no interactions: a person looks at the project's usage."""

    name, called = VENDOR, "Google"
    base = BASE
    models = (CAPABILITY,)
    poll_s = 10.0
    film_limit_bytes = 256 << 20

    def order(self, job: RenderJob) -> str:
        """Order the film, once; returns the interaction's id."""
        line = self._line()
        interaction_id = wire.order(line, PATH, _order(job), model=MODEL).get("id")
        if not isinstance(interaction_id, str) or not _INTERACTION.fullmatch(interaction_id):
            raise wire.lost(line, "its reply names no interaction")
        return interaction_id

    def poll(self, reference: str) -> JobStatus:
        """Ask how far the interaction is."""
        return _status(reference, self._ask("GET", reference))

    def fetch(self, reference: str, to: Path) -> None:
        """Write the film, which comes inside the answer, whole or not at all."""
        interaction = self._ask("GET", reference)
        if _status(reference, interaction).phase is not Phase.SUCCEEDED:
            raise ResultNotReady(f"{reference} has no film; poll until it succeeded")
        wire.write(_film(interaction), to)

    def cancel(self, reference: str) -> JobStatus:
        """Ask Google to stop: what has begun may be billed."""
        self._ask("POST", reference, "/cancel")
        detail = "Google was asked to stop; what has begun may be billed"
        return JobStatus(reference, Phase.CANCELLED, detail=detail)

    def forget(self, reference: str) -> bool:
        """Have Google delete an interaction, its inputs and its film; False without an answer."""
        try:
            self._ask("DELETE", reference)
        except VendorSilent:
            return False
        return True

    def delete(self, kind: str, reference: str) -> bool:
        """Have Google delete an interaction and what came of it. Raises VendorSilent."""
        if kind != "job":
            return False
        self._ask("DELETE", reference)
        return True

    def _ask(self, method: str, reference: str, what: str = "") -> dict[str, Any]:
        if not _INTERACTION.fullmatch(reference):
            raise VendorSilent(f"{wire.plain(reference)} is no interaction of Google's")
        return wire.ask(
            self._line(),
            method,
            f"{PATH}/{reference}{what}",
            limit_bytes=self.film_limit_bytes,
            timeout_s=self.timeout_s,
        )

    def _proof(self, known: Mapping[str, str]) -> dict[str, str]:
        return {"x-goog-api-key": known["api_key"]}


def _order(job: RenderJob) -> dict[str, Any]:
    pictures = [wire.picture(path) for path in job.references]
    return {
        "model": THEIR_MODEL,
        "background": True,
        "input": [
            *(
                {"type": "image", "data": each["bytesBase64Encoded"], "mime_type": each["mimeType"]}
                for each in pictures
            ),
            {"type": "text", "text": wire.scene(job)},
        ],
        "generation_config": {"video_config": {"task": "reference_to_video"}},
        "response_format": {
            "type": "video",
            "aspect_ratio": RATIOS[job.width, job.height],
            "resolution": "720p",
            "duration": f"{job.length_s:g}s",
            "delivery": "inline",
        },
    }


def _status(reference: str, interaction: Mapping[str, Any]) -> JobStatus:
    state = interaction.get("status")
    if state == "completed":
        return JobStatus(reference, Phase.SUCCEEDED)
    if state == "cancelled":
        return JobStatus(reference, Phase.CANCELLED, detail="Google cancelled it")
    if state != "failed":
        return JobStatus(reference, Phase.RUNNING)
    errors = interaction.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    said = wire.plain(str(first.get("message", ""))) if isinstance(first, dict) else ""
    detail = (
        f"Google refused or failed to make the film ({said or 'no reason given'}). Nothing is "
        "charged here; change the line or the picture before asking again"
    )
    return JobStatus(reference, Phase.FAILED, reason="vendor-failed", detail=detail)


def _film(interaction: Mapping[str, Any]) -> bytes:
    """Return the one film among what the model put out."""
    try:
        for step in interaction["steps"]:
            for part in step["content"]:
                if part.get("type") == "video":
                    return base64.b64decode(part["data"], validate=True)
    except (KeyError, TypeError, AttributeError, ValueError, binascii.Error):
        pass
    raise VendorSilent("Google says the film is done, and sends none")
