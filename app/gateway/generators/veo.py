"""Google Veo on Vertex AI: portraits and a line go in, a film with its own sound comes back.

Wire-checked against our fake of it (tests/providers), never live. There is no idempotency, no
list of jobs and no way to cancel: an order whose reply is lost can only be found by a person.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from app.egress import Door
from app.gateway.generators import (
    Attestation,
    Capability,
    JobStatus,
    Phase,
    Price,
    RenderJob,
    ResultNotReady,
    credentials,
    wire,
)
from app.gateway.generators.errors import OrderRefused, VendorSilent
from app.gateway.generators.google_tokens import BASE as TOKENS_AT
from app.gateway.generators.google_tokens import Tokens
from app.gateway.generators.hosted import WIRE_CHECKED, Hosted

VENDOR = "google"
MODELS = {
    "google/veo-3.1": "veo-3.1-generate-001",
    "google/veo-3.1-fast": "veo-3.1-fast-generate-001",
}
PRICES = {"google/veo-3.1": "0.40", "google/veo-3.1-fast": "0.15"}
SIZES = {  # (width, height) to what Veo calls it
    (1280, 720): ("720p", "16:9"),
    (1920, 1080): ("1080p", "16:9"),
    (720, 1280): ("720p", "9:16"),
    (1080, 1920): ("1080p", "9:16"),
}
ATTESTATION = Attestation(
    trains_on_inputs=False,
    document="Google Cloud Service Specific Terms, section Training Restriction",
    read_on=date(2026, 11, 27),
)
_OPERATION = re.compile(
    r"(projects/[\w.:-]+/locations/[\w-]+/publishers/google/models/[\w.-]+)/operations/[\w-]+"
)
_PLACE = re.compile(r"[a-z0-9][a-z0-9-]{0,61}")
_FILM_LIMIT_BYTES = 256 << 20
PEOPLE = ("allow_adult", "allow_all")  # whom Google lets the project show; by default adults


def _capability(model: str) -> Capability:
    return Capability(
        model=model,
        output="video",
        seconds=(8, 8),  # the one length that reference pictures are taken for
        sizes=frozenset(SIZES),
        references=(1, 3),
        line_limit=300,
        audio=True,
        lip_sync=True,
        takes=("first_frame",),
        price=Price(
            "second", PRICES[model], "USD", date(2025, 10, 15), "Vertex AI pricing, public page"
        ),
        attestation=ATTESTATION,
        inbound_provenance="SynthID; C2PA",
        deletion="",
        evidence=WIRE_CHECKED,
    )


class Veo(Hosted):
    """Veo 3.1 of a Google Cloud project, at its own region's host.

    It lists no operations: the project's billing has the label of each.
    """

    name, called = VENDOR, "Google"
    base = ""  # the region's, unless a fake is named
    models = tuple(_capability(model) for model in MODELS)
    poll_s = 10.0
    film_limit_bytes = _FILM_LIMIT_BYTES

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._tokens = Tokens(self.base or TOKENS_AT, private=self._private)

    def order(self, job: RenderJob) -> str:
        """Order the film, once; returns the operation's name."""
        line, place = self._line_and_place()
        model = f"{place}/publishers/google/models/{MODELS[job.model]}"
        people = credentials.opened(VENDOR).get("person_generation", PEOPLE[0])
        if people not in PEOPLE:
            raise OrderRefused(f"person_generation in Google's credentials is none of {PEOPLE}")
        content = _order(job, people)
        try:
            reply = wire.order(
                line, f"v1/{model}:predictLongRunning", content, model=MODELS[job.model]
            )
        except OrderRefused:
            self._tokens.drop()  # it may have been taken back before its time
            raise
        name = reply.get("name")
        known = _OPERATION.fullmatch(name) if isinstance(name, str) else None
        if known is None or known[1] != model:
            raise wire.lost(line, "its reply names no operation of ours")
        return known[0]

    def poll(self, reference: str) -> JobStatus:
        """Ask how far the operation is. Moderated is done, without an error and without a film."""
        return _status(reference, self._operation(reference))

    def fetch(self, reference: str, to: Path) -> None:
        """Write the film, which comes inside the operation's answer, whole or not at all."""
        operation = self._operation(reference)
        status = _status(reference, operation)
        if status.phase is not Phase.SUCCEEDED:
            raise ResultNotReady(f"{reference} is {status.phase.value}; poll until it succeeded")
        try:
            film = base64.b64decode(_films(operation)[0]["bytesBase64Encoded"], validate=True)
        except (KeyError, TypeError, ValueError, binascii.Error):
            raise VendorSilent("Google says the film is done, and sends none") from None
        wire.write(film, to)

    def cancel(self, reference: str) -> JobStatus:
        """Say that Veo has no way to cancel: the job goes on there and is billed."""
        return JobStatus(reference, Phase.UNKNOWN, detail="Veo cannot cancel; it may be billed")

    def forget(self, reference: str) -> bool:
        """Say that Veo has no call that deletes; Google deletes operations by itself."""
        return False

    def _operation(self, reference: str) -> dict[str, Any]:
        known = _OPERATION.fullmatch(reference)
        if known is None:
            raise VendorSilent(f"{wire.plain(reference)} is no operation of Veo's")
        return wire.ask(
            self._line_and_place()[0],
            "POST",
            f"v1/{known[1]}:fetchPredictOperation",
            {"operationName": reference},
            limit_bytes=self.film_limit_bytes,
            timeout_s=self.timeout_s,
        )

    def _line_and_place(self) -> tuple[wire.Line, str]:
        """Return the line to the project's own region, and the project's place there."""
        known = credentials.opened(VENDOR, "location")
        project, location = known.get("project") or known.get("project_id", ""), known["location"]
        if not (_PLACE.fullmatch(project) and _PLACE.fullmatch(location)):
            raise OrderRefused("the project or location of Google's credentials is no name of one")
        base = self.base or f"https://{location}-aiplatform.googleapis.com"
        place = f"projects/{project}/locations/{location}"
        return wire.Line("Google", Door(base, self._private), self._proof(known)), place

    def _proof(self, known: Mapping[str, str]) -> dict[str, str]:
        """Prove who calls by a token of the service account, or by an API key of the project."""
        if known.get("private_key"):
            return {"Authorization": f"Bearer {self._tokens.of(known)}"}
        if known.get("api_key"):
            return {"x-goog-api-key": known["api_key"]}
        raise OrderRefused(
            "Google's credentials have neither a service account's key nor an api_key; the "
            "operator must renew them"
        )


