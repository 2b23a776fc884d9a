"""Look into an untrusted file's pictures and sound: is it readable, marked, and what is it like?

Plain data in, plain data out: this runs in a child that is given the watermark's keys and nothing
else. Sizes are read from headers and capped before anything is decoded.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from app.provenance import fingerprint as prints
from app.provenance.media import CONTAINERS, Kind, sniff
from app.provenance.structure import MAX_TRACKS, excess
from watermark.errors import UnsuitableMedia, WatermarkError

MAX_PICTURE_PIXELS = 50_000_000
MAX_FRAME_PIXELS = 4096 * 2304
MAX_DURATION_S = 3600
LOOKED_AT_S = 120  # of film and sound: what comes after is not fingerprinted
MAX_FRAMES = LOOKED_AT_S * 240  # whatever times a film gives its frames

# Each kind is read by its own reader: a guess could end at a playlist, which names other files.
PICTURES = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/gif": "GIF",
            "image/tiff": "TIFF", "image/bmp": "BMP", "image/avif": "AVIF"}  # fmt: skip


# What the libraries raise over broken files, beside errors of their own.
INSET_SHARE = 0.8  # of a picture: what shows the mark on less is taken for an inset
MOST_SPANS = 1000  # stretches of a film with a mark that are told
MOST_PARTS = 4  # insets of a film that are compared by themselves
BROKEN = (OSError, ValueError, ArithmeticError, LookupError, SyntaxError, EOFError, struct.error)


Region = tuple[int, int, int, int]  # left, top, width, height, in pixels
Inset = tuple[Region, float, float]  # and from when to when, in seconds
Keys = Mapping[int, bytes]  # of the mark, by epoch, in the order they are tried
Seen = tuple[float, int]  # of a payload: its false-positive exponent, the epoch of its key


class _Unreadable(Exception):
    """Never leaves this file: its reason becomes a finding."""


def prepare() -> None:
    """Import what reading needs; the sandbox's zygote calls it once, before there is a file."""
    from PIL import Image, WebPImagePlugin  # noqa: F401

    import watermark.audio
    import watermark.image
    import watermark.video  # noqa: F401

    Image.preinit()


def read_content(*, path: str, watermark_keys_hex: dict[str, str]) -> dict[str, Any]:
    """Decode a file within limits; return readability, watermark and fingerprint as JSON.

    Without keys the mark is not looked for (`searched` is false). `marks` lists distinct payloads
    (hex) in order of appearance, each with the epoch of its key; `parts` is what shows a mark on
    part of the picture, by itself. Keys (hex) go by their epochs, in the order they are tried.
    Of a film `spans` says from when to when each mark was read, `length_s` how long it is, and
    `told_s` up to where spans are told: there may be too many.
    """
    file = Path(path)
    kind = sniff(file)
    if kind is None:
        return _unreadable("no picture, film or sound that we know")
    keys = {int(epoch): bytes.fromhex(key) for epoch, key in watermark_keys_hex.items()}
    try:
        if beyond := excess(file, tracks=True):
            raise _Unreadable(beyond)
        if kind.medium == "image":
            return _image(file, kind, keys)
        return _film_or_sound(file, kind, keys)
    except _Unreadable as error:
        return _unreadable(str(error))
    except (av.FFmpegError, cv2.error, *BROKEN) as error:
        return _unreadable(f"cannot be decoded ({type(error).__name__})")


def fingerprint_content(*, path: str) -> dict[str, Any]:
    """Return `{"fingerprint": ...}` of a file, None when it cannot be read."""
    return {"fingerprint": read_content(path=path, watermark_keys_hex={})["fingerprint"]}


def _unreadable(reason: str) -> dict[str, Any]:
    return {
        "readable": False,
        "reason": reason,
        "medium": None,
        "searched": True,  # there is nothing in it to search
        "marks": [],
        "mark_reason": "",
        "fingerprint": None,
        "parts": [],
    }


def _answer(
    medium: str,
    marks: tuple[bool, dict[str, Seen], str],
    fingerprint: dict[str, Any],
    parts: list[dict[str, Any]],
) -> dict[str, Any]:
    searched, found, mark_reason = marks
    return {
        "readable": True,
        "reason": "",
        "medium": medium,
        "searched": searched,
        "marks": [
            {"payload": payload, "false_positive_log10": value, "epoch": epoch}
            for payload, (value, epoch) in found.items()
        ],
        "mark_reason": mark_reason,
        "fingerprint": fingerprint,
        "parts": parts,
    }


