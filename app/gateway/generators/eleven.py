"""ElevenLabs: a line spoken in a performer's own voice, which is cloned for this job alone.

Wire-checked against our fake of it (tests/providers), never live. The paid reply is the sound:
it is stored as it streams, and one that breaks off is looked for in the history of the clone,
which belongs to one generation. ElevenLabs asks nobody's consent for an instant clone; here one is
made only of a recording whose owner consented, under a contract that permitted the use, and its
name at the vendor's is recorded before and after (`vendor_copies`). It is deleted with the job.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import structlog

from app import storage
from app.gateway.generators import UNATTESTED, Capability, JobStatus, Phase, RenderJob, wire
from app.gateway.generators.errors import NotSubmitted, OrderRefused, VendorSilent
from app.gateway.generators.hosted import WIRE_CHECKED, Hosted

VENDOR = "elevenlabs"
MODEL, THEIR_MODEL = "elevenlabs/eleven-v3", "eleven_v3"
BASE = "https://api.elevenlabs.io"
FORMAT = "mp3_44100_128"
LOOKS, LOOK_PAUSE_S = 3, 5.0  # the history may lag a little behind
CAPABILITY = Capability(
    model=MODEL,
    output="audio",
    seconds=(1, 300),
    sizes=frozenset(),
    references=(0, 1),
    line_limit=1000,
    audio=True,
    lip_sync=False,
    takes=("voice",),
    needs=("voice",),
    reference_kinds=("voice",),
    attestation=UNATTESTED,
    deletion="DELETE /v1/voices/{id} and /v1/history/{id}, once the sound is fetched",
    license_notes=(
        "length_s is the longest that the line may last; what it lasts is paid.",
        "Billed by characters; the operator states the price.",
    ),
    evidence=WIRE_CHECKED,
)
_ID = re.compile(r"[0-9A-Za-z_-]{3,64}")
_REFERENCE = re.compile(r"(spoken|history)/(gen_[0-9A-Za-z]{1,60})/([0-9A-Za-z_-]{3,64})")
logger = structlog.get_logger()


class Eleven(Hosted):
    """Eleven v3 with an instant clone. Its reply is the sound, so there is nothing to wait for."""

    name, called = VENDOR, "ElevenLabs"
    base = BASE
    models = (CAPABILITY,)
    film_limit_bytes, timeout_s = 64 << 20, 300.0

    def clone(self, job: RenderJob) -> str:
        """Have the recording of a job cloned under the generation's name; buys nothing.

        Raises OrderRefused, VendorBusy and, where a clone may be there unknown, MaybeSubmitted.
        """
        if job.voice is None:
            raise OrderRefused("ElevenLabs clones a recording, and there is none")
        line = self._line()
        form = wire.form({"files": job.voice}, {"name": job.generation_id})
        reply = wire.order(line, "v1/voices/add", form, model=f"{MODEL} clones")
        voice = reply.get("voice_id")
        if not isinstance(voice, str) or not _ID.fullmatch(voice):
            raise wire.lost(line, "its reply names no voice")
        if reply.get("requires_verification"):
            self.delete("voice", voice)
            raise OrderRefused("ElevenLabs wants this voice verified by its owner there first")
        return voice

    def clone_of(self, generation_id: str) -> str | None:
        """Return the clone made for a generation, if there is one. Raises VendorSilent."""
        return next(iter(self._clones(generation_id)), None)

    def order(self, job: RenderJob) -> str:
        """Have the line spoken; the reply is the sound, kept under the generation's name."""
        if not _ID.fullmatch(job.cloned_voice) or job.voice is None:
            raise OrderRefused("there is no clone to speak with")
        spoken = job.voice.with_name("spoken.mp3")
        wire.order_sound(
            self._line(),
            f"v1/text-to-speech/{job.cloned_voice}?output_format={FORMAT}",
            {"text": job.line, "model_id": THEIR_MODEL},
            spoken,
            model=MODEL,
            limit_bytes=self.film_limit_bytes,
            timeout_s=self.timeout_s,
        )
        storage.put_new(_key(job.generation_id), spoken)
        return f"spoken/{job.generation_id}/{job.cloned_voice}"

    def find(self, job_id: str) -> str | None:
        """Look for a line whose reply broke off in the history of its clone, which spoke no other.

        None where the account keeps no history, or nobody answers.
        """
        try:
            voice = self.clone_of(job_id)
            for turn in range(LOOKS if voice else 0):
                if turn:
                    wire.pause(LOOK_PAUSE_S)
                if voice and self._history(voice):
                    return f"history/{job_id}/{voice}"
        except (VendorSilent, NotSubmitted) as silent:
            logger.warning("a line cannot be looked for", because=silent.detail)
        return None

    def poll(self, reference: str) -> JobStatus:
        """Say that the sound is there: the reply was it, or the history has it."""
        where, _, voice = _parts(reference)
        if where == "history" and not self._history(voice):
            raise VendorSilent("ElevenLabs shows no such line in its history now")
        return JobStatus(reference, Phase.SUCCEEDED)

    def fetch(self, reference: str, to: Path) -> None:
        """Write the sound that was stored, or fetch it from the history."""
        where, generation_id, voice = _parts(reference)
        if where == "spoken":
            storage.fetch(_key(generation_id), to)
            return
        (item, *_) = self._history(voice) or [""]
        if not item:
            raise VendorSilent("ElevenLabs shows no such line in its history now")
        wire.receive(
            self._line(),
            f"v1/history/{item}/audio",
            to,
            limit_bytes=self.film_limit_bytes,
            timeout_s=self.timeout_s,
        )

    def cancel(self, reference: str) -> JobStatus:
        """Say that there is nothing to stop: what was ordered was spoken at once."""
        return JobStatus(reference, Phase.UNKNOWN, detail="spoken at once, and billed")

    def forget(self, reference: str) -> bool:
        """Delete our copy, and at ElevenLabs the clone and what it spoke; False without answer."""
        known = _REFERENCE.fullmatch(reference)
        if known is None:  # nothing was ordered, or nobody knows its name
            return False
        storage.delete(_key(known[2]))
        try:
            return self.delete("job", reference)
        except VendorSilent:
            return False

    def delete(self, kind: str, reference: str) -> bool:
        """Have ElevenLabs delete a voice, or all that a job left there. Raises VendorSilent."""
        if kind == "voice":
            self._ask("DELETE", f"v1/voices/{quote(reference, safe='')}")
            return True
        _, generation_id, voice = _parts(reference)
        for item in self._history(voice):
            self._ask("DELETE", f"v1/history/{item}")
        for clone in self._clones(generation_id):
            self._ask("DELETE", f"v1/voices/{clone}")
        return True

    def _clones(self, generation_id: str) -> list[str]:
        found = self._ask("GET", f"v2/voices?search={quote(generation_id)}&page_size=10")
        return [
            each["voice_id"]
            for each in _dicts(found.get("voices"))
            if each.get("name") == generation_id and _ID.fullmatch(str(each.get("voice_id")))
        ]

    def _history(self, voice: str) -> list[str]:
        found = self._ask("GET", f"v1/history?voice_id={quote(voice)}&page_size=10")
        items = (str(each.get("history_item_id")) for each in _dicts(found.get("history")))
        return [item for item in items if _ID.fullmatch(item)]

    def _ask(self, method: str, path: str) -> dict[str, Any]:
        return wire.ask(self._line(), method, path)

    def _proof(self, known: Mapping[str, str]) -> dict[str, str]:
        return {"xi-api-key": known["api_key"]}


def _key(generation_id: str) -> str:
    return f"generations/{generation_id}/spoken.mp3"


def _parts(reference: str) -> tuple[str, str, str]:
    known = _REFERENCE.fullmatch(reference)
    if known is None:
        raise VendorSilent(f"{wire.plain(reference)} is no line of ours at ElevenLabs")
    return known[1], known[2], known[3]


def _dicts(found: object) -> list[dict[str, Any]]:
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