def _order(job: RenderJob, people: str) -> dict[str, Any]:
    resolution, ratio = SIZES[job.width, job.height]
    instance: dict[str, Any] = {"prompt": wire.scene(job)}
    if job.first_frame is not None:  # Veo takes one or the other: the portrait stays here
        instance["image"] = wire.picture(job.first_frame)
    else:
        instance["referenceImages"] = [
            {"image": wire.picture(path), "referenceType": "asset"} for path in job.references
        ]
    return {
        "instances": [instance],
        "parameters": {
            "sampleCount": 1,
            "durationSeconds": int(job.length_s),
            "resolution": resolution,
            "aspectRatio": ratio,
            "generateAudio": True,
            "personGeneration": people,
        },
        "labels": {"understudy": job.generation_id.lower()},  # finds it in the project's billing
    }


def _films(operation: Mapping[str, Any]) -> list[Any]:
    response = operation.get("response")
    films = response.get("videos") if isinstance(response, dict) else None
    return films if isinstance(films, list) else []


def _status(reference: str, operation: Mapping[str, Any]) -> JobStatus:
    if operation.get("done") is not True:
        return JobStatus(reference, Phase.RUNNING)
    error = operation.get("error")
    if isinstance(error, dict):
        said = wire.plain(str(error.get("message", "no reason given")))
        return JobStatus(reference, Phase.FAILED, reason="vendor-failed", detail=f"Veo: {said}")
    if _films(operation):
        return JobStatus(reference, Phase.SUCCEEDED)
    response = operation.get("response")
    reasons = response.get("raiMediaFilteredReasons") if isinstance(response, dict) else None
    said = wire.plain("; ".join(map(str, reasons)) if isinstance(reasons, list) else "")
    detail = (
        f"Google's moderation refused the film ({said or 'no reason given'}). Nothing is charged "
        "here; change the line or the pictures before asking again"
    )
    return JobStatus(reference, Phase.FAILED, reason="moderated", detail=detail)
