"""Which mouth belongs to which sound: phonemes of espeak-ng, in IPA, to shapes over time. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.float64]
LEADS_S = 0.045  # lips move before they are heard
BLEND_S = 0.028  # sounds run into each other
SHUTS_S = 0.05  # how fast lips part again


@dataclass(frozen=True)
class Phoneme:
    """One sound of speech, from an instant on until the next one; silence has no name."""

    at_s: float
    name: str


SHUT = frozenset("pbm")
# Opening 0 to 1, and lips from rounded (-1) to wide (1), as seen from the front.
SHAPES = {
    "a": (0.9, 0.2), "ɑ": (1.0, -0.1), "æ": (0.85, 0.5), "ɐ": (0.6, 0.1), "ʌ": (0.6, 0.1),
    "ə": (0.35, 0.0), "ɚ": (0.35, -0.3), "ɜ": (0.45, -0.3), "ɝ": (0.45, -0.3),
    "e": (0.5, 0.6), "ɛ": (0.6, 0.5), "i": (0.3, 0.9), "ɪ": (0.35, 0.6), "ᵻ": (0.3, 0.5),
    "o": (0.6, -0.7), "ɔ": (0.75, -0.6), "ɒ": (0.85, -0.4), "u": (0.25, -1.0), "ʊ": (0.3, -0.8),
    "y": (0.25, -0.9), "w": (0.15, -1.0), "r": (0.2, -0.5), "ɹ": (0.2, -0.5), "ɾ": (0.2, 0.1),
    "p": (0.0, 0.0), "b": (0.0, 0.0), "m": (0.0, 0.0), "f": (0.08, 0.1), "v": (0.08, 0.1),
    "t": (0.12, 0.3), "d": (0.12, 0.3), "n": (0.14, 0.2), "s": (0.1, 0.4), "z": (0.1, 0.4),
    "l": (0.25, 0.1), "θ": (0.2, 0.1), "ð": (0.2, 0.1), "ʃ": (0.18, -0.6), "ʒ": (0.18, -0.6),
    "j": (0.25, 0.7), "k": (0.25, 0.0), "ɡ": (0.25, 0.0), "g": (0.25, 0.0), "ŋ": (0.22, 0.0),
    "h": (0.35, 0.0), "x": (0.25, 0.0), "ʔ": (0.1, 0.0),
}  # fmt: skip


def mouth(phonemes: Sequence[Phoneme], *, fps: int, frames: int) -> tuple[Curve, Curve]:
    """Return the opening and the spread of the lips in each frame while `phonemes` are heard.

    Lips meet in at least one frame of each p, b and m.
    """
    fine = 8 * fps
    at = np.arange(8 * frames) / fine + LEADS_S
    opening, spread = np.zeros_like(at), np.zeros_like(at)
    shut = np.ones(frames)
    middles = (np.arange(frames) + 0.5) / fps + LEADS_S
    ends = [each.at_s for each in phonemes[1:]] + [float(at[-1]) + 1]
    for phoneme, end_s in zip(phonemes, ends, strict=True):
        letters = [letter for letter in phoneme.name if letter in SHAPES]
        step_s = (end_s - phoneme.at_s) / max(len(letters), 1)
        for number, letter in enumerate(letters):
            start_s = phoneme.at_s + number * step_s
            held = (at >= start_s) & (at < start_s + step_s)
            opening[held], spread[held] = SHAPES[letter]
            if letter in SHUT:
                away = np.abs(middles - (start_s + step_s / 2)) - 0.5 / fps
                shut = np.minimum(shut, np.clip(away / SHUTS_S, 0, 1))
    opening, spread = (_blend(curve, BLEND_S * fine)[4::8] for curve in (opening, spread))
    return opening * shut, spread


def _blend(curve: Curve, width: float) -> Curve:
    reach = int(3 * width) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    return np.convolve(np.pad(curve, reach), kernel / kernel.sum(), "valid")
