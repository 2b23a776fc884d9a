"""A film written again with pictures and sound marked, everything else kept, in bounded memory."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import av

from watermark import film
from watermark.errors import UnreadableMedia
from watermark.marker import Marker
from watermark.soundtrack import Soundtrack

Progress = Callable[[float], None]
Draw = Callable[[Any], None]

_WAITING_PACKETS = 50_000  # of sound, before the first picture


@dataclass(frozen=True)
class EmbedReport:
    """What was written: `psnr_db` is the strength of the mark itself, encoding apart."""

    frames: int
    duration_s: float
    width: int
    height: int
    audio_tracks: int
    audio_tracks_marked: int
    psnr_db: float


@dataclass(frozen=True)
class Order:
    """What to embed and how to encode it."""

    payload: bytes
    key: bytes
    crf: int
    preset: str
    progress: Progress | None
    draw: Draw | None = None


class Transcoding:
    """One film on its way from `source` to `target`, both open."""

    def __init__(self, source: Any, target: Any, order: Order) -> None:
        self._source, self._target, self._order = source, target, order
        self._seen = film.picture_track(source)
        self._total_s = float(source.duration or 0) / av.time_base
        self._sounds: dict[int, Soundtrack] = {}
        self._waiting: list[Any] = []  # packets of sound before the first picture
        self._out: Any = None
        self._marker: Marker | None = None
        self._frames = 0
        self._end_s = 0.0

    def run(self) -> EmbedReport:
        """Do all of it. Raises UnreadableMedia or UnsupportedMedia."""
        tracks = [self._seen, *self._source.streams.audio]
        for packet in self._source.demux(tracks):
            if packet.stream is self._seen:
                for frame in packet.decode():
                    self._mark(frame, self._marker or self._begin(frame))
            elif packet.dts is not None:
                self._keep(packet)
        if self._marker is None:
            raise UnreadableMedia("the video track has no frames that can be decoded")
        self._target.mux(self._out.encode())
        for track in self._sounds.values():
            for ready in track.finish():
                self._target.mux(ready)
        return EmbedReport(
            frames=self._frames,
            duration_s=self._end_s,
            width=self._out.width,
            height=self._out.height,
            audio_tracks=len(self._sounds),
            audio_tracks_marked=len(self._sounds),
            psnr_db=self._marker.psnr_db(),
        )

    def _begin(self, first: Any) -> Marker:
        """Lay out the target once the first picture says what it is like."""
        order = self._order
        self._out = film.add_picture_track(self._target, self._seen, first, order.crf, order.preset)
        for stream in self._source.streams.audio:
            self._sounds[stream.index] = Soundtrack(self._target, stream, order.payload, order.key)
        self._target.metadata.update(self._source.metadata)
        self._marker = Marker(order.payload, order.key, first.height, first.width)
        for packet in self._waiting:
            self._keep(packet)
        self._waiting.clear()
        return self._marker

    def _keep(self, packet: Any) -> None:
        """Mark a packet of sound, or hold it until the first picture has come."""
        if self._marker is None:
            if len(self._waiting) >= _WAITING_PACKETS:
                raise UnreadableMedia("no picture among the first packets of the file")
            self._waiting.append(packet)
            return
        for ready in self._sounds[packet.stream.index].take(packet):
            self._target.mux(ready)

    def _mark(self, frame: Any, marker: Marker) -> None:
        """Mark one frame, encode it, write what the encoder has ready."""
        layout = (self._out.width, self._out.height, self._out.pix_fmt)
        if (frame.width, frame.height, frame.format.name) != layout:
            frame = frame.reformat(*layout)
        frame.make_writable()
        frame.pict_type = 0  # the encoder decides anew
        if self._order.draw:
            self._order.draw(frame)
        marker.mark(frame)
        self._target.mux(self._out.encode(frame))
        self._frames += 1
        self._end_s = max(self._end_s, float(frame.time or 0))
        if self._order.progress and self._total_s:
            self._order.progress(min(1.0, self._end_s / self._total_s))
