import numpy as np
import pytest
import scipy.signal

from tests.watermark.clips import KEY, OTHER_KEY, PAYLOAD
from watermark import audio, payload
from watermark.errors import BadPayload, UnsuitableMedia

RATE = 44_100


def a_voice(seconds, rate=RATE, seed=1):
    """Something like speech: a buzzing, gliding tone through moving resonances, with pauses."""
    rng = np.random.default_rng(seed)
    count = int(seconds * rate)
    t = np.arange(count) / rate
    buzz = scipy.signal.sawtooth(2 * np.pi * np.cumsum(120 + 30 * np.sin(1.7 * t)) / rate)
    source = buzz + 0.3 * rng.normal(size=count)
    out = np.zeros(count)
    for at in range(0, count, rate // 8):
        center = rng.uniform(300, 3000)
        resonance = scipy.signal.butter(2, [center * 0.8, center * 1.25], "band", fs=rate)
        piece = source[at : at + rate // 8 + 400]
        out[at : at + len(piece)] += scipy.signal.lfilter(*resonance, piece) * np.hanning(
            len(piece)
        )
    return (0.3 * out / np.abs(out).max()).astype(np.float32)[:, None]


@pytest.fixture(scope="module")
def voice():
    return a_voice(12)


@pytest.fixture(scope="module")
def marked(voice):
    return audio.embed(voice, RATE, PAYLOAD, KEY)


def snr_db(clean, noisy):
    return 10 * np.log10(np.mean(clean**2) / np.mean((noisy - clean) ** 2))


def faster(samples, factor):
    return scipy.signal.resample(samples, round(len(samples) / factor), axis=0).astype(np.float32)


def noisy(samples):
    level = np.sqrt(np.mean(samples**2)) * 10 ** (-30 / 20)
    noise = np.random.default_rng(5).normal(size=samples.shape) * level
    return (samples + noise).astype(np.float32)


def coarse(samples):
    return (np.rint(samples * 2**11) / 2**11).astype(np.float32)


CHANGES = {
    "nothing": lambda x: x,
    "another volume": lambda x: x * np.float32(0.2),
    "five seconds out of the middle": lambda x: x[130_000 : 130_000 + 5 * RATE],
    "3 % faster": lambda x: faster(x, 1.03),
    "3 % slower": lambda x: faster(x, 0.97),
    "noise at 30 dB": noisy,
    "twelve-bit samples": coarse,
}


class TestEmbed:
    def test_adds_little(self, voice, marked):
        assert marked.dtype == np.float32
        assert marked.shape == voice.shape
        assert snr_db(voice, marked) >= 30

    def test_adds_little_to_a_soft_stretch_beside_a_loud_one(self, voice):
        """Strength is set on what is written, not on what is heard around it."""
        steps = np.repeat(np.float32([1, 0.1]), 8 * RATE)[:, None]
        uneven = np.concatenate([voice, voice[: 4 * RATE]]) * steps
        both = audio.embed(uneven, RATE, PAYLOAD, KEY)
        chunk = audio.CHUNK_S * RATE
        for at in range(0, len(uneven), chunk):
            assert snr_db(uneven[at : at + chunk], both[at : at + chunk]) >= 30

    def test_gives_every_place_the_same_noise_but_where_it_would_be_heard(self):
        power = 10 ** np.random.default_rng(2).uniform(-8, 2, (40, 200))
        allowed = 1e-3 * power.sum()
        strength_db = audio._strength_db(power, allowed)
        noise = power * (strength_db * np.log(10) / 20) ** 2
        assert noise.sum() == pytest.approx(allowed, rel=1e-3)
        assert strength_db.max() <= 4.5
        below = strength_db < 4.49
        assert noise[below] == pytest.approx(noise[below].mean(), rel=1e-3)
        assert noise[~below].max() <= noise[below].mean() * 1.001

    def test_gives_all_that_is_not_heard_where_that_is_less_than_allowed(self):
        assert audio._strength_db(np.ones((4, 4)), 1e9) == pytest.approx(np.full((4, 4), 4.5))
        assert not audio._strength_db(np.zeros((4, 4)), 0.0).any()

    def test_marks_every_channel_and_their_mean(self, voice):
        stereo = np.concatenate([voice, np.roll(voice, 300) * np.float32(0.6)], axis=1)
        both = audio.embed(stereo, RATE, PAYLOAD, KEY)
        for heard in (both, both[:, :1], both.mean(1, keepdims=True)):
            found = audio.detect(np.ascontiguousarray(heard), RATE, KEY)
            assert found is not None
            assert found.payload == PAYLOAD

    def test_leaves_silence_silent(self):
        silence = np.zeros((3 * RATE, 2), np.float32)
        assert not audio.embed(silence, RATE, PAYLOAD, KEY).any()


class TestDetect:
    @pytest.mark.parametrize("change", CHANGES)
    def test_reads_the_payload_after(self, marked, change):
        found = audio.detect(np.ascontiguousarray(CHANGES[change](marked)), RATE, KEY)
        assert found is not None
        assert found.payload == PAYLOAD
        assert found.false_positive_log10 <= -9

    def test_reads_at_another_sample_rate(self, marked):
        slow = scipy.signal.resample_poly(marked, 160, 441, axis=0).astype(np.float32)
        found = audio.detect(slow, 16_000, KEY)
        assert found is not None
        assert found.payload == PAYLOAD

    def test_finds_nothing_without_a_mark_or_with_another_key(self, voice, marked):
        assert audio.detect(voice, RATE, KEY) is None
        assert audio.detect(marked, RATE, OTHER_KEY) is None

    def test_would_hear_marks_everywhere_if_the_tag_were_not_checked(self, voice, monkeypatch):
        monkeypatch.setattr(payload, "tag_matches", lambda *_: True)
        assert audio.detect(voice, RATE, KEY) is not None

    @pytest.mark.slow
    @pytest.mark.parametrize("seed", range(20))
    def test_finds_nothing_in_other_voices_and_noises(self, seed):
        grain = np.random.default_rng(seed).normal(0, 0.1, (5 * RATE, 1)).astype(np.float32)
        assert audio.detect(a_voice(5, seed=seed + 100), RATE, KEY) is None
        assert audio.detect(grain, RATE, KEY) is None


HOSTILE = {
    "no samples": (np.zeros((0, 2), np.float32), RATE),
    "no channels": (np.zeros((RATE, 0), np.float32), RATE),
    "one sample": (np.zeros((1, 1), np.float32), RATE),
    "one axis": (np.zeros(5 * RATE, np.float32), RATE),
    "integers": (np.zeros((5 * RATE, 1), np.int16), RATE),
    "not numbers": (np.full((5 * RATE, 1), np.nan, np.float32), RATE),
    "a rate of zero": (np.zeros((5 * RATE, 1), np.float32), 0),
}


class TestHostileSound:
    @pytest.mark.parametrize("name", HOSTILE)
    def test_is_refused_by_name(self, name):
        samples, rate = HOSTILE[name]
        with pytest.raises(UnsuitableMedia):
            audio.embed(samples, rate, PAYLOAD, KEY)
        with pytest.raises(UnsuitableMedia):
            audio.detect(samples, rate, KEY)

    def test_is_searched_without_a_crash_when_silent(self):
        assert audio.detect(np.zeros((2 * RATE, 1), np.float32), RATE, KEY) is None

    def test_needs_a_payload_of_eight_bytes(self, voice):
        with pytest.raises(BadPayload):
            audio.embed(voice, RATE, b"short", KEY)
