"""The mark in sound: `embed` and `detect`."""

import math
from dataclasses import dataclass

import numpy as np

from watermark import listening, sound
from watermark import payload as message
from watermark.arrays import Complexes, Floats, Integers
from watermark.errors import MediaTooLarge, UnsuitableMedia

SHORTEST_S = 1.0
MAX_SAMPLES = 2_000_000_000
TARGET_SNR_DB = 30.1
CHUNK_S = 8
PAD_S = 1  # heard on either side of a chunk, so that chunks join without a seam
_MOST_DB = 4.5  # change of magnitude before cancellation
_CANCEL = 0.9  # share of what the sound itself says that is cancelled where it can be
_FACTORS = (0.1, 2.5)  # least and most that a cell's strength is multiplied with for it
_CANCELLING = 1.6  # power that cancellation adds to the noise, about
_RATES = (2_000, 768_000)


@dataclass(frozen=True)
class Detection:
    """A payload that was read.

    `false_positive_log10` bounds the chance that unmarked sound yields any payload; `key_index`
    says which of the keys found it, 0 for the first.
    """

    payload: bytes
    false_positive_log10: float
    key_index: int = 0


def embed(samples: Floats, sample_rate: int, payload: bytes, key: bytes) -> Floats:
    """A copy of `samples` that carries `payload`, at a signal-to-noise ratio of 30 dB or more.

    `samples` is float32 [n, channels] in -1..1. Raises BadPayload, UnsuitableMedia,
    MediaTooLarge.
    """
    message.check(payload, key)
    check(samples, sample_rate)
    out = samples.copy()
    signs, table = sound.pattern(payload, key), sound.of_key(key)
    for start in range(0, len(samples), CHUNK_S * sample_rate):
        before = min(start, PAD_S * sample_rate)
        end = min(len(samples), start + CHUNK_S * sample_rate)
        heard = samples[start - before : end + PAD_S * sample_rate]
        written = slice(before, before + end - start)
        second = (start - before) // sample_rate
        out[start:end] += chunk_change(heard, sample_rate, signs, table, second, written=written)
    return out


def chunk_change(
    heard: Floats, rate: int, signs: Floats, table: sound.Table, start_s: int, *, written: slice
) -> Floats:
    """What to add to the part `written` of a stretch of sound that begins at a whole second.

    The rest of what is `heard` [n, channels] is there so that parts join without a seam.
    All channels get the same gains, found on their mean, so that any mix of them is marked.
    """
    slow = sound.resample(heard, rate, sound.RATE)
    ends = ((sound.HOP, sound.SIZE), (0, 0))
    spectra = [sound.analyze(channel) for channel in np.pad(slow, ends).T]
    frames = np.arange(len(spectra[0])) - 1 + start_s * sound.RATE // sound.HOP
    gain = informed_gain(np.mean(spectra, axis=0), signs, table, frames)
    change = np.zeros_like(heard)
    for channel, spectrum in enumerate(spectra):
        back = sound.synthesize(spectrum * gain, len(slow) + sound.HOP)[sound.HOP :]
        whole = sound.resample(back, sound.RATE, rate)[: len(heard)]
        change[: len(whole), channel] = whole
    change = change[written]
    power, noise = float(np.mean(heard[written] ** 2)), float(np.mean(change**2))
    allowed = power * 10 ** (-TARGET_SNR_DB / 10)
    return np.asarray(change * np.float32(np.sqrt(min(1.0, allowed / max(noise, 1e-20)))))


