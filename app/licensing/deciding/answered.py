"""What the rules said of the same facts before, and from when until when it holds. Pure.

Rules are functions of facts: the same facts have the same answer. Only the instant differs each
time somebody asks, and rules do nothing with it but compare it with instants of the subjects. So
between two of those an answer cannot change, and is not reckoned again. What rules do with the
instant is read in the rules themselves (`instants_read`): where they do more, nothing is kept.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from threading import Lock
from typing import Any, Generic, TypeVar

MOST = 2048
COMPARISONS = frozenset({"<", "<=", ">", ">="})
NOW = {".": {"left": {"Var": "context"}, "attr": "at"}}
T = TypeVar("T")


def instants_read(meanings: Iterable[Mapping[str, Any]]) -> frozenset[str] | None:
    """Name the facts of subjects that rules (in Cedar's JSON) compare the instant with.

    None where a rule does anything else with it, or with the request's facts as a whole.
    """
    found = [each for meaning in meanings for each in _reads(meaning["conditions"])]
    return None if None in found else frozenset(each for each in found if each is not None)


def _reads(part: Any) -> Iterator[str | None]:
    if isinstance(part, list):
        for each in part:
            yield from _reads(each)
    if not isinstance(part, dict):
        return
    if part == NOW or part.get("Var") == "context":
        yield None
        return
    for name, held in part.items():
        if name in COMPARISONS and NOW in held.values():
            yield from (_of_subject(side) for side in held.values() if side != NOW)
        elif name == "." and held["left"] == NOW["."]["left"]:
            continue  # another fact of the request
        else:
            yield from _reads(held)


def _of_subject(side: Any) -> str | None:
    """Return the name of a subject's fact; None for anything else."""
    fact = side.get(".", {}) if isinstance(side, dict) else {}
    return fact["attr"] if fact.get("left") == {"Var": "resource"} else None


class Answered(Generic[T]):
    """Answers to the same facts, each with the span of instants in which it holds; the newest."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Any, tuple[float, float, T]] = OrderedDict()
        self._lock = Lock()

    def at(self, facts: Any, at: int) -> T | None:
        """Return what was said of these facts, where it holds at this instant too."""
        found = self._kept.get(facts)
        return found[2] if found and found[0] <= at < found[1] else None

    def keep(self, facts: Any, at: int, instants: Iterable[int], said: T) -> None:
        """Keep what was said at an instant, for as long as none of `instants` lies between."""
        edges = [edge for each in instants for edge in (each, each + 1)]  # < and <=, > and >=
        since = max((edge for edge in edges if edge <= at), default=float("-inf"))
        until = min((edge for edge in edges if edge > at), default=float("inf"))
        with self._lock:
            self._kept[facts] = (since, until, said)
            self._kept.move_to_end(facts)
            if len(self._kept) > MOST:
                self._kept.popitem(last=False)
