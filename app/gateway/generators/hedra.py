"""Hedra Character-3: a portrait and a recording of a voice become a film of that person speaking.

Wire-checked against our fake of it (tests/providers), never live. Hedra keeps idempotency keys: an
order whose reply is lost is placed again under the same key, and is the same job. Portrait and
voice are handed to Hedra's own host first, which answers with links that the order names.
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
from app.gateway.generators.errors import MaybeSubmitted, OrderRefused, VendorBusy, VendorSilent
from app.gateway.generators.hosted import WIRE_CHECKED, Hosted

VENDOR = "hedra"
MODEL, THEIR_MODEL = "hedra/character-3", "hedra-character-3"
BASE = "https://api.hedra.com"
DOWNLOAD_HOSTS = ("*.hedra.com", "*.s3.amazonaws.com")
RATIOS = {(1280, 720): "16:9", (720, 1280): "9:16"}
PORTRAIT_LIMIT_BYTES = 10_400_000
CAPABILITY = Capability(
    model=MODEL,
    output="video",
    seconds=(1, 60),
    sizes=frozenset(RATIOS),
    references=(1, 1),
    line_limit=900,
    audio=True,
    lip_sync=True,
    takes=("voice",),
    needs=("voice",),
    follows=("voice",),
    reference_kinds=("portrait", "voice"),
    attestation=UNATTESTED,
    license_notes=(
        "The film says what the recording says and lasts as long; the line only describes it.",
        "Billed from a prepaid wallet; the operator states the price.",
    ),
    evidence=WIRE_CHECKED,
)
_JOB = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{7,63}")


class Hedra(Hosted):
    """Hedra's own character model. It has no call that cancels or deletes a job."""

    name, called = VENDOR, "Hedra"
    base, hosts = BASE, DOWNLOAD_HOSTS
    models = (CAPABILITY,)
    idempotent = True

    def order(self, job: RenderJob) -> str:
        """Hand over portrait and voice, then order the film; returns the job's id."""
        if job.voice is None:
            raise OrderRefused("Hedra speaks with a recording, and there is none")
        portrait = job.references[0]
        if portrait.stat().st_size > PORTRAIT_LIMIT_BYTES:
            raise OrderRefused("the portrait is larger than Hedra takes (10.4 MB); enroll another")
        line = self._line()
        content = {
            "prompt": wire.scene(job),
            "aspect_ratio": RATIOS[job.width, job.height],
            "resolution": "720p",
            "duration_ms": round(job.length_s * 1000),
            "start_image": self._hand_over(line, portrait, f"{job.generation_id}-portrait"),
            "audio": self._hand_over(line, job.voice, f"{job.generation_id}-voice"),
        }
        reply = wire.order(
            line,
            f"v3/models/{THEIR_MODEL}",
            content,
            model=MODEL,
            headers={"Idempotency-Key": job.generation_id},
        )
        job_id = reply.get("job_id")
        if not isinstance(job_id, str) or not _JOB.fullmatch(job_id):
            raise wire.lost(line, "its reply names no job")
        return job_id

    def poll(self, reference: str) -> JobStatus:
        """Ask how far the job is; why it failed stands in its result."""
        said = self._ask(reference, "/status")
        state = said.get("status")
        if state == "COMPLETED":
            return JobStatus(reference, Phase.SUCCEEDED)
        if state == "CANCELLED":
            return JobStatus(reference, Phase.CANCELLED, detail="Hedra cancelled it")
        if state != "FAILED":
            return JobStatus(reference, Phase.RUNNING, progress=wire.share(said.get("progress")))
        return _failed(reference, self._ask(reference).get("error"))

    def fetch(self, reference: str, to: Path) -> None:
        """Fetch the film by a fresh link, without credentials, from Hedra's hosts only."""
        result = self._ask(reference)
        if result.get("status") != "COMPLETED":
            raise ResultNotReady(f"{reference} has no film; poll until it succeeded")
        films = result.get("outputs")
        first = films[0] if isinstance(films, list) and films else None
        self._download(first.get("url") if isinstance(first, dict) else None, to)

    def cancel(self, reference: str) -> JobStatus:
        """Say that no call is known that stops a job: it goes on there and is billed."""
        return JobStatus(reference, Phase.UNKNOWN, detail="Hedra cannot cancel; it may be billed")

    def forget(self, reference: str) -> bool:
        """Say that no call is known that deletes a job; uploads go by themselves after a day."""
        return False

    def _hand_over(self, line: wire.Line, path: Path, key: str) -> dict[str, str]:
        """Give Hedra a file for an hour and return how an order names it. Buys nothing."""
        try:
            reply = wire.order(
                line,
                "v3/files",
                wire.form({"file": path}),
                model=f"{MODEL} files",
                headers={"Idempotency-Key": key},
            )
        except MaybeSubmitted:
            raise VendorBusy("Hedra did not confirm a file; nothing was ordered") from None
        url = reply.get("url")
        if not isinstance(url, str):
            raise VendorBusy("Hedra took a file and named no link to it; nothing was ordered")
        return {"source": "url", "url": url}

    def _ask(self, reference: str, what: str = "") -> dict[str, Any]:
        if not _JOB.fullmatch(reference):
            raise VendorSilent(f"{wire.plain(reference)} is no job of Hedra's")
        return wire.ask(self._line(), "GET", f"v3/jobs/{reference}{what}")


def _failed(reference: str, error: object) -> JobStatus:
    known: Mapping[str, Any] = error if isinstance(error, dict) else {}
    said = wire.plain(str(known.get("message", ""))) or "no reason given"
    if known.get("code") == "MODERATION_FAILED":
        detail = (
            f"Hedra's moderation refused the film ({said}). Nothing is charged here; change the "
            "line, the picture or the recording before asking again"
        )
        return JobStatus(reference, Phase.FAILED, reason="moderated", detail=detail)
    detail = f"Hedra could not render it: {said}"
    return JobStatus(reference, Phase.FAILED, reason="vendor-failed", detail=detail)
