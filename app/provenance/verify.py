"""Findings about a file that came from anywhere: numbered steps, each of which says its own thing.

No verdict is given here (`app.audit.verdict`). Everything that parses the file runs in a sandboxed
child; this side hashes bytes and looks things up.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import structlog
from pydantic import BaseModel, Field, ValidationError

from app import sandbox
from app.provenance import fingerprint as prints
from app.provenance import revocation
from app.provenance.certificate_files import Revocation
from app.provenance.models import SignedManifest
from app.provenance.repository import Repository

logger = structlog.get_logger()

CREDENTIALS_LIMITS = {"wall_s": 60, "cpu_s": 60, "memory_bytes": 2 << 30}
CONTENT_LIMITS = {"wall_s": 180, "cpu_s": 300, "memory_bytes": 3 << 30}

WholeFile = Literal["released", "differs", "not-on-record"]
MayTell = Callable[[Mapping[str, Any] | None, Path], bool]  # of a file and its fingerprint
Mark = Literal["ours", "unrecorded", "absent", "unsearched", "no-key"]


class _Signer(BaseModel):
    organization: str | None
    name: str | None
    serial: Annotated[str, Field(pattern=r"^[0-9]+$")] | None
    in_force: bool


class _Claims(BaseModel):
    """What the child said of the credentials; it may have been taken over, so it is checked."""

    state: Literal["absent", "unparsable", "invalid", "valid"]
    codes: list[str] = []
    signer_ours: bool = False
    listed: bool | None = None
    signer: _Signer | None = None
    time_trusted: bool = False
    signed_at: str | None = None
    label: str | None = None
    generation_id: str | None = None


class _Remains(BaseModel):
    labels: list[str] = []
    generation_ids: list[str] = []


class _MarkSeen(BaseModel):
    payload: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    false_positive_log10: float
    epoch: Annotated[int, Field(ge=0)] = 0  # not told


_Second = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]


class _Span(BaseModel):
    payload: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    start_s: _Second
    end_s: _Second


class Content(BaseModel):
    """What the child said of pictures and sound."""

    readable: bool
    reason: str = ""
    medium: Literal["image", "video", "audio"] | None = None
    searched: bool
    marks: Annotated[list[_MarkSeen], Field(max_length=1000)] = []
    fingerprint: prints.Fingerprint | None = None
    parts: Annotated[list[prints.Part], Field(max_length=4)] = []
    spans: Annotated[list[_Span], Field(max_length=1000)] = []
    length_s: _Second | None = None
    told_s: _Second | None = None

    def agreement(self, known: Mapping[str, Any] | None) -> prints.Agreement | None:
        """Say whether it is the content of a known fingerprint; None: nothing to compare."""
        if self.fingerprint is None or known is None:
            return None
        parts = [part.model_dump(mode="json") for part in self.parts]
        return prints.agreement(self.fingerprint.model_dump(mode="json"), dict(known), parts)


@dataclass(frozen=True)
class Manifest:
    """Which of our manifests the findings are about, and what led to it."""

    id: str
    generation_id: str
    signed_at: str
    found_by: Literal["file", "credentials", "remains", "watermark"]
    file_sha256: str


@dataclass(frozen=True)
class MarkedSpan:
    """A stretch of a film that shows one mark, in seconds; `of_this_work`: the work it is about."""

    payload: str
    start_s: float
    end_s: float
    of_this_work: bool


@dataclass(frozen=True)
class Timeline:
    """Where in a film the marks of this installation are; elsewhere none was found.

    Nothing is said of what comes after `told_s`, which is its end but where marks are too many.
    """

    length_s: float
    told_s: float
    spans: list[MarkedSpan]


@dataclass(frozen=True)
class Findings:
    """What each step found; plain values, ready for JSON."""

    sha256: str
    size_bytes: int
    # 1. integrity by hard binding, 2. the signer, 3. time and revocation
    credentials: str  # absent, unparsable, invalid, valid
    credential_codes: list[str]
    signer_ours: bool
    signer: dict[str, Any] | None
    signed_at: str | None
    time_trusted: bool
    revocation: revocation.State  # of the signer's certificate, when it signed
    # 4. what is left of a manifest that no longer reads
    remains: bool
    # 5. the whole file
    whole_file: WholeFile
    # 6. pictures and sound
    readable: bool
    unreadable_reason: str
    medium: str | None
    # 7. the watermark
    mark: Mark
    payloads: list[str]
    # 8. the content
    content: str | None  # same, other, unsure; None: nothing to compare
    similarity: float | None
    sound_similarity: float | None
    resembles: str | None  # another output of ours it is like
    resemblance: float | None
    # 9. the manifest it comes down to
    manifest: Manifest | None = field(default=None)
    # 2, again: somebody else's signer on the list that was given; None: no list, or we signed
    signer_listed: bool | None = None
    # 7, again: where in a film which mark is, in order; None: no film, or not looked for
    timeline: Timeline | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the findings as a JSON object."""
        return asdict(self)