def _image(path: Path, kind: Kind, keys: Keys) -> dict[str, Any]:
    from PIL import Image

    import watermark.image

    Image.MAX_IMAGE_PIXELS = None  # our own cap, below, comes first
    if kind.media_type not in PICTURES:
        raise _Unreadable(f"nobody here decodes {kind.media_type}")
    formats = [PICTURES[kind.media_type]]
    with Image.open(path, formats=formats) as opened:  # reads the header only
        width, height = opened.size
    if width * height > MAX_PICTURE_PIXELS:
        raise _Unreadable(f"{width} x {height} pixels are more than are looked at")
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise _Unreadable("the picture cannot be decoded")
    bgr = np.asarray(pixels, np.uint8)
    luma = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), np.uint8)
    regions: list[Region] = []

    def look() -> Any:
        seen = watermark.image.detect(bgr, *keys.values())
        regions.extend([seen.region] if seen is not None else [])
        return seen

    marks = _marks(keys, look)
    print_ = _of_pictures([luma])
    parts = [_of_pictures([part]) for part in map(partial(_part, luma), regions) if part.size]
    return _answer("image", marks, prints.fingerprint("image", sound="", **print_), parts)


def _of_pictures(lumas: list[prints.Luma]) -> dict[str, Any]:
    """The hashes of a run of pictures, and keypoints of up to three of them."""
    chosen = sorted({round(share * (len(lumas) - 1)) for share in prints.DETAILED_AT})
    return {
        "hashes": [prints.picture_hash(luma) for luma in lumas],
        "details": [prints.picture_details(lumas[at]) for at in chosen],
    }


def _part(luma: prints.Luma, region: Region) -> prints.Luma:
    """The part of a picture that shows the mark, where that is not most of it; else nothing.

    It is looked at by itself: in a busy picture the details of an inset are lost among the others'.
    """
    left, top, width, height = region
    if width * height >= INSET_SHARE * luma.size:
        return luma[:0]
    return luma[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)]


def _open(path: Path, kind: Kind) -> Any:
    """Open film or sound as what its first bytes say, with nothing but the file itself."""
    return av.open(
        str(path),
        format=CONTAINERS[kind.media_type],
        options={"protocol_whitelist": "file"},
        metadata_errors="ignore",
    )


def _film_or_sound(path: Path, kind: Kind, keys: Keys) -> dict[str, Any]:
    with _open(path, kind) as container:
        film, sound = _tracks(container, kind.medium)
        header_s = (container.duration or 0) / av.time_base
    samples = _samples(path, kind) if sound else np.zeros(0, np.float32)
    words = prints.sound_words(samples)
    if film:
        import watermark.video

        insets: list[Inset] = []
        spans: list[dict[str, Any]] = []

        def look() -> Any:
            seen = watermark.video.detect(path, *keys.values())
            spans.extend(
                {
                    "payload": one.payload.hex(),
                    "start_s": max(0.0, one.start_s),
                    "end_s": max(0.0, one.end_s),
                }
                for one in seen
            )
            insets.extend((one.region, one.start_s, one.end_s) for one in seen[:MOST_PARTS])
            return seen

        marks = _marks(keys, look)
        lumas, parts, last_s = _frames(path, kind, insets)
        if not lumas:
            raise _Unreadable("no frame of the film can be decoded")
        print_ = prints.fingerprint("video", sound=words, **_of_pictures(lumas))
        answer = _answer("video", marks, print_, [_of_pictures(part) for part in parts if part])
        length_s = _length_s(last_s, spans, header_s)
        told_s = _told_s(spans, length_s)
        return {**answer, "spans": spans[:MOST_SPANS], "length_s": length_s, "told_s": told_s}
    if not len(samples):
        raise _Unreadable("no sound can be decoded")
    marks = _marks(keys, lambda: _sound_mark(path, kind, keys))
    return _answer("audio", marks, prints.fingerprint("audio", [], [], words), [])


def _length_s(last_s: float, spans: list[dict[str, Any]], header_s: float) -> float:
    """Say how long a film is: the longest of what was looked at and what its header says.

    `last_s` is when the last frame that was looked at is shown; the header alone knows for how
    long. A film is never drawn shorter than it plays: its marks would seem more of it.
    """
    seen_s: float = max([last_s + prints.STEP_MS / 1000, *(each["end_s"] for each in spans)])
    return min(max(seen_s, header_s), MAX_DURATION_S)


def _told_s(spans: list[dict[str, Any]], length_s: float) -> float:
    """Say how far a film's spans are told: to its end, else to that of the last one told."""
    return length_s if len(spans) <= MOST_SPANS else float(spans[MOST_SPANS - 1]["end_s"])


