"""Signed answers about consent, kept for as long as they hold: one signature serves many."""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from app import keys
from app.licensing.boundaries.preferences import key_id
from app.licensing.status import statements

PURPOSE = "status"  # of the key that signs both forms
MOST_KEPT = 4096


@dataclass(frozen=True)
class Signed:
    """A signed answer, and until when it may be handed out again."""

    text: str
    until: datetime
    about: Hashable  # what it rests on: something else takes another signature

    @property
    def etag(self) -> str:
        """A name for exactly this answer (RFC 9110)."""
        return f'"{sha256(self.text.encode()).hexdigest()[:32]}"'


_kept: OrderedDict[str, Signed] = OrderedDict()
_lock = threading.Lock()


def kept(name: str, about: Hashable, at: datetime) -> Signed | None:
    """Return the answer signed before under this name, while it holds and rests on the same."""
    with _lock:
        found = _kept.get(name)
    return found if found is not None and found.about == about and found.until > at else None


def sign(
    name: str, said: Mapping[str, Any], kind: str, *, about: Hashable, until: datetime
) -> Signed:
    """Sign an answer and keep it under its name; the oldest kept make room."""
    text = statements.signed(
        said, lambda data: keys.sign(PURPOSE, data), kind=kind, key_id=key_id(PURPOSE)
    )
    answer = Signed(text, until, about)
    with _lock:
        _kept[name] = answer
        _kept.move_to_end(name)
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return answer


def forget() -> None:
    """Forget every answer, as a new process does."""
    with _lock:
        _kept.clear()
