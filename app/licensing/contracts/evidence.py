"""Whether the stored rows of a contract are the ones its parties made: one digest over all of them.

Pure, over plain columns: no session, no table classes. Every act writes an event that carries the
digest of all rows as it left them, sealed with this installation's `evidence` secret. A decision
reckons the digest again from what is stored and holds it against the newest event. What is sealed
is every document on the table or executed, each signature, and the public key that made it.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from app.licensing.document.local_days import micros

Row = Mapping[str, Any]
# The columns in the order in which they are read. A column that is not here is not relied on.
CONTRACT = (
    *("id", "series_id", "version", "round", "performer_id", "licensee_id"),
    *("author_id", "author_side", "counters_id", "document_sha256", "ends_at", "created_at"),
    *("offered_at", "expires_at", "first_signed_at", "declined_at", "retracted_at", "replaced_at"),
    *("executed_at", "effective_at", "superseded_at", "suspended_at", "withdrawn_at"),
)
SIGNATURE = (
    *("id", "contract_id", "role", "organization_id", "signing_key_id", "jws", "signed_at"),
)
KEY = ("id", "organization_id", "public_jwk")
EVENT = (
    *("id", "series_id", "number", "contract_id", "act", "actor", "organization_id"),
    *("api_key_id", "at", "note", "previous_sha256"),
)


def digest(
    event: Row, contracts: Iterable[Row], signatures: Iterable[Row], keys: Iterable[Row]
) -> str:
    """Return the SHA-256 of an event and of everything that stood after it, in hex.

    `contracts`: the documents of one series that were offered and not replaced; `signatures` and
    `keys`: theirs. The order in which rows come does not matter.
    """
    parts = [
        [_plain(event[name]) for name in EVENT],
        *(_table(rows, names) for rows, names in (
            (contracts, CONTRACT), (signatures, SIGNATURE), (keys, KEY)
        )),
    ]  # fmt: skip
    text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def seal(secret: bytes, evidence_sha256: str) -> str:
    """Bind a digest to this installation: HMAC-SHA256, in hex."""
    return hmac.new(secret, evidence_sha256.encode(), "sha256").hexdigest()


def holds(
    secret: bytes,
    event: Row | None,
    contracts: Iterable[Row],
    signatures: Iterable[Row],
    keys: Iterable[Row],
) -> bool:
    """Say whether the rows are those the newest event left; without an event nothing holds."""
    if event is None:
        return False
    found = digest(event, contracts, signatures, keys)
    sealed = seal(secret, found)
    return hmac.compare_digest(sealed, event["seal"]) and found == event["evidence_sha256"]


def _table(rows: Iterable[Row], names: tuple[str, ...]) -> list[list[Any]]:
    return sorted([_plain(row[name]) for name in names] for row in rows)


def _plain(value: Any) -> Any:
    return micros(value) if isinstance(value, datetime) else value