def freely(_fingerprint: Mapping[str, Any] | None, _path: Path) -> bool:
    """Tell whoever asks whether there is a mark: for who holds the key anyway."""
    return True


def verify(
    repository: Repository,
    path: Path,
    *,
    claim_root_pem: str,
    tsa_root_pem: str,
    watermark_keys: Mapping[int, bytes],
    revocations: Mapping[int, Revocation],
    trust_list_pem: str = "",
    may_tell: MayTell = freely,
) -> Findings:
    """Find out what a file proves. Never raises over the file's bytes; a broken file is a finding.

    Without the watermark's keys (by epoch, in the order they are tried), which no installation
    gives away, the mark is not looked for; where `may_tell` says no, whether there is one is not
    told.
    Raises SandboxUnavailable where untrusted media may not be read at all.
    """
    digest, size_bytes = _measure(path)
    # 1-3. Hard binding, signer, time and revocation, from the credentials inside the file.
    roots = {
        "claim_root_pem": claim_root_pem,
        "tsa_root_pem": tsa_root_pem,
        "trust_list_pem": trust_list_pem,
    }
    claims = _read_claims(path, roots)
    # 4. What the bytes still spell, should the credentials not read.
    remains = _find_remains(path)
    # 6. Whether pictures and sound can be read; 7. the watermark in them.
    content = told(read_content(path, watermark_keys), path, may_tell)
    # 5. The whole file, byte for byte, against what was handed out.
    released = repository.by_file(digest)
    named = released or _named(repository, claims, remains)
    payloads = [mark.payload for mark in content.marks]
    marked = _marked(repository, payloads)
    # 8. Whether the content is that of the manifest it names, or of another output.
    subject = named or marked
    compared = _compare(repository, content, subject)
    return Findings(
        sha256=digest,
        size_bytes=size_bytes,
        credentials=claims.state,
        credential_codes=claims.codes,
        signer_ours=claims.signer_ours,
        signer_listed=claims.listed,
        signer=claims.signer.model_dump() if claims.signer else None,
        signed_at=claims.signed_at,
        time_trusted=claims.time_trusted,
        revocation=revocation.of(claims.model_dump(), revocations),
        remains=named is not None and claims.state != "valid",
        whole_file="released" if released else "differs" if named else "not-on-record",
        readable=content.readable,
        unreadable_reason=content.reason,
        medium=content.medium,
        mark="no-key" if not watermark_keys else _mark(content, marked),
        payloads=payloads,
        timeline=_timeline(repository, content, subject),
        **compared,
        # 9. The manifest it all comes down to.
        manifest=_manifest(subject, released, named, claims),
    )


