"""The mark in film: one still pattern over every frame, found again as a timeline."""

from pathlib import Path
from typing import Literal

import av

from watermark import film, timeline
from watermark import payload as message
from watermark.errors import UnsupportedMedia
from watermark.timeline import Detection
from watermark.transcode import Draw, EmbedReport, Order, Progress, Transcoding

__all__ = ["Detection", "EmbedReport", "detect", "embed"]


def embed(
    src: Path,
    dst: Path,
    payload: bytes,
    key: bytes,
    *,
    crf: int = 18,
    preset: str = "veryfast",
    progress: Progress | None = None,
    draw: Draw | None = None,
) -> EmbedReport:
    """Write `src` to `dst` with every frame and every sound track marked.

    `dst` appears whole or not at all. `progress` is told the share done, 0 to 1; `draw` may
    change each frame (writable, as it will be encoded) before it is marked. Encodes with
    H.264 at `crf` and `preset`; memory does not grow with length. Raises BadPayload,
    UnsuitableMedia, UnsupportedMedia, MediaTooLarge or UnreadableMedia.
    """
    message.check(payload, key)
    src, dst = Path(src), Path(dst)
    with film.opened(src) as source, film.replacing(dst) as part:
        try:
            target = av.open(str(part), "w")
        except (ValueError, av.error.FFmpegError) as e:
            raise UnsupportedMedia(f"{dst.name}: no such film format can be written: {e}") from e
        with target:
            return Transcoding(
                source, target, Order(payload, key, crf, preset, progress, draw)
            ).run()


def detect(
    src: Path, *keys: bytes, effort: Literal["normal", "thorough"] = "normal"
) -> list[Detection]:
    """The marks that one to three `keys` find in a film, in order: payload, first and last second.

    An unmarked film gives an empty list; no payload is ever a guess. Each frame of a short film is
    looked at, of others as many as make a hundred, and at least eight a second; if only part of it
    shows a mark, all of them. "thorough" looks at half as many again, decodes every frame, and
    reads stretches of eight seconds on their own.
    Raises BadPayload, UnsuitableMedia, MediaTooLarge or UnreadableMedia.
    """
    message.check_keys(keys)
    return timeline.find(Path(src), keys, thorough=effort == "thorough")
