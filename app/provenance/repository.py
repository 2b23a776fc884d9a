"""Where a file's traces lead: to the records of this installation, or to what a bundle holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlmodel import Session

from app.provenance import service, softbinding
from app.provenance.models import SignedManifest


class Repository(Protocol):
    """What verification looks up; it needs no more than this of whoever keeps the records."""

    def by_file(self, file_sha256: str) -> SignedManifest | None: ...
    def by_traces(self, labels: Sequence[str], ids: Sequence[str]) -> SignedManifest | None: ...
    def by_payload(self, payload_hex: str) -> SignedManifest | None: ...
    def fingerprint_of(self, kept: SignedManifest) -> Mapping[str, Any] | None: ...
    def nearest(
        self, fingerprint: Mapping[str, Any], apart_from: str | None
    ) -> tuple[SignedManifest, float] | None: ...


@dataclass(frozen=True)
class Recorded:
    """The manifest repository of this installation."""

    session: Session

    def by_file(self, file_sha256: str) -> SignedManifest | None:
        return service.by_file(self.session, file_sha256)

    def by_traces(self, labels: Sequence[str], ids: Sequence[str]) -> SignedManifest | None:
        return service.by_traces(self.session, labels=list(labels), generation_ids=list(ids))

    def by_payload(self, payload_hex: str) -> SignedManifest | None:
        return softbinding.by_payload(self.session, payload_hex)

    def fingerprint_of(self, kept: SignedManifest) -> Mapping[str, Any] | None:
        return softbinding.fingerprint_of(self.session, kept)

    def nearest(
        self, fingerprint: Mapping[str, Any], apart_from: str | None
    ) -> tuple[SignedManifest, float] | None:
        return softbinding.nearest(self.session, fingerprint, apart_from=apart_from)
