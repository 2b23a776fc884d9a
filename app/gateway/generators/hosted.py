"""What every vendor behind an interface of its own has in common; a connector says what differs.

A vendor's own class names itself, its host, the hosts of its downloads and its models, and has
`order`, `poll`, `fetch`, `cancel` and `forget`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from app.egress import Door
from app.gateway.generators import (
    Capability,
    JobStatus,
    RenderJob,
    credentials,
    mismatches,
    wire,
)
from app.gateway.generators.errors import OrderRefused

WIRE_CHECKED = "wire-checked, never live"


class Hosted(ABC):
    """The common part of a connector; `base`, `hosts` and `private` lead to a fake, for tests."""

    name: str  # as its credentials are kept
    called: str  # as people call it
    base: str
    hosts: tuple[str, ...] = ()
    models: tuple[Capability, ...]
    idempotent = rests = False
    poll_s = 5.0
    least_s = 0.0
    limit_s = 2 * 3600.0
    keeps_s = 24 * 3600.0
    film_limit_bytes, timeout_s = 512 << 20, 300.0

    def __init__(
        self,
        base: str | None = None,
        *,
        hosts: tuple[str, ...] | None = None,
        private: bool = False,
    ) -> None:
        self.base = self.base if base is None else base
        self.hosts = self.hosts if hosts is None else hosts
        self._private = private

    def configured(self) -> bool:
        """Say whether this installation has the vendor's credentials."""
        return credentials.are_there(self.name)

    def capabilities(self) -> tuple[Capability, ...]:
        """List its models that are offered here."""
        return self.models

    def submit(self, job: RenderJob) -> str:
        """Order the job, once, if its model does it; returns what the vendor calls it.

        Raises OrderRefused, VendorBusy (nothing was bought) and MaybeSubmitted.
        """
        capability = next((each for each in self.models if each.model == job.model), None)
        if capability is None:
            raise OrderRefused(f"{self.called} has no model {job.model[:80]} here")
        if found := mismatches(job, capability):
            raise OrderRefused(f"{job.model} does not do this: {'; '.join(found)}")
        return self.order(job)

    @abstractmethod
    def order(self, job: RenderJob) -> str:
        """Place the paid order of a job that the model does; raises as `submit`."""

    def find(self, job_id: str) -> str | None:
        """Say that the vendor lists no jobs by a word of ours: a person looks at its console."""
        return None

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> JobStatus | None:
        """Say that none is asked for: whatever says it is one is not believed."""
        return None

    def _line(self) -> wire.Line:
        """Return the line to the vendor's one host, with its credentials."""
        known = credentials.opened(self.name, "api_key")
        return wire.Line(self.called, Door(self.base, self._private), self._proof(known))

    def _proof(self, known: Mapping[str, str]) -> dict[str, str]:
        """Return the headers that prove who is calling."""
        return {"Authorization": f"Bearer {known['api_key']}"}

    def _download(self, link: object, to: Path) -> None:
        """Fetch a result by a link that the vendor named: its hosts only, no credentials."""
        wire.download(
            link,
            to,
            vendor=self.called,
            hosts=self.hosts,
            private=self._private,
            limit_bytes=self.film_limit_bytes,
            timeout_s=self.timeout_s,
        )
