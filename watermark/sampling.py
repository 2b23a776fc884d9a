"""Which frames of a film are looked at: by the time they are shown, never by how they are coded.

Who writes a film chooses which of its frames are predicted from which. Were only some kinds looked
at, a mark would be hidden by spoiling those. What is saved is decoding frames that nobody looks at
and that no other frame refers to.
"""

import bisect
from collections import deque
from collections.abc import Iterator
from typing import Any

_SLACK_S = 1e-6  # of time stamps, whose fractions are rounded
_GOLDEN = 0.6180339887  # no two frames so apart fall in step with what an encoder repeats
_NEAR = 512  # frames, more than a decoder holds back


def sampled(
    source: Any, track: Any, apart_s: float, *, whole: bool
) -> Iterator[tuple[float, float, Any]]:
    """The first frame of every stretch of a track, and its key frames, in order.

    Stretches are 0.62 or 1.62 times `apart_s` long, without a period; if that is 0, each frame
    comes. With it come its time and the end of the frame shown before it, in seconds; at last the
    end of the film, twice, and None. With `whole` all are decoded; the ones that come are the same.
    """
    length_s = 1 / float(track.average_rate or track.guessed_rate or 25)
    near = _Near(length_s, apart_s)
    count = 0
    for packet in source.demux(track):
        whole = whole or packet.pts is None  # no telling when it is shown
        needed = True
        if packet.pts is not None and not packet.is_discard:
            at = float(packet.pts * packet.time_base)
            needed = near.begins(at)
            near.add(at)
        track.codec_context.skip_frame = "DEFAULT" if whole or needed else "NONREF"
        for frame in packet.decode():
            whole = whole or frame.interlaced_frame  # whose fields may come one by one
            at = float(frame.time) if frame.time is not None else count * length_s
            count += 1
            near.add(at)
            if frame.key_frame or near.begins(at):
                yield at, near.end_before(at), frame
    if count:
        end = near.end_before(float("inf"))
        yield end, end, None


class _Near:
    """When the frames are shown that were read last, decoded or not."""

    def __init__(self, length_s: float, apart_s: float) -> None:
        self.length_s = length_s
        self.apart_s = apart_s
        self.times: list[float] = []
        self.read: deque[float] = deque()

    def add(self, at: float) -> None:
        """Remember a time, and forget one that was read long ago."""
        place = bisect.bisect_left(self.times, at)
        if place < len(self.times) and self.times[place] == at:
            return
        self.times.insert(place, at)
        self.read.append(at)
        if len(self.read) > _NEAR:
            self.times.remove(self.read.popleft())

    def begins(self, at: float) -> bool:
        """Whether a stretch begins after the frame before this time."""
        if not self.apart_s:
            return True
        place = bisect.bisect_left(self.times, at)
        return not place or self.stretch(self.times[place - 1]) != self.stretch(at)

    def stretch(self, at: float) -> int:
        """How many stretches have begun."""
        whole, part = divmod((at + _SLACK_S) / self.apart_s, 1)
        return int(whole) + int(part >= whole * _GOLDEN % 1)

    def end_before(self, at: float) -> float:
        """When the frame before this time ends, which is at this time at the latest."""
        place = bisect.bisect_left(self.times, at)
        return min(at, self.times[place - 1] + self.length_s) if place else at