def _measure(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size


def _ask(
    path: Path, function: str, args: Mapping[str, Any], limits: Mapping[str, int]
) -> dict[str, Any] | None:
    """Call a function on the file in a child; None when the file broke the child."""
    try:
        return sandbox.run(
            function,
            {"path": str(path.resolve()), **args},
            wall_s=limits["wall_s"],
            cpu_s=limits["cpu_s"],
            memory_bytes=limits["memory_bytes"],
            reads=[path],
        )
    except (sandbox.SandboxTimeout, sandbox.SandboxMemory, sandbox.SandboxCrashed):
        return None


def _read_claims(path: Path, roots: Mapping[str, Any]) -> _Claims:
    answer = _ask(path, "app.provenance.credentials:read_credentials", roots, CREDENTIALS_LIMITS)
    try:
        return _Claims.model_validate(answer)
    except ValidationError:
        return _Claims(state="unparsable")


def _find_remains(path: Path) -> _Remains:
    answer = _ask(path, "app.provenance.credentials:find_remains", {}, CREDENTIALS_LIMITS)
    try:
        return _Remains.model_validate(answer)
    except ValidationError:
        return _Remains()


def read_content(path: Path, watermark_keys: Mapping[int, bytes]) -> Content:
    """Read pictures and sound; when looking for the mark breaks the child, once more without.

    Without keys the mark is not looked for. Raises SandboxUnavailable.
    """
    function = "app.provenance.content:read_content"
    known = {str(epoch): key.hex() for epoch, key in watermark_keys.items()}
    for given in (known, {}) if known else ({},):
        answer = _ask(path, function, {"watermark_keys_hex": given}, CONTENT_LIMITS)
        try:
            content = Content.model_validate(answer)
        except ValidationError:
            continue
        for mark in content.marks:  # whose epoch it was is for the operator alone
            logger.info("a mark was read", subject=mark.payload, epoch=mark.epoch)
        return content
    return Content(
        readable=False,
        searched=False,
        reason="it breaks whatever reads it, or takes more time or memory than it may",
    )


def told(content: Content, path: Path, may_tell: MayTell) -> Content:
    """What was said of pictures and sound, without the mark where that may not be told."""
    seen = content.fingerprint.model_dump(mode="json") if content.fingerprint else None
    if may_tell(seen, path):
        return content
    return content.model_copy(update={"searched": False, "marks": [], "parts": [], "spans": []})


def _named(repository: Repository, claims: _Claims, remains: _Remains) -> SignedManifest | None:
    """Our manifest that the file itself names.

    Valid credentials count only under our root: anybody may sign our names with another key.
    Where credentials are broken or gone, whatever they still spell counts: such a file is never
    more than altered.
    """
    if claims.state == "valid":
        if not claims.signer_ours:
            return None
        return repository.by_traces([str(claims.label)], [])
    spelled = [value for value in (claims.label, claims.generation_id) if value]
    if spelled:
        return repository.by_traces(spelled, spelled)
    return repository.by_traces(remains.labels, remains.generation_ids)


def _marked(repository: Repository, payloads: list[str]) -> SignedManifest | None:
    for payload in payloads:
        found = repository.by_payload(payload)
        if found is not None:
            return found
    return None


def _mark(content: Content, marked: SignedManifest | None) -> Mark:
    if marked is not None:
        return "ours"
    if content.marks:
        return "unrecorded"
    return "absent" if content.searched else "unsearched"


def _timeline(
    repository: Repository, content: Content, subject: SignedManifest | None
) -> Timeline | None:
    """Say where in a film which mark is; a mark is of this work where it names the subject."""
    if content.length_s is None or content.told_s is None or not content.searched:
        return None
    known = {mark.payload: repository.by_payload(mark.payload) for mark in content.marks}
    about = subject.id if subject else None
    return Timeline(
        content.length_s,
        content.told_s,
        [
            MarkedSpan(
                each.payload,
                each.start_s,
                each.end_s,
                (found := known.get(each.payload)) is not None and found.id == about,
            )
            for each in content.spans
        ],
    )


def _compare(
    repository: Repository, seen: Content, subject: SignedManifest | None
) -> dict[str, Any]:
    """Compare with the output it claims to be; where that fails, with every other one."""
    agreed = seen.agreement(repository.fingerprint_of(subject)) if subject else None
    other = None
    if seen.fingerprint and (agreed is None or agreed.content != "same"):
        known = subject.id if subject else None
        other = repository.nearest(seen.fingerprint.model_dump(mode="json"), known)
    return {
        "content": agreed.content if agreed else None,
        "similarity": _rounded(agreed.picture) if agreed else None,
        "sound_similarity": _rounded(agreed.sound) if agreed else None,
        "resembles": other[0].generation_id if other else None,
        "resemblance": _rounded(other[1]) if other else None,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _manifest(
    subject: SignedManifest | None,
    released: SignedManifest | None,
    named: SignedManifest | None,
    claims: _Claims,
) -> Manifest | None:
    if subject is None:
        return None
    if released is not None:
        found_by: Any = "file"
    elif named is None:
        found_by = "watermark"
    else:
        found_by = "credentials" if claims.label else "remains"
    return Manifest(
        id=subject.id,
        generation_id=subject.generation_id,
        signed_at=subject.signed_at.isoformat(),
        found_by=found_by,
        file_sha256=subject.file_sha256,
    )