def informed_gain(
    spectrum: Complexes, signs: Floats, table: sound.Table, frames: Integers
) -> Floats:
    """Relative change of each bin: more where the sound itself speaks against a bit, less where
    it already says it (as in `informed`, period by period)."""
    bands = _band_of_bin()
    inside = bands >= 0
    power = np.abs(spectrum) ** 2
    allowed = float(power.sum()) * 10 ** (-TARGET_SNR_DB / 10) / _CANCELLING
    strength = np.zeros(power.shape, np.float32)
    strength[:, inside] = _strength_db(power[:, inside], allowed)
    cells = frames % sound.FRAMES // sound.FRAMES_PER_CELL
    wanted = signs[cells]
    period = frames // sound.FRAMES - frames[0] // sound.FRAMES
    group = table.groups[cells] + period[:, None] * sound.GROUPS
    before = listening.features(listening.logs_of(power), 1.0) * wanted
    change_db = strength * wanted[:, np.maximum(bands, 0)]
    louder = power * 10 ** (change_db / 10)
    after = listening.features(listening.logs_of(louder), 1.0) * wanted
    host = np.bincount(group.ravel(), before.ravel())
    effect = np.bincount(group.ravel(), (after - before).ravel())
    usual = max(float(effect.mean()), 1e-9)
    factor = np.clip(1 - _CANCEL * host / usual, *_FACTORS)[group]
    change_db *= factor[:, np.maximum(bands, 0)]
    return np.asarray(10 ** (change_db / 20) - 1, np.float32)


def _band_of_bin() -> Integers:
    """The band of each bin of the spectrum, -1 outside all."""
    frequency = np.arange(sound.SIZE // 2 + 1) * (sound.RATE / sound.SIZE)
    edges = sound.band_edges()
    band = np.searchsorted(edges, frequency, side="right") - 1
    return np.where((band >= 0) & (band < len(edges) - 1), band, -1)


def _strength_db(power: Floats, allowed: float) -> Floats:
    """Strength of each bin [frames, bins], of which the noise adds up to `allowed`.

    All bins get the same noise but those where it would be more than `_MOST_DB`: they get that,
    and what they leave goes to the others (water filling).
    """
    decibel = math.log(10) / 20
    most = np.sort(power, axis=None).astype(np.float64) * (_MOST_DB * decibel) ** 2
    left = allowed - np.concatenate([[0.0], np.cumsum(most[:-1])])
    level = left / np.arange(len(most), 0, -1)  # were all from here on to share what is left
    full = int(np.searchsorted(most - level, 0.0))  # from here on more than that could be taken
    noise = level[full] if full < len(most) else most[-1]
    return np.asarray(np.minimum(_MOST_DB, np.sqrt(noise / (power + 1e-20)) / decibel), np.float32)


def detect(samples: Floats, sample_rate: int, *keys: bytes) -> Detection | None:
    """The payload that the first of one to three `keys` finds in `samples`, or None; never a
    wrong one.

    Survives lossy coding, resampling, trimming to five seconds, change of speed and of tempo
    within the limits in docs/watermark-benchmarks.md. Raises BadPayload, UnsuitableMedia,
    MediaTooLarge.
    """
    message.check_keys(keys)
    check(samples, sample_rate)
    attempts = 0
    for index, key in enumerate(keys):
        listener = listening.Listener(key, limit=message.limit(keys))
        payload = listener.read(samples, sample_rate)
        attempts += listener.attempts
        if payload is not None:
            return Detection(payload, message.log10_false_positive(attempts), index)
    return None


def check(samples: Floats, sample_rate: int) -> None:
    """Accept sound that can be worked on, or say why not."""
    if not isinstance(samples, np.ndarray) or samples.dtype != np.float32 or samples.ndim != 2:
        raise UnsuitableMedia("sound is a numpy array of float32 [n, channels]")
    if not _RATES[0] <= sample_rate <= _RATES[1]:
        raise UnsuitableMedia(f"a sample rate of {sample_rate} Hz is not one of sound")
    if samples.shape[1] < 1 or len(samples) < SHORTEST_S * sample_rate:
        raise UnsuitableMedia(f"{len(samples)} samples; a mark needs {SHORTEST_S} s of sound")
    if samples.size > MAX_SAMPLES:
        raise MediaTooLarge(f"{samples.size} samples; at most {MAX_SAMPLES} are taken")
    if not np.isfinite(samples).all():
        raise UnsuitableMedia("some samples are not numbers")
