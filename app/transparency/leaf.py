"""What a leaf says: that something of a kind happened at a moment, under a salted commitment.

Pure, without I/O. The entry in the log is canonical JSON (RFC 8785) `{at, commitment, kind, v}`.
The commitment is HMAC-SHA256 under a salt of 128 random bits over the canonical statement
`{at, kind, payload, subject, v}`. Whoever has salt, subject and payload can open it; once the salt
is erased, the leaf says nothing that its kind and moment do not.
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import rfc8785

from app import canonical
from app.transparency.errors import LeafRefused, ProofRefused

VERSION = 1
SALT_SIZE_BYTES = 16
_SUBJECT = re.compile(r"[A-Za-z0-9_.:-]{1,128}", re.ASCII)  # our ids and digests; never a name


class LeafKind(StrEnum):
    """Everything that enters the log; a new kind is a new promise to the public."""

    CONTRACT_EXECUTED = "contract-executed"
    CONTRACT_AMENDED = "contract-amended"
    CONTRACT_SUSPENDED = "contract-suspended"
    CONTRACT_RESUMED = "contract-resumed"
    CONSENT_WITHDRAWN = "consent-withdrawn"
    STRIKE_SWITCHED = "strike-switched"
    DISCLOSURE_GRANTED = "disclosure-granted"
    DISCLOSURE_REVOKED = "disclosure-revoked"
    CASE_OPENED = "case-opened"
    CASE_CLOSED = "case-closed"
    MANDATE_GRANTED = "mandate-granted"
    MANDATE_REVOKED = "mandate-revoked"
    DEATH_RECORDED = "death-recorded"
    DEATH_TAKEN_BACK = "death-taken-back"
    TWOFOLD_AGREED = "twofold-agreed"
    TWOFOLD_REFUSED = "twofold-refused"
    DECISION = "decision"
    OUTPUT_RELEASED = "output-released"
    JOURNAL_ENTRY = "journal-entry"
    PERIOD_CLOSED = "period-closed"
    KEY_ROTATED = "key-rotated"
    POLICY_PUBLISHED = "policy-published"
    AUDIT_SEGMENT = "audit-segment"
    DATABASE_ANCHORED = "database-anchored"


KINDS = frozenset(kind.value for kind in LeafKind)
_ENTRY = re.compile(
    rb'{"at":"(?P<at>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z)",'
    rb'"commitment":"(?P<digest>[0-9a-f]{64})","kind":"(?P<kind>[a-z-]{1,40})","v":1}'
)


@dataclass(frozen=True)
class Leaf:
    """One entry of the log, read."""

    kind: LeafKind
    at: str
    commitment: str  # 64 hexadecimal digits

    @property
    def entry(self) -> bytes:
        """Return the bytes that enter the log."""
        # Names and digits of ours, which no JSON spells in another way.
        return b'{"at":"%b","commitment":"%b","kind":"%b","v":%d}' % (
            self.at.encode(),
            self.commitment.encode(),
            self.kind.value.encode(),
            VERSION,
        )


def make_leaf(
    kind: str, subject_id: str, payload: Mapping[str, Any], *, at: datetime, salt: bytes
) -> Leaf:
    """Return the leaf that commits to the payload. Raises LeafRefused.

    Payloads are JSON of strings, booleans, null and integers below 2**53; amounts are minor units.
    """
    if kind not in KINDS:
        raise LeafRefused(f"{kind!r} is no kind of leaf; the kinds are {', '.join(sorted(KINDS))}")
    if not _SUBJECT.fullmatch(subject_id):
        raise LeafRefused("a subject is one of our ids or a digest, of letters, digits and _.:-")
    if len(salt) != SALT_SIZE_BYTES:
        raise LeafRefused(f"a salt has {SALT_SIZE_BYTES} random bytes")
    moment = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Leaf(LeafKind(kind), moment, _commit(kind, moment, subject_id, payload, salt))


def parse_leaf(entry: bytes) -> Leaf:
    """Read an entry of the log; exactly the canonical spelling is accepted. Raises LeafRefused."""
    found = _ENTRY.fullmatch(entry)
    if found is None or found["kind"].decode() not in KINDS:
        raise LeafRefused("the entry is no leaf of version 1")
    return Leaf(LeafKind(found["kind"].decode()), found["at"].decode(), found["digest"].decode())


def open_leaf(entry: bytes, subject_id: str, payload: Mapping[str, Any], *, salt: bytes) -> Leaf:
    """Prove that the entry commits to this subject and payload, or raise ProofRefused."""
    leaf = parse_leaf(entry)
    expected = _commit(leaf.kind.value, leaf.at, subject_id, payload, salt)
    if not hmac.compare_digest(expected, leaf.commitment):
        raise ProofRefused(f"the leaf of {leaf.at} commits to something else than {subject_id}")
    return leaf


def _commit(kind: str, at: str, subject_id: str, payload: Mapping[str, Any], salt: bytes) -> str:
    # Beside the payload these are names and digits of ours, which no JSON spells in another way.
    statement = b'{"at":"%b","kind":"%b","payload":%b,"subject":"%b","v":%d}' % (
        at.encode(),
        kind.encode(),
        _canonical(dict(payload)),
        subject_id.encode(),
        VERSION,
    )
    return hmac.new(salt, statement, "sha256").hexdigest()


def _canonical(value: dict[str, Any]) -> bytes:
    try:
        return canonical.of_texts(value) if canonical.is_of_texts(value) else rfc8785.dumps(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise LeafRefused(f"the payload has no canonical JSON: {error}") from None
