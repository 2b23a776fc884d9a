"""What a picture, film or sound is like: hashes that survive re-encoding, and how alike two are.

A fingerprint is plain JSON. Per picture: a 256-bit hash of its low frequencies (after PDQ: a DCT of
a 64 x 64 luma, signs against the median), and keypoints with descriptors (ORB) by which a crop or
an inset is still recognized. Of sound: 32 signs per 46 ms of how band energies change over time and
pitch (after Haitsma and Kalker, 2002). Thresholds are measured: docs/provenance.md.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field, model_validator

VERSION = 1
STEP_MS = 500  # between hashed frames of a film
SOUND_RATE = 8000  # samples per second, mono
SOUND_WINDOW, SOUND_HOP = 2976, 372  # samples: 372 ms, every 46.5 ms
FEATURES = 400
DETAILED_AT = (0.1, 0.5, 0.9)  # where in a film keypoints are taken, as shares of its length
ALIKE, UNLIKE = 0.55, 0.25  # picture similarity: the same above, strangers below
SOUND_ALIKE, SOUND_UNLIKE = 0.25, 0.12
INLIERS_ALIKE, INLIERS_UNLIKE = 14, 8  # keypoints that agree on one placement
ENOUGH_FEATURES = 80  # fewer, and not finding them again means nothing
ENOUGH_SOUND = 64  # words that carry sound: 3 s

Luma = npt.NDArray[np.uint8]
Samples = npt.NDArray[np.floating[Any]]
Words = npt.NDArray[np.uint32]
_Rows = tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]  # hashes [n, 32], which are known
# A mirrored picture has the signs of its odd horizontal frequencies turned: every other bit.
MIRROR = np.uint8(0b10101010)
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Pixel = Annotated[int, Field(ge=0, lt=1 << 16)]
Content = Literal["same", "other", "unsure"]
_SURENESS: tuple[Content, ...] = ("other", "unsure", "same")


@dataclass(frozen=True)
class Agreement:
    """How two fingerprints compare: similarity 0..1 of pictures and sound (None: not compared)."""

    content: Content
    picture: float | None
    sound: float | None
    inliers: int


def picture_hash(luma: Luma) -> str | None:
    """Return 256 bits (hex) of a picture [height, width]; None when it is all but one color."""
    small = cv2.resize(luma, (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32)
    if float(small.std()) < 3.0:
        return None
    low = cv2.dct(small)[1:17, 1:17]
    return np.packbits((low > np.median(low)).ravel()).tobytes().hex()


def picture_details(luma: Luma) -> dict[str, Any]:
    """Return up to 400 keypoints of a picture and their descriptors, for `agreement`."""
    scale = min(1.0, 640 / max(luma.shape))
    small = cv2.resize(luma, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    points, descriptors = cv2.ORB.create(FEATURES, fastThreshold=12).detectAndCompute(small, None)
    if descriptors is None:
        return {"points": [], "descriptors": ""}
    return {
        "points": [[round(point.pt[0]), round(point.pt[1])] for point in points],
        "descriptors": base64.b64encode(descriptors.tobytes()).decode(),
    }


def sound_words(samples: Samples) -> str:
    """Return 32 bits per 46.5 ms of mono sound at 8 kHz, as base64; zero means silence."""
    count = (len(samples) - SOUND_WINDOW) // SOUND_HOP + 1
    if count < 2:
        return ""
    edges = np.geomspace(300, 2000, 34) * SOUND_WINDOW / SOUND_RATE
    window = np.hanning(SOUND_WINDOW).astype(np.float32)
    energies = np.empty((count, 33), np.float32)
    for row in range(count):
        piece = samples[row * SOUND_HOP : row * SOUND_HOP + SOUND_WINDOW]
        power = np.abs(np.fft.rfft(piece * window)) ** 2
        energies[row] = np.add.reduceat(power, edges.astype(int))[:33]
    across = energies[:, :-1] - energies[:, 1:]
    bits = (across[1:] - across[:-1]) > 0
    words = np.packbits(bits, axis=1).view(">u4").ravel().astype("<u4")
    loud = energies[1:].sum(axis=1) > max(1e-3, 1e-4 * float(energies.sum(axis=1).max()))
    return base64.b64encode(np.where(loud, words, 0).astype("<u4").tobytes()).decode()


def fingerprint(
    medium: str,
    hashes: list[str | None],
    details: list[dict[str, Any]],
    sound: str,
) -> dict[str, Any]:
    """Put the parts together: `medium` is image, video or audio; hashes come every `STEP_MS`."""
    return {"v": VERSION, "medium": medium, "hashes": hashes, "details": details, "sound": sound}


class Details(BaseModel):
    """Keypoints of one picture, as a child process told them: checked before use."""

    points: Annotated[list[tuple[Pixel, Pixel]], Field(max_length=FEATURES * 2)]
    descriptors: Annotated[str, Field(max_length=FEATURES * 2 * 48)]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(base64.b64decode(self.descriptors, validate=True)) != 32 * len(self.points):
            raise ValueError("descriptors and points do not match")
        return self


class Part(BaseModel):
    """What an inset shows, as a child process told it: checked before use."""

    hashes: Annotated[list[Hash | None], Field(max_length=1024)]
    details: Annotated[list[Details], Field(max_length=len(DETAILED_AT))]


class Fingerprint(BaseModel):
    """A fingerprint, as a child process told it: checked before use."""

    v: Literal[1]
    medium: Literal["image", "video", "audio"]
    hashes: Annotated[list[Hash | None], Field(max_length=1024)]
    details: Annotated[list[Details], Field(max_length=len(DETAILED_AT))]
    sound: Annotated[str, Field(max_length=1 << 16)]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(base64.b64decode(self.sound, validate=True)) % 4:
            raise ValueError("sound is not made of words")
        return self


def similarity(a: dict[str, Any], b: dict[str, Any]) -> float:
    """Return 0 (strangers) to 1 (the same) by hashes alone; sound decides where no pictures are."""
    picture = _picture_similarity(a["hashes"], b["hashes"])
    return picture if picture is not None else _sound_similarity(a["sound"], b["sound"]) or 0.0


def alike(a: Mapping[str, Any], b: Mapping[str, Any]) -> float | None:
    """Return how like two fingerprints of one kind of medium are; None where that says nothing."""
    sound = a["medium"] == "audio"
    if sound != (b["medium"] == "audio"):
        return None
    found = similarity(dict(a), dict(b))
    return found if found >= (SOUND_ALIKE if sound else ALIKE) else None


def agreement(
    a: dict[str, Any], b: dict[str, Any], parts: Sequence[Mapping[str, Any]] = ()
) -> Agreement:
    """Say whether two fingerprints are of the same content; `other` needs positive evidence.

    `parts` are hashes and details of insets in `a`: it is the same where one of them is, and
    other only where the whole and every part is. Same: pictures alike, or enough keypoints that
    agree on one placement (a crop, an inset).
    Other: pictures unlike, although both are full of detail and none of it is found again; without
    pictures, sound unlike. Sound that contradicts alike pictures makes it unsure.
    """
    found = [_agreement(a, b), *(_agreement({**a, **part}, b) for part in parts)]
    return max(found, key=lambda each: (_SURENESS.index(each.content), each.picture or 0.0))


def _agreement(a: dict[str, Any], b: dict[str, Any]) -> Agreement:
    picture = _picture_similarity(a["hashes"], b["hashes"])
    sound = _sound_similarity(a["sound"], b["sound"])
    if picture is None:
        return Agreement(_by_sound(sound), None, sound, 0)
    if picture >= ALIKE:
        dubbed = sound is not None and sound < SOUND_UNLIKE
        return Agreement("unsure" if dubbed else "same", picture, sound, 0)
    inliers = _best_inliers(a["details"], b["details"])
    if inliers >= INLIERS_ALIKE:
        return Agreement("same", picture, sound, inliers)
    detailed = all(_is_detailed(one) for one in (a, b))
    contradicted = detailed and picture < UNLIKE and inliers < INLIERS_UNLIKE
    same_sound = sound is not None and sound >= SOUND_ALIKE
    content: Content = "other" if contradicted and not same_sound else "unsure"
    return Agreement(content, picture, sound, inliers)


def _by_sound(sound: float | None) -> Content:
    if sound is None:
        return "unsure"
    if sound >= SOUND_ALIKE:
        return "same"
    return "other" if sound < SOUND_UNLIKE else "unsure"


def _picture_similarity(a: list[str | None], b: list[str | None]) -> float | None:
    """The better of as it is and mirrored; None when either holds no pictures."""
    if not a or not b:
        return None
    (rows, known), other = _matrix(a), _matrix(b)
    values = [_aligned((one, known), other) for one in (rows, rows ^ MIRROR)]
    return max((value for value in values if value is not None), default=None)


def _aligned(a: _Rows, b: _Rows) -> float | None:
    """The mean over the best alignment in time that overlaps at least 60 % of the shorter one."""
    shorter, longer = sorted((a, b), key=lambda pair: len(pair[0]))
    least = max(1, round(0.6 * len(shorter[0])))
    best: float | None = None
    for offset in range(least - len(shorter[0]), len(longer[0]) - least + 1):
        start, end = max(0, offset), min(len(longer[0]), offset + len(shorter[0]))
        known = longer[1][start:end] & shorter[1][start - offset : end - offset]
        if int(known.sum()) * 2 < least:
            continue
        differing = longer[0][start:end] ^ shorter[0][start - offset : end - offset]
        distance = np.bitwise_count(differing[known]).sum(axis=1)
        value = float(np.clip(1 - distance / 128, 0, 1).mean())
        best = value if best is None else max(best, value)
    return best


def _matrix(hashes: list[str | None]) -> _Rows:
    rows = [np.frombuffer(bytes.fromhex(text or "00" * 32), np.uint8) for text in hashes]
    return np.stack(rows), np.array([text is not None for text in hashes])


def _sound_similarity(a: str, b: str) -> float | None:
    """1 - 2 x the bit error rate at the best alignment; None when either has under 3 s of sound."""
    shorter, longer = sorted((_words(a), _words(b)), key=len)
    if min(np.count_nonzero(shorter), np.count_nonzero(longer)) < ENOUGH_SOUND:
        return None
    least = max(ENOUGH_SOUND, round(0.6 * len(shorter)))
    best = 0.0
    for offset in range(least - len(shorter), len(longer) - least + 1):
        start, end = max(0, offset), min(len(longer), offset + len(shorter))
        one, two = longer[start:end], shorter[start - offset : end - offset]
        loud = (one != 0) & (two != 0)
        if int(loud.sum()) < ENOUGH_SOUND // 2:
            continue
        wrong = float(np.bitwise_count(one[loud] ^ two[loud]).mean()) / 32
        best = max(best, 1 - 2 * wrong)
    return best


def _words(text: str) -> Words:
    return np.frombuffer(base64.b64decode(text), "<u4")


def _is_detailed(one: dict[str, Any]) -> bool:
    return any(len(detail["points"]) >= ENOUGH_FEATURES for detail in one["details"])


def _best_inliers(a: list[dict[str, Any]], b: list[dict[str, Any]]) -> int:
    return max((_inliers(one, two) for one in a for two in b), default=0)


def _inliers(a: dict[str, Any], b: dict[str, Any]) -> int:
    """How many keypoints agree on one shift, scale and turn (RANSAC)."""
    if min(len(a["points"]), len(b["points"])) < INLIERS_UNLIKE:
        return 0
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(_descriptors(a), _descriptors(b), k=2)
    good = [two[0] for two in pairs if len(two) == 2 and two[0].distance < 0.8 * two[1].distance]
    if len(good) < 4:
        return 0
    source = np.array([a["points"][match.queryIdx] for match in good], np.float32)
    target = np.array([b["points"][match.trainIdx] for match in good], np.float32)
    placement, agreeing = cv2.estimateAffinePartial2D(source, target, ransacReprojThreshold=4)
    if placement is None or not 0.1 < float(np.hypot(*placement[:, 0])) < 10:
        return 0
    return int(agreeing.sum())


def _descriptors(detail: dict[str, Any]) -> npt.NDArray[np.uint8]:
    raw = np.frombuffer(base64.b64decode(detail["descriptors"]), np.uint8)
    return raw.reshape(-1, 32)
