"""What every generator promises the gateway, whoever runs it and wherever.

A generator is called outside any transaction, after the intent is committed. Its answers say
one thing above all: whether something was bought (see errors.py).
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from app.gateway.generators.errors import MaybeSubmitted, NotSubmitted, ResultNotReady

__all__ = [
    "Attestation",
    "Capability",
    "Clones",
    "Connector",
    "Deletes",
    "Generator",
    "JobStatus",
    "MaybeSubmitted",
    "NotSubmitted",
    "Phase",
    "Price",
    "RenderJob",
    "ResultNotReady",
    "mismatches",
]


MATERIAL_ROLES = ("first_frame", "footage", "driving", "voice")


class Phase(enum.StrEnum):
    """Where a job stands. UNKNOWN: nobody can say; the hold stays until somebody can."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Price:
    """What the vendor asks, as a list or a document said on a day; what it bills may differ."""

    unit: Literal["second", "image", "film", "1000 characters"]
    amount: str  # a decimal, per unit
    currency: str
    read_on: date
    source: str


@dataclass(frozen=True)
class Attestation:
    """Whether the vendor learns from what it is given, by which document, read on which day.

    Without a document nobody attests anything, and the model counts as one that learns.
    """

    trains_on_inputs: bool
    document: str
    read_on: date | None


NEVER_LEFT = Attestation(False, "Inputs do not leave this installation.", None)
UNATTESTED = Attestation(True, "", None)


@dataclass(frozen=True)
class Capability:
    """What one model of a generator can do, and on whose terms."""

    model: str  # "local/puppet-1"
    output: Literal["video", "audio", "image"]
    seconds: tuple[float, float]  # shortest and longest clip, inclusive
    sizes: frozenset[tuple[int, int]]  # (width, height) in pixels
    references: tuple[int, int]  # fewest and most reference portraits
    line_limit: int  # most characters in the spoken line
    audio: bool
    lip_sync: bool  # the mouth follows the words, not just the sound
    takes: tuple[str, ...] = ()  # roles of materials: first_frame, footage, driving, voice
    needs: tuple[str, ...] = ()  # of those, the ones without which it renders nothing
    follows: tuple[str, ...] = ()  # of those, the ones whose length and shape the result has
    license_notes: tuple[str, ...] = ()
    reference_kinds: tuple[str, ...] = ("portrait",)
    price: Price | None = None  # None: nothing is bought, or the operator states it
    attestation: Attestation = UNATTESTED
    inbound_provenance: str = "none"  # what the vendor writes into its files
    deletion: str = ""  # the vendor's call that deletes inputs and result
    retires_on: date | None = None
    lengths_s: tuple[float, ...] = ()  # the only ones there are; empty: any in between
    evidence: str = ""  # what is known of it working


@dataclass(frozen=True)
class RenderJob:
    """One generation as a generator sees it. `generation_id` is the idempotency key.

    `references` are plaintext portraits in a private folder of the caller's, which must stay
    until the job has ended: a generator reads them, never moves or keeps them. So are materials:
    the picture to begin with, the shot to alter, the performance to transfer, the voice to speak.
    """

    generation_id: str
    model: str
    line: str
    length_s: float
    width: int
    height: int
    references: tuple[Path, ...]
    first_frame: Path | None = None
    footage: Path | None = None
    driving: Path | None = None
    voice: Path | None = None
    cloned_voice: str = ""  # the vendor's name of the clone made for this job


@dataclass(frozen=True)
class JobStatus:
    """What is known about a job now. `reason` is a stable code, `detail` is for people."""

    reference: str
    phase: Phase
    progress: float | None = None  # 0..1 while running
    reason: str | None = None
    detail: str = ""


