"""Where in a film which mark is: average the frames of a stretch, read it, mark its extent.

The pattern stands still, so the residuals of frames add up while the film behind them changes.
Frames, as far apart in time whatever their kind, are gathered in steps of half a second; a stretch
of steps is read as one picture; with the payload known, each step's agreement with its codeword
tells where the mark begins and ends. What is left is read again shot by shot.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from watermark import film, mask, reading, sampling
from watermark import payload as message
from watermark.arrays import Floats, Integers, View
from watermark.errors import UnreadableMedia

TRIES = (8, 128)  # messages, as in `image`, in the first forty seconds
LATER_TRIES = (1, 16)  # a film of three hours is decoded 70 000 times
_STEP_S = 0.5
_LOOKS_PER_STEP = 4  # frames looked at in a step, beside key frames, at least,
_LOOKS = 100  # and in a short film as many as make this together, or,
_EVERY = 150  # if it has no more frames than this, each
_THOROUGH = 1.5  # times as many with thorough effort
_CHUNK_STEPS = 80
_PIECE_STEPS = 16  # read on their own with thorough effort
_WORKING_PIXELS = 0.55e6
_CUT = 12.0
_PRESENT = 4.0  # agreement of a step with a known codeword, in deviations
_KEY_WEIGHT = 3.0  # of key frames' noise in a sum over that of all others
_SHORTEST_STEPS = 2  # a stretch shorter than this is not read on its own


Region = tuple[int, int, int, int]
Span = tuple[bytes, float, float, Region]  # a payload, its first and last second, and where


@dataclass(frozen=True)
class Detection:
    """A payload that was read between two instants of a film, in seconds.

    `false_positive_log10` bounds the chance that an unmarked film yields any payload; `region` is
    the box that shows the mark, in pixels of a frame: left, top, width, height; `key_index` says
    which of the keys found it, 0 for the first.
    """

    payload: bytes
    start_s: float
    end_s: float
    false_positive_log10: float
    region: Region
    key_index: int = 0


@dataclass
class Step:
    """Half a second of film: the sum of its frames' residuals and whether a shot begins.

    `whole` is the same sum over frames that were coded without regard to others.
    """

    start_s: float
    end_s: float
    total: Floats
    looks: int = 0
    cut: bool = False
    whole: Floats | None = None
    whole_looks: int = 0


def find(src: Path, keys: Sequence[bytes], *, thorough: bool) -> list[Detection]:
    """All marks of these keys in a film, as a timeline: it is decoded once, and read with each.

    If some of it shows a mark and some does not, it is decoded again and each frame looked at.
    """
    with film.opened(src) as source:
        track = film.picture_track(source)
        size, limit = (track.height, track.width), message.limit(keys)
        searches = [_Search(key, thorough, size, limit) for key in keys]
        apart_s = _apart(source, track) / (_THOROUGH if thorough else 1)
        shown = _explain(searches, _steps(source, track, apart_s, whole=thorough))
    if apart_s and any(search.found for search in searches) and _gaps(searches, *shown):
        with film.opened(src) as source:
            _explain(searches, _steps(source, film.picture_track(source), 0, whole=True))
    bound = message.log10_false_positive(sum(search.reader.attempts for search in searches))
    found = [
        Detection(payload, start_s, end_s, bound, region, index)
        for index, search in enumerate(searches)
        for payload, start_s, end_s, region in search.timeline()
    ]
    return sorted(found, key=lambda one: one.start_s)


def _apart(source: Any, track: Any) -> float:
    """How many seconds apart, about, frames are looked at; 0 for each frame of a short film."""
    length_s = (source.duration or 0) / av.time_base  # none where the file does not say
    if not length_s:
        return _STEP_S / _LOOKS_PER_STEP
    if length_s * float(track.average_rate or track.guessed_rate or 25) <= _EVERY:
        return 0
    return min(_STEP_S / _LOOKS_PER_STEP, length_s / _LOOKS)


def _explain(searches: list["_Search"], steps: Iterator[Step]) -> tuple[float, float]:
    """Find every mark in a film, which begins and ends at the instants returned."""
    chunk: list[Step] = []
    start_s: float | None = None
    for step in steps:
        if len(chunk) >= _CHUNK_STEPS:
            for search in searches:
                search.explain(chunk)
                search.reader.tries = LATER_TRIES
            chunk = []
        chunk.append(step)
        start_s = step.start_s if start_s is None else start_s
    if start_s is None:
        raise UnreadableMedia("the video track has no frames that can be decoded")
    for search in searches:
        search.explain(chunk)
    return start_s, chunk[-1].end_s


def _gaps(searches: list["_Search"], start_s: float, end_s: float) -> bool:
    """Whether more than a step of a film shows none of the marks that were found."""
    spans = [span[1:3] for search in searches for span in search.timeline()]
    for start, end in [*sorted(spans), (end_s, end_s)]:
        if start - start_s > _STEP_S:
            return True
        start_s = max(start_s, end)
    return False


def _steps(source: Any, track: Any, apart_s: float, *, whole: bool) -> Iterator[Step]:
    """The film in steps, as it is decoded; of frames within `apart_s` one is looked at."""
    current: Step | None = None
    thumb: Floats | None = None
    shape: tuple[int, int] | None = None
    for at, ended, frame in sampling.sampled(source, track, apart_s, whole=whole):
        if current is not None:
            current.end_s = ended
            if frame is None or at >= current.start_s + _STEP_S:
                yield current
                current = None
        if frame is None:
            return
        seen = film.reduced(film.eight_bits(frame), _WORKING_PIXELS)
        if shape is not None and seen.shape != shape:
            seen = np.asarray(cv2.resize(seen, shape[::-1], interpolation=cv2.INTER_AREA))
        shape = (seen.shape[0], seen.shape[1])
        small = film.thumbnail(seen)
        cut = thumb is None or float(np.abs(small - thumb).mean()) > _CUT
        thumb = small
        residual = mask.residual(seen)
        if current is not None and cut:
            yield current
            current = None
        if current is None:
            current = Step(at, at, np.zeros_like(residual), cut=cut)
        current.total += residual
        current.looks += 1
        if frame.key_frame:
            current.whole = residual if current.whole is None else current.whole + residual
            current.whole_looks += 1


class _Search:
    """The marks found so far in one film, and the decodes spent on it."""

    def __init__(
        self, key: bytes, thorough: bool, size: tuple[int, int], limit: int = message.MAX_ATTEMPTS
    ) -> None:
        self.size = size  # of a frame: height, width
        self.reader = reading.Reader(key, TRIES, limit=limit)
        self.thorough = thorough
        self.found: list[Span] = []
        self.known: list[View] = []

    def timeline(self) -> list[Span]:
        """What was found, in order, neighbours of one payload joined."""
        joined: list[Span] = []
        for payload, start, end, region in sorted(self.found, key=lambda f: f[1]):
            if joined and joined[-1][0] == payload and start - joined[-1][2] <= 2 * _STEP_S:
                _, began, ended, box = joined[-1]
                joined[-1] = (payload, began, max(end, ended), _around(box, region))
            else:
                joined.append((payload, start, end, region))
        return joined

    def explain(self, steps: list[Step]) -> None:
        """Find every mark in a run of steps."""
        waiting = [(steps, True)]
        while waiting:
            stretch, whole = waiting.pop()
            read = self.read(stretch)
            if read is None and whole:
                read = self.read_by_keys(stretch)
            if read is None:
                pieces = _shots(stretch) if whole else []
                if self.thorough and whole:
                    pieces = [p for shot in pieces for p in _pieces(shot)]
                if len(pieces) > 1:
                    waiting += [(p, False) for p in pieces if len(p) >= _SHORTEST_STEPS]
                continue
            rest = self.claim(stretch, read)
            waiting += [(s, True) for s in rest if len(s) >= _SHORTEST_STEPS]

    def read(self, stretch: list[Step]) -> reading.Reading | None:
        """The payload in the average of a stretch."""
        if not stretch:
            return None
        return self._read(np.sum([s.total / s.looks for s in stretch], axis=0))

    def read_by_keys(self, stretch: list[Step]) -> reading.Reading | None:
        """The payload in a sum of a stretch in which key frames count for most.

        Where the picture moves and is coded hard, the mark stays in key frames; the others show
        that of frames before them, moved along with the picture.
        """
        together = _by_key_frames(stretch)
        return None if together is None else self._read(together)

    def _read(self, average: Floats) -> reading.Reading | None:
        average = average / (float(average.std()) + 1e-9)
        for view in self.known:
            aligned = reading.Alignment(0.0, view)
            read = self.reader.decode(average, [aligned])
            if read is not None:
                return read
        read = self.reader.read(average)
        if read is not None and not any(np.allclose(read.view, a) for a in self.known):
            self.known = [read.view, *self.known[:3]]
        return read

    def claim(self, stretch: list[Step], read: reading.Reading) -> list[list[Step]]:
        """Record where in the stretch the payload is; return the stretches where it is not."""
        scores = np.array([self.reader.agreement(s.total, read) for s in stretch])
        present = _smoothed(scores) > _PRESENT
        if not present.any():
            present[:] = True  # too weak to place: the stretch that was read stands as a whole
        rest: list[list[Step]] = []
        for start, end, inside in _runs(present):
            if inside:
                shown = np.sum([s.total for s in stretch[start:end]], axis=0)
                region = self.reader.region(shown, read, self.size)
                span = (stretch[start].start_s, stretch[end - 1].end_s)
                self.found.append((read.payload, *span, region))
            else:
                rest.append(stretch[start:end])
        return rest


def _around(one: Region, other: Region) -> Region:
    """The box around two boxes."""
    left, top = min(one[0], other[0]), min(one[1], other[1])
    right = max(one[0] + one[2], other[0] + other[2])
    bottom = max(one[1] + one[3], other[1] + other[3])
    return left, top, right - left, bottom - top


def _by_key_frames(stretch: list[Step]) -> Floats | None:
    """The sum of a stretch with most of its weight on key frames; None if it has only one kind."""
    keys = [s.whole for s in stretch if s.whole is not None]
    count = sum(s.whole_looks for s in stretch)
    others = sum(s.looks for s in stretch) - count
    if not keys or not others:
        return None
    weight = np.float32(_KEY_WEIGHT * np.sqrt(others / count) - 1)
    return np.asarray(weight * np.sum(keys, axis=0) + np.sum([s.total for s in stretch], axis=0))


def _smoothed(scores: Floats) -> Floats:
    """Each step's own score, or what it and its neighbours show together if that is more."""
    padded = np.pad(scores, 1, mode="edge")
    three = (padded[:-2] + padded[1:-1] + padded[2:]) / np.sqrt(3)
    return np.where(scores > 1.5, np.maximum(scores, three), scores)


def _runs(flags: Integers) -> Iterator[tuple[int, int, bool]]:
    """Runs of equal flags: start, end, value."""
    edges = [0, *(np.flatnonzero(np.diff(flags)) + 1), len(flags)]
    for start, end in itertools.pairwise(edges):
        yield int(start), int(end), bool(flags[start])


def _pieces(shot: list[Step]) -> list[list[Step]]:
    """A shot cut into stretches of at most _PIECE_STEPS."""
    return [shot[at : at + _PIECE_STEPS] for at in range(0, len(shot), _PIECE_STEPS)]


def _shots(stretch: list[Step]) -> list[list[Step]]:
    """A stretch cut where the picture changes as a whole."""
    shots: list[list[Step]] = []
    for step in stretch:
        if step.cut or not shots:
            shots.append([])
        shots[-1].append(step)
    return shots