def _tracks(container: Any, medium: str) -> tuple[bool, bool]:
    """Say which of film and sound there is, after every cap that headers let us check."""
    if len(container.streams) > MAX_TRACKS:
        raise _Unreadable(f"{len(container.streams)} tracks are more than are looked at")
    if container.duration is not None and container.duration / 1e6 > MAX_DURATION_S:
        raise _Unreadable("it is longer than an hour")
    if any(stream.codec_context is None for stream in container.streams):
        raise _Unreadable("a track is of a kind nobody here decodes")
    films = container.streams.video if medium == "video" else ()
    for stream in films:
        if stream.width * stream.height > MAX_FRAME_PIXELS:
            raise _Unreadable(f"{stream.width} x {stream.height} pixels are too many for film")
    if not films and not container.streams.audio:
        raise _Unreadable("it holds neither pictures nor sound")
    return bool(films), bool(container.streams.audio)


def _frames(
    path: Path, kind: Kind, insets: list[Inset]
) -> tuple[list[prints.Luma], list[list[prints.Luma]], float]:
    """A frame every half second, of each inset what it shows in those of its time, and when the
    last of them is shown, in seconds."""
    last_s = 0.0
    whole: list[prints.Luma] = []
    parts: list[list[prints.Luma]] = [[] for _ in insets]
    for at_s, frame in _sampled(path, kind):
        last_s = at_s
        whole.append(_small(frame))
        for part, (region, start_s, end_s) in zip(parts, insets, strict=True):
            if start_s <= at_s < end_s and (shown := _part(_luma(frame), region)).size:
                scale = min(1.0, 640 / max(shown.shape))
                small = cv2.resize(shown, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
                part.append(np.asarray(small, np.uint8))
    return whole, parts, last_s


def _sampled(path: Path, kind: Kind) -> Iterator[tuple[float, Any]]:
    """The first frame at or after each step, and when it is shown, in seconds."""
    due_s = 0.0
    with _open(path, kind) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.options = {"max_pixels": str(MAX_FRAME_PIXELS)}  # else not decoded
        try:
            for number, frame in enumerate(container.decode(stream)):
                if frame.width * frame.height > MAX_FRAME_PIXELS:
                    raise _Unreadable("a frame is larger than its header says")
                if number >= MAX_FRAMES:
                    raise _Unreadable("it has more frames than are looked at")
                at_s = frame.time or 0.0
                if at_s > LOOKED_AT_S:
                    return
                if at_s + 1e-6 < due_s:
                    continue
                due_s = (int(at_s * 1000) // prints.STEP_MS + 1) * prints.STEP_MS / 1000
                yield at_s, frame
        except av.FFmpegError:
            return  # what came before the damage still counts


def _luma(frame: Any) -> prints.Luma:
    return np.asarray(frame.reformat(format="gray").to_ndarray(), np.uint8)


def _small(frame: Any) -> prints.Luma:
    scale = min(1.0, 640 / max(frame.width, frame.height))
    width, height = (max(2, round(side * scale) // 2 * 2) for side in (frame.width, frame.height))
    small = frame.reformat(width=width, height=height, format="gray")
    return np.asarray(small.to_ndarray(), np.uint8)


def _samples(path: Path, kind: Kind, rate: int = prints.SOUND_RATE) -> prints.Samples:
    """The first two minutes of sound: mono, float32, -1..1."""
    pieces: list[Any] = []
    count = 0
    with _open(path, kind) as container:
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate)
        try:
            for frame in container.decode(container.streams.audio[0]):
                for piece in resampler.resample(frame):
                    pieces.append(piece.to_ndarray()[0])
                    count += len(pieces[-1])
                if count > LOOKED_AT_S * rate:
                    break
        except av.FFmpegError:
            pass  # what came before the damage still counts
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def _sound_mark(path: Path, kind: Kind, keys: Keys) -> Any:
    """Look for the mark at the file's own rate, in the first two minutes."""
    with _open(path, kind) as container:
        rate = int(container.streams.audio[0].rate)
    import watermark.audio

    if not 8000 <= rate <= 192_000:
        raise UnsuitableMedia(f"{rate} samples a second are too few or too many to look at")
    mono = np.asarray(_samples(path, kind, rate), np.float32)[:, None]
    return watermark.audio.detect(mono, rate, *keys.values())


def _marks(keys: Keys, look: Callable[[], Any]) -> tuple[bool, dict[str, Seen], str]:
    """Run a detector; return whether it looked, payloads (hex) with what is known of each, and why
    media cannot carry a mark."""
    if not keys:
        return False, {}, ""
    try:
        seen = look()
    except WatermarkError as error:
        return True, {}, f"{error.code}: {error}"
    if seen is None:
        return True, {}, ""
    found: dict[str, Seen] = {}
    for one in seen if isinstance(seen, list) else [seen]:
        about = (float(one.false_positive_log10), list(keys)[one.key_index])
        found.setdefault(one.payload.hex(), about)
    return True, found, ""
