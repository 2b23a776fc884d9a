"""Where in a film the hidden mark is: a strip of blocks, drawn on the server, and words. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import Any, NamedTuple

WIDTH, MOST_BLOCKS, MOST_LINES = 720, 120, 40
SHORTEST_S = 1.0


class Block(NamedTuple):
    """One block of the strip: what it shows, and where it stands, of `WIDTH`."""

    kind: str
    x: float
    width: float


class Stretch(NamedTuple):
    """Seconds of a film in a row that show the same."""

    kind: str
    start: str
    end: str


class Strip(NamedTuple):
    """A film as blocks of `seconds` each, and in words; `more`: stretches that are not listed.

    `until` is where it ends before the film does, else empty.
    """

    seconds: int
    blocks: list[Block]
    stretches: list[Stretch]
    more: int
    until: str


def strip(timeline: Mapping[str, Any] | None) -> Strip | None:
    """Lay out a film in blocks of a second, or of as many as make it at most 120 blocks.

    A block is of this work where half of it shows its mark, and of another work already where a
    second of it does: a foreign second is never painted over. Where marks are too many to be told
    it ends at the last one told: what comes after was not seen to be without. None where there is
    no film.
    """
    if timeline is None or min(timeline["length_s"], timeline["told_s"]) <= 0:
        return None
    length_s = min(timeline["length_s"], timeline["told_s"])
    until = clock(length_s) if length_s < timeline["length_s"] else ""
    seconds = ceil(length_s / MOST_BLOCKS)
    count = ceil(length_s / seconds)
    width = WIDTH / count
    blocks = [
        Block(
            _kind(timeline["spans"], at * seconds, min(length_s, (at + 1) * seconds)),
            round(at * width, 2),
            round(width, 2),
        )
        for at in range(count)
    ]
    stretches = list(_stretches(timeline["spans"], length_s))
    more = max(0, len(stretches) - MOST_LINES)
    return Strip(seconds, blocks, stretches[:MOST_LINES], more, until)


def _kind(spans: Sequence[Mapping[str, Any]], start_s: float, end_s: float) -> str:
    shown = {"ours": 0.0, "other": 0.0}
    for each in spans:
        shared = min(end_s, each["end_s"]) - max(start_s, each["start_s"])
        shown[_whose(each)] += max(0.0, shared)
    half = (end_s - start_s) / 2
    if shown["other"] >= min(half, SHORTEST_S):
        return "other"
    return "ours" if shown["ours"] >= half else "absent"


def _stretches(spans: Sequence[Mapping[str, Any]], length_s: float) -> Iterator[Stretch]:
    """Yield what was found, in order, and every gap of a second or more between."""
    seen_s = 0.0
    for each in sorted(spans, key=lambda span: span["start_s"]):
        if each["start_s"] - seen_s >= SHORTEST_S:
            yield Stretch("absent", clock(seen_s), clock(each["start_s"]))
        yield Stretch(_whose(each), clock(each["start_s"]), clock(each["end_s"]))
        seen_s = max(seen_s, each["end_s"])
    if length_s - seen_s >= SHORTEST_S:
        yield Stretch("absent", clock(seen_s), clock(length_s))


def _whose(span: Mapping[str, Any]) -> str:
    return "ours" if span["of_this_work"] else "other"


def clock(at_s: float) -> str:
    """Write a moment of a film as a player shows it: 1:05, 1:00:09."""
    minutes, seconds = divmod(round(at_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
