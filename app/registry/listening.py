"""Is there a voice in a sound? Loudness and pitch over time, without weights. Runs in the sandbox.

A voice is told by what a larynx does: periodic sound, its pitch where people's lies, never quite
still. Much music does that too, so what is heard here proves no voice; where nothing of it is heard
nobody speaks aloud. Speech by itself is told from music by its consonants, tone and noise in turn.
docs/faces.md has the rates measured, and what is missed.
"""

from typing import Any

RATE, WINDOW, HOP = 16_000, 640, 320  # samples a second; 40 ms, every 20 ms
BLOCK = 3 * RATE  # what is judged at a time
LOWEST_HZ, HIGHEST_HZ = 70, 400  # of a speaker's pitch
AUDIBLE = 0.003  # root mean square, -50 dB
PERIODIC = 0.6  # normalized autocorrelation; 1 is a pure tone
RUN = 3, 100  # windows in a row with a pitch, fewest and most: 60 ms to 2 s
GLIDES, JUMPS = 0.3, 2.0  # semitones: least within a run, most from one window to the next
SPOKEN_S, CONSONANTS = 0.4, 0.065  # of a block: with a pitch; spread of the share of sign changes


class Ear:
    """Hears the frames of one track, one after the other; `finish`, then read what it heard.

    `voiced_s`: seconds with the pitch of a voice. `speech_s`: those of them in blocks that sound
    like speech with little else beside it.
    """

    def __init__(self) -> None:
        import numpy as np

        self._to_mono = _to_mono()
        self._left = np.zeros(0, np.float32)
        self.voiced_s = self.speech_s = 0.0

    def hear(self, frame: Any) -> None:
        """Take a decoded frame, of any rate and layout."""
        self._take(frame)
        while len(self._left) >= BLOCK:
            self._judge(self._left[:BLOCK])
            self._left = self._left[BLOCK:]

    def finish(self) -> None:
        """Judge what is left."""
        self._take(None)
        self._judge(self._left)

    def _take(self, frame: Any) -> None:
        import numpy as np

        try:
            heard = self._to_mono.resample(frame)
        except ValueError:  # the track goes on at another rate, or with other channels
            self._to_mono = _to_mono()
            heard = self._to_mono.resample(frame)
        parts = [part.to_ndarray()[0] for part in heard]
        self._left = np.concatenate([self._left, *parts])

    def _judge(self, samples: Any) -> None:
        if len(samples) < WINDOW + RUN[0] * HOP:
            return
        voiced_s, consonants = _measure(samples)
        self.voiced_s += voiced_s
        if voiced_s >= SPOKEN_S and consonants >= CONSONANTS:
            self.speech_s += voiced_s


def _to_mono() -> Any:
    import av

    return av.AudioResampler(format="flt", layout="mono", rate=RATE)


def _measure(samples: Any) -> tuple[float, float]:
    """Return seconds with a voice's pitch, and how much the share of sign changes is spread."""
    import numpy as np

    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP].astype(np.float64)
    windows -= windows.mean(1, keepdims=True)
    loudness = np.sqrt((windows**2).mean(1))
    loud = loudness > max(AUDIBLE, 0.1 * float(np.percentile(loudness, 95)))
    if not loud.any():
        return 0.0, 0.0
    periodic, pitch = _pitches(windows)
    held = loud & (periodic > PERIODIC)
    follows = np.zeros(len(held), bool)
    follows[1:] = held[1:] & held[:-1] & (np.abs(np.diff(pitch)) < JUMPS)
    starts = np.flatnonzero(held & ~follows)
    ends = [*np.flatnonzero(~follows)[1:], len(held)]
    runs = (pitch[start : min(end for end in ends if end > start)] for start in starts)
    kept = [run for run in runs if RUN[0] <= len(run) <= RUN[1] and np.ptp(run) >= GLIDES]
    changes = (np.diff(np.signbit(windows), axis=1) != 0).mean(1)
    return sum(map(len, kept)) * HOP / RATE, float(changes[loud].std())


def _pitches(windows: Any) -> tuple[Any, Any]:
    """Return of each window how periodic it is, and its pitch in semitones over 1 Hz."""
    import numpy as np

    size = 2048  # no lag of the transform wraps around
    hann = np.hanning(WINDOW)

    def correlate(found: Any) -> Any:
        return np.fft.irfft(np.abs(np.fft.rfft(found, size)) ** 2, size)

    first, last = RATE // HIGHEST_HZ - 1, RATE // LOWEST_HZ + 1
    whole, own = correlate(windows * hann), correlate(hann)
    near = (whole[:, first:last] / (whole[:, :1] + 1e-9)) / (own[first:last] / own[0])
    row, at = np.arange(len(near)), near[:, 1:-1].argmax(1) + 1
    before, peak, after = near[row, at - 1], near[row, at], near[row, at + 1]
    curve = before - 2 * peak + after
    shift = np.where(curve < -1e-6, 0.5 * (before - after) / np.minimum(curve, -1e-6), 0.0)
    return peak, 12 * np.log2(RATE / (first + at + shift.clip(-0.5, 0.5)))
