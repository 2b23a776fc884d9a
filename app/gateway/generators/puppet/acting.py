"""Turn speech into a performance: what mouth, lids, brows and head do in each frame.

Pure: samples in, curves out. The mouth follows the phonemes where they are known, and otherwise
loudness and brightness of the sound, which is no lip-sync.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from app.gateway.generators.puppet import visemes
from app.gateway.generators.puppet.visemes import Phoneme

Curve = NDArray[np.float64]  # one value per frame

BLINK_S = (0.09, 0.05, 0.16)  # closing, closed, opening


@dataclass(frozen=True)
class Performance:
    """One value per frame each. Units: 0..1, but `spread` -1 (rounded) to 1 (wide).

    `shift_x`, `shift_y`, `turn` and `nod` are in face heights per thousand, `tilt` in degrees.
    """

    opening: Curve
    spread: Curve
    blink: Curve
    brow: Curve
    shift_x: Curve
    shift_y: Curve
    tilt: Curve
    turn: Curve
    nod: Curve

    def __len__(self) -> int:
        return len(self.opening)

    def at(self, frame: int) -> "Moment":
        """What happens in one frame."""
        return Moment(*(float(getattr(self, field.name)[frame]) for field in fields(Moment)))


@dataclass(frozen=True)
class Moment:
    """One frame of a performance, in the same units."""

    opening: float
    spread: float
    blink: float
    brow: float
    shift_x: float
    shift_y: float
    tilt: float
    turn: float
    nod: float


def perform(
    samples: NDArray[np.float32],
    rate: int,
    *,
    fps: int,
    frames: int,
    seed: int,
    phonemes: Sequence[Phoneme] = (),
) -> Performance:
    """Return what the puppet does in each of `frames` frames while `samples` are heard.

    Deterministic: the same sound and seed give the same performance.
    """
    rng = np.random.default_rng(seed)
    loud, bright = _hear(samples, rate, fps=fps, frames=frames)
    # Bright and loud is a vowel like "ee": wide, half open. Very bright is a hiss: teeth together.
    hiss = np.clip((bright - 2600) / 1400, 0, 1)
    opening = _ease(loud**0.75 * (1 - 0.75 * hiss), rise=0.75, fall=0.45)
    spread = _ease(np.clip((bright - 1250) / 900, -1, 1) * np.minimum(1, loud * 3), 0.4, 0.4)
    if phonemes:
        opening, spread = visemes.mouth(phonemes, fps=fps, frames=frames)
        opening = _full(opening) * (0.65 + 0.35 * loud)
    stress = _smooth(loud, fps * 0.35)
    at = np.arange(frames) / fps
    wander = [_wander(at, rng) for _ in range(5)]
    return Performance(
        opening=np.clip(opening, 0, 1),
        spread=np.clip(spread, -1, 1),
        blink=_blinks(at, rng),
        brow=np.clip(_smooth(stress, fps * 0.2) * 1.1 - 0.25 + 0.25 * wander[0], -0.2, 1),
        shift_x=11 * wander[1],
        shift_y=6 * wander[2] + 9 * (stress - 0.3),
        tilt=0.9 * wander[3],
        turn=16 * wander[1] + 6 * wander[4],
        nod=8 * wander[2] + 14 * (stress - 0.3),
    )


def _hear(samples: NDArray[np.float32], rate: int, *, fps: int, frames: int) -> tuple[Curve, Curve]:
    """Loudness (0..1, loudest twentieth is 1) and spectral centroid (Hz) around each frame."""
    span = int(rate / fps * 1.5)
    window = np.hanning(span)
    pitches = np.fft.rfftfreq(span, 1 / rate)
    loud, bright = np.zeros(frames), np.zeros(frames)
    padded = np.concatenate([np.zeros(span), samples.astype(np.float64), np.zeros(span + rate)])
    for frame in range(frames):
        middle = int(((frame + 0.5) / fps + visemes.LEADS_S) * rate) + span
        heard = padded[middle - span // 2 : middle - span // 2 + span]
        spectrum = np.abs(np.fft.rfft(heard * window))
        loud[frame] = np.sqrt((heard**2).mean())
        bright[frame] = (spectrum * pitches).sum() / (spectrum.sum() + 1e-9)
    voiced = loud[loud > 0.01]
    full = float(np.percentile(voiced, 95)) if voiced.size else 1.0
    return np.clip(loud / full, 0, 1), bright


def _full(opening: Curve) -> Curve:
    """Use the whole range of the mouth, as `_hear` does of loudness: the widest twentieth is 1.

    Sounds run into each other, so that a short vowel is never as open as it is alone. A line
    without wide vowels opens to twice its shapes at the most.
    """
    widest = float(np.percentile(opening[opening > 0.01], 95)) if opening.max() > 0.01 else 1.0
    return np.clip(opening * min(2.0, max(1.0, 1 / widest)), 0, 1)


def _ease(curve: Curve, rise: float, fall: float) -> Curve:
    """Follow `curve`, covering the share `rise` or `fall` of the way in each frame."""
    eased = np.empty_like(curve)
    now = 0.0
    for frame, goal in enumerate(curve):
        now += (goal - now) * (rise if goal > now else fall)
        eased[frame] = now
    return eased


def _smooth(curve: Curve, width: float) -> Curve:
    reach = int(3 * width) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    padded = np.pad(curve, reach, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), "valid")


def _wander(at: Curve, rng: np.random.Generator) -> Curve:
    """A slow, aperiodic drift within -1..1: three sines that never meet again."""
    phase = rng.uniform(0, 2 * np.pi, 3)
    pace = np.array([0.9, 1.7, 2.9]) * rng.uniform(0.85, 1.15, 3)
    share = np.array([0.6, 0.28, 0.12])
    return np.asarray((np.sin(at[:, None] * pace + phase) * share).sum(1))


def _blinks(at: Curve, rng: np.random.Generator) -> Curve:
    """Lids down at irregular moments, 1.8 to 3.6 s apart: fast down, slower up."""
    closing, closed, opening = BLINK_S
    lids = np.zeros_like(at)
    starts = float(rng.uniform(0.7, 1.3))
    while starts < at[-1] - sum(BLINK_S):
        since = at - starts
        down = np.clip(since / closing, 0, 1)
        up = np.clip((since - closing - closed) / opening, 0, 1)
        lids = np.maximum(lids, down * down * (3 - 2 * down) - up * up * (3 - 2 * up))
        starts += float(rng.uniform(1.8, 3.6))
    return lids
