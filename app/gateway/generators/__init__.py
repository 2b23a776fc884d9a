"""What every generator promises the gateway, whoever runs it and wherever.

A generator is called outside any transaction, after the intent is committed. Its answers say
one thing above all: whether something was bought (see errors.py).
"""

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from app.gateway.generators.errors import MaybeSubmitted, NotSubmitted, ResultNotReady

__all__ = [
    "Capability",
    "Generator",
    "JobStatus",
    "MaybeSubmitted",
    "NotSubmitted",
    "Phase",
    "RenderJob",
    "ResultNotReady",
    "mismatches",
]


class Phase(enum.StrEnum):
    """Where a job stands. UNKNOWN: nobody can say; the hold stays until somebody can."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


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
    license_notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RenderJob:
    """One generation as a generator sees it. `generation_id` is the idempotency key.

    `references` are plaintext portraits in a private folder of the caller's, which must stay
    until the job has ended: a generator reads them, never moves or keeps them.
    """

    generation_id: str
    model: str
    line: str
    length_s: float
    width: int
    height: int
    references: tuple[Path, ...]


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


def mismatches(job: RenderJob, capability: Capability) -> list[str]:
    """List, in words, what `job` asks that `capability` does not offer; empty when all is offered.

    Ask before money is held: a generator refuses the same job later.
    """
    found = []
    shortest, longest = capability.seconds
    if not shortest <= job.length_s <= longest:
        found.append(f"{job.length_s:g} s is outside {shortest:g}-{longest:g} s")
    if (job.width, job.height) not in capability.sizes:
        offered = ", ".join(f"{w}x{h}" for w, h in sorted(capability.sizes))
        found.append(f"{job.width}x{job.height} is not among {offered}")
    fewest, most = capability.references
    if not fewest <= len(job.references) <= most:
        found.append(f"{len(job.references)} reference portraits are outside {fewest}-{most}")
    if len(job.line) > capability.line_limit:
        found.append(f"a line of {len(job.line)} characters is over {capability.line_limit}")
    return found
