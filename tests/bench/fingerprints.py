"""python -m tests.bench.fingerprints DIRECTORY: our fingerprints of film and sound beside others'.

DIRECTORY holds `vid` and `aud`. PDQ (`pdqhash`) and Chromaprint (`pyacoustid`, and the library
libchromaprint, which no wheel brings) are compared where they are installed; neither is a
dependency. Frames and samples are hurt after decoding. *At no false match* puts each method's
threshold where its nearest stranger is.
"""

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from app.provenance import content
from app.provenance import fingerprint as prints
from app.provenance.media import sniff

FILM_S, SOUND_S = 8.0, 12.0
VPDQ_DISTANCE = 31  # of 256 bits: vPDQ's own
CHROMA_ERROR = 0.25  # share of bits that may differ
Frames = list[Any]


def pieces_of_films(directory: Path) -> dict[str, Frames]:
    """Cut films into pieces, a frame every half second, 640 pixels at most, in grey."""
    found: dict[str, Frames] = {}
    for path in sorted(directory.glob("*.mp4")):
        kind = sniff(path)
        if kind is None:
            continue
        lumas = list(content._sampled(path, kind))
        step = round(FILM_S * 1000 / prints.STEP_MS)
        for number in range(max(1, min(len(lumas) // step, 4))):
            piece = lumas[number * step : (number + 1) * step]
            found[f"{path.stem}.{number}"] = piece
    return found


def pieces_of_sound(directory: Path) -> dict[str, Any]:
    """Cut sound into pieces, mono at 44.1 kHz."""
    found: dict[str, Any] = {}
    for path in sorted(directory.iterdir()):
        samples = decoded(path)
        step = int(SOUND_S * RATE)
        for number in range(max(1, min(len(samples) // step, 4))):
            found[f"{path.stem}.{number}"] = samples[number * step : (number + 1) * step]
    return {name: piece for name, piece in found.items() if len(piece) > 5 * RATE}


RATE = 44100


def decoded(path: Path) -> Any:
    with av.open(str(path)) as file:
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE)
        found = [
            piece.to_ndarray()[0]
            for frame in file.decode(file.streams.audio[0])
            for piece in resampler.resample(frame)
        ]
    return np.concatenate(found)


def _each(change: Callable[[Any], Any]) -> Callable[[Frames], Frames]:
    return lambda frames: [np.ascontiguousarray(change(frame), np.uint8) for frame in frames]


def _jpeg(quality: int) -> Callable[[Any], Any]:
    def change(frame: Any) -> Any:
        _, written = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return cv2.imdecode(written, cv2.IMREAD_GRAYSCALE)

    return change


def _crop(share: float) -> Callable[[Any], Any]:
    def change(frame: Any) -> Any:
        high, wide = (round(side * (1 - share) / 2) for side in frame.shape)
        return frame[high : frame.shape[0] - high, wide : frame.shape[1] - wide]

    return change


def _turned(frame: Any) -> Any:
    height, width = frame.shape
    by = cv2.getRotationMatrix2D((width / 2, height / 2), 5, 1)
    return cv2.warpAffine(frame, by, (width, height))


def _letterbox(frame: Any) -> Any:
    return cv2.copyMakeBorder(frame, 60, 60, 0, 0, cv2.BORDER_CONSTANT)


def _inset(frame: Any) -> Any:
    page = np.full((int(frame.shape[0] * 1.7), int(frame.shape[1] * 1.7)), 235, np.uint8)
    page[40 : 40 + frame.shape[0], 40 : 40 + frame.shape[1]] = frame
    return page


FILM_ATTACKS: dict[str, Callable[[Frames], Frames]] = {
    "each frame as JPEG, quality 15": _each(_jpeg(15)),
    "scaled to 0.3": _each(lambda f: cv2.resize(f, None, fx=0.3, fy=0.3)),
    "brighter": _each(lambda f: cv2.convertScaleAbs(f, alpha=1.2, beta=25)),
    "blurred": _each(lambda f: cv2.GaussianBlur(f, (0, 0), 2.5)),
    "mirrored": _each(lambda f: f[:, ::-1]),
    "letterboxed": _each(_letterbox),
    "turned by 5 degrees": _each(_turned),
    "cropped to 0.8": _each(_crop(0.8)),
    "cropped to 0.5": _each(_crop(0.5)),
    "an inset of a page": _each(_inset),
    "the middle half": lambda frames: frames[len(frames) // 4 : -len(frames) // 4 or None],
}


def _coded(codec: str, rate: int) -> Callable[[Any], Any]:
    def change(samples: Any) -> Any:
        import tempfile
        from fractions import Fraction

        suffix, name = {"mp3": (".mp3", "libmp3lame"), "aac": (".m4a", "aac")}[codec]
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / f"a{suffix}"
            with av.open(str(path), "w") as file:
                stream = file.add_stream(name, rate=RATE)
                stream.layout, stream.bit_rate = "mono", rate
                for at in range(0, len(samples) - 1024, 1024):
                    frame = av.AudioFrame.from_ndarray(
                        np.ascontiguousarray(samples[None, at : at + 1024], np.float32),
                        format="fltp",
                        layout="mono",
                    )
                    frame.sample_rate, frame.pts, frame.time_base = RATE, at, Fraction(1, RATE)
                    file.mux(stream.encode(frame))
                file.mux(stream.encode())
            return decoded(path)

    return change


def _noisy(samples: Any) -> Any:
    noise = np.random.default_rng(1).standard_normal(len(samples)).astype(np.float32)
    return samples + noise * float(np.std(samples)) * 0.1


def _faster(share: float) -> Callable[[Any], Any]:
    return lambda s: np.interp(np.arange(0, len(s) - 1, share), np.arange(len(s)), s)


def _low(samples: Any) -> Any:
    spectrum = np.fft.rfft(samples)
    spectrum[np.fft.rfftfreq(len(samples), 1 / RATE) > 3000] = 0
    return np.fft.irfft(spectrum, len(samples))


SOUND_ATTACKS: dict[str, Callable[[Any], Any]] = {
    "MP3, 48 kbit/s": _coded("mp3", 48_000),
    "AAC, 32 kbit/s": _coded("aac", 32_000),
    "half as loud": lambda s: s * 0.5,
    "noise at 20 dB": _noisy,
    "under 3 kHz only": _low,
    "1 % faster": _faster(1.01),
    "4 % faster": _faster(1.04),
    "the middle half": lambda s: s[len(s) // 4 : -len(s) // 4],
}


# --- Methods: what a piece becomes, and how like two are (more is more alike). ---


def ours_of_film(frames: Frames) -> Any:
    chosen = sorted({round(share * (len(frames) - 1)) for share in prints.DETAILED_AT})
    details = [prints.picture_details(frames[at]) for at in chosen]
    return prints.fingerprint("video", [prints.picture_hash(f) for f in frames], details, "")


def like_ours(a: Any, b: Any) -> float:
    return prints.similarity(a, b)


def found_by_ours(a: Any, b: Any) -> bool:
    return prints.agreement(a, b).content == "same"


def pdq_of_film(frames: Frames) -> Any:
    """PDQ of a frame a second, in all eight turns and mirrorings, as vPDQ has it."""
    pdqhash = importlib.import_module("pdqhash")
    return [
        [
            np.packbits(one)
            for one in pdqhash.compute_dihedral(cv2.cvtColor(f, cv2.COLOR_GRAY2RGB))[0]
        ]
        for f in frames[::2]
    ]


def like_pdq(a: Any, b: Any) -> float:
    """The share of frames that have a frame within vPDQ's distance, the better way round."""
    near = [[min(_bits(one, q[0]) for one in p) <= VPDQ_DISTANCE for q in b] for p in a]
    rows = np.array(near, bool)
    return float(max(rows.any(axis=1).mean(), rows.any(axis=0).mean()))


def ours_of_sound(samples: Any) -> Any:
    at_8k = np.interp(
        np.arange(0, len(samples) - 1, RATE / prints.SOUND_RATE),
        np.arange(len(samples)),
        _before(samples),
    )
    return prints.fingerprint("audio", [], [], prints.sound_words(at_8k.astype(np.float32)))


def _before(samples: Any) -> Any:
    spectrum = np.fft.rfft(samples)
    spectrum[np.fft.rfftfreq(len(samples), 1 / RATE) > 3800] = 0
    return np.fft.irfft(spectrum, len(samples))


def chroma_of_sound(samples: Any) -> Any:
    chromaprint = importlib.import_module("chromaprint")
    maker = chromaprint.Fingerprinter()
    maker.start(RATE, 1)
    maker.feed((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    words, _ = chromaprint.decode_fingerprint(maker.finish())
    return np.array([word & 0xFFFFFFFF for word in words], np.uint32)


def like_chroma(a: Any, b: Any) -> float:
    """1 - 2 x the share of differing bits at the best offset that overlaps 60 % of the shorter."""
    shorter, longer = sorted((a, b), key=len)
    least, best = max(8, round(0.6 * len(shorter))), 0.0
    for offset in range(least - len(shorter), len(longer) - least + 1):
        start, end = max(0, offset), min(len(longer), offset + len(shorter))
        differing = longer[start:end] ^ shorter[start - offset : end - offset]
        best = max(best, 1 - 2 * float(np.bitwise_count(differing).mean()) / 32)
    return best


def _bits(a: Any, b: Any) -> int:
    return int(np.bitwise_count(a ^ b).sum())


Method = tuple[str, Callable[[Any], Any], Callable[[Any, Any], float], Callable[[Any, Any], bool]]
FILM: list[Method] = [
    ("ours, hashes", ours_of_film, like_ours, lambda a, b: like_ours(a, b) >= prints.ALIKE),
    ("ours, whole", ours_of_film, lambda a, b: float(found_by_ours(a, b)), found_by_ours),
    ("PDQ per frame (vPDQ)", pdq_of_film, like_pdq, lambda a, b: like_pdq(a, b) >= 0.8),
]
SOUND: list[Method] = [
    ("ours", ours_of_sound, like_ours, found_by_ours),
    (
        "Chromaprint",
        chroma_of_sound,
        like_chroma,
        lambda a, b: like_chroma(a, b) >= 1 - 2 * CHROMA_ERROR,
    ),
]


def compare(pieces: dict[str, Any], attacks: dict[str, Any], methods: list[Method]) -> Any:
    """Each piece under each attack, against itself and every other piece."""
    hurt = {
        (name, attack): change(piece)
        for name, piece in pieces.items()
        for attack, change in attacks.items()
    }
    return {"pieces": len(pieces), **{each[0]: _one(pieces, hurt, each) for each in methods}}


def _one(pieces: dict[str, Any], hurt: dict[tuple[str, str], Any], method: Method) -> Any:
    _, take, like, found = method
    try:
        known = {name: take(piece) for name, piece in pieces.items()}
    except ImportError as error:
        return f"not installed: {error}"
    same: dict[str, list[tuple[float, bool]]] = {}
    strangers: list[tuple[float, bool]] = []
    for (name, attack), piece in hurt.items():
        asked = take(piece)
        for other, print_ in known.items():
            told = (like(asked, print_), found(asked, print_))
            if other == name:
                same.setdefault(attack, []).append(told)
            elif other.rpartition(".")[0] != name.rpartition(".")[0]:
                strangers.append(told)
    nearest = max(value for value, _ in strangers)
    every = [told for each in same.values() for told in each]
    return {
        "strangers": len(strangers),
        "nearest stranger": round(nearest, 3),
        "false at the usual threshold": sum(hit for _, hit in strangers),
        "found at no false match, %": _percent([value > nearest for value, _ in every]),
        "found at the usual threshold, %": _percent([hit for _, hit in every]),
        "by attack, %": {name: _percent([hit for _, hit in told]) for name, told in same.items()},
    }


def _percent(hits: list[bool]) -> float:
    return round(100 * sum(hits) / len(hits), 1)


def main(directory: Path) -> None:
    print(
        json.dumps(
            {"film": compare(pieces_of_films(directory / "vid"), FILM_ATTACKS, FILM)}, indent=1
        )
    )
    sound = compare(pieces_of_sound(directory / "aud"), SOUND_ATTACKS, SOUND)
    print(json.dumps({"sound": sound}, indent=1))


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main(Path(sys.argv[1]))
