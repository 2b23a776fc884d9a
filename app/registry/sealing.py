"""Whether a performer's row is the one this program wrote: who speaks for them, and their pause.

A decision relies on these columns: a pause edited away, or another desk or agent written in, would
widen what is permitted. Whoever has the database alone cannot make a seal for a row that never was.
"""

import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

COLUMNS = ("performer_id", "desk_id", "desk_kind", "agent_id", "paused_at")


def seal(secret: bytes, row: Mapping[str, Any]) -> str:
    """Bind `COLUMNS` to this installation by its `evidence` secret: HMAC-SHA256, in hex."""
    parts = ["performer", *(_plain(row[name]) for name in COLUMNS)]
    text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
    return hmac.digest(secret, text.encode(), "sha256").hex()


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