@runtime_checkable
class Generator(Protocol):
    """The one gate to a rendering system.

    `submit` returns a reference that survives a restart of the caller. It raises NotSubmitted
    when certainly nothing was bought and MaybeSubmitted when nobody can tell.
    `fetch` writes the whole result to `to`, or raises and leaves `to` as it was.
    `forget` deletes what the generator keeps of a job that has been fetched or given up; False
    when it cannot, or not yet.
    """

    name: str

    def capabilities(self) -> tuple[Capability, ...]: ...
    def submit(self, job: RenderJob) -> str: ...
    def poll(self, reference: str) -> JobStatus: ...
    def fetch(self, reference: str, to: Path) -> None: ...
    def cancel(self, reference: str) -> JobStatus: ...
    def forget(self, reference: str) -> bool: ...


@runtime_checkable
class Connector(Generator, Protocol):
    """A generator of a vendor's: each job costs money, and a reply can be lost on the way.

    `idempotent`: submitting the same job again is the same job there. Where it is not, a job whose
    reply was lost is looked for (`find`, None where the vendor offers no way), never sent again.
    `poll_s` is how often a job is asked about, `least_s` the least time that the vendor wants
    between two questions on one job, `limit_s` how long a job may run, `keeps_s` how long the
    vendor keeps a result: as long it is asked for, however bad the connection. `poll`, `fetch` and
    `cancel` raise VendorSilent where there was no usable answer.
    No worker waits for a job; its story rests. `rests`: nobody asks either, for whoever renders
    comes to us.
    `parse_webhook` believes nothing it cannot verify; None: not the vendor's.
    """

    idempotent: bool
    rests: bool
    poll_s: float
    least_s: float
    limit_s: float
    keeps_s: float

    def configured(self) -> bool: ...
    def find(self, job_id: str) -> str | None: ...
    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> JobStatus | None: ...


@runtime_checkable
class Deletes(Protocol):
    """A vendor that deletes, when asked, what it was sent: a job, a voice, an upload.

    `delete` is True once the vendor confirmed it, False where there is no call for such a kind.
    Raises VendorSilent without a usable answer, also where the vendor knows no such thing (404).
    """

    def delete(self, kind: str, reference: str) -> bool: ...


@runtime_checkable
class Clones(Protocol):
    """A vendor that speaks with a clone of a voice, made of a job's recording for that job alone.

    `clone` makes it under the generation's name and raises as `submit` does; `clone_of` looks for
    one whose reply was lost, and raises VendorSilent.
    """

    def clone(self, job: RenderJob) -> str: ...
    def clone_of(self, generation_id: str) -> str | None: ...


def mismatches(job: RenderJob, capability: Capability) -> list[str]:
    """List, in words, what `job` asks that `capability` does not offer; empty when all is offered.

    Ask before money is held: a generator refuses the same job later.
    """
    found = []
    shortest, longest = capability.seconds
    if longest == 0 and job.length_s:
        found.append("it makes pictures, which have no length: leave it out")
    elif not shortest <= job.length_s <= longest:
        found.append(f"{job.length_s:g} s is outside {shortest:g}-{longest:g} s")
    elif capability.lengths_s and job.length_s not in capability.lengths_s:
        only = ", ".join(f"{each:g}" for each in capability.lengths_s)
        found.append(f"{job.length_s:g} s is none of {only} s")
    if capability.output != "audio" and (job.width, job.height) not in capability.sizes:
        offered = ", ".join(f"{w}x{h}" for w, h in sorted(capability.sizes))
        found.append(f"{job.width}x{job.height} is not among {offered}")
    fewest, most = capability.references
    if most == 0 and job.references:
        found.append("it takes no portrait, so nobody's replica can be in what it makes")
    elif not fewest <= len(job.references) <= most:
        found.append(f"{len(job.references)} reference portraits are outside {fewest}-{most}")
    given = [role for role in MATERIAL_ROLES if getattr(job, role) is not None]
    found += [f"it takes no {role}" for role in given if role not in capability.takes]
    found += [f"it needs a material as {role}" for role in capability.needs if role not in given]
    if len(job.line) > capability.line_limit:
        found.append(f"a line of {len(job.line)} characters is over {capability.line_limit}")
    return found
