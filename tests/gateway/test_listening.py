"""A voice is missed where one was asked for, and noticed where none is licensed."""

from functools import lru_cache
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from sqlmodel import select

from app import db
from app.gateway import inspect, pipeline, workbench
from app.gateway.inspect import OutputFacts, check_voice, inspect_output
from app.gateway.models import Generation
from app.gateway.models_previews import Preview
from app.gateway.reviews import service as reviews
from app.registry import listening
from tests import scenes
from tests.gateway.videos import film

RATE = listening.RATE
SPOKEN = Path(__file__).parents[1] / "providers" / "sample.mp3"
ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@lru_cache
def spoken() -> np.ndarray:
    """Five seconds of somebody speaking."""
    with av.open(str(SPOKEN)) as media:
        to_mono = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        parts = [p.to_ndarray()[0] for f in media.decode(audio=0) for p in to_mono.resample(f)]
    return np.concatenate(parts)


def _times(seconds: float) -> np.ndarray:
    return np.arange(int(seconds * RATE)) / RATE


def _melody() -> np.ndarray:
    """A plucked scale, its pitch bent a little: pitched like a voice, and without a consonant."""
    t = _times(6)
    hz = 110 * 2 ** ((np.floor(t * 3) % 8 + 0.4 * (t * 3 % 1)) / 12)
    phase = 2 * np.pi * np.cumsum(hz) / RATE
    fading = np.exp(-4 * (t % (1 / 3)))
    return 0.2 * fading * sum(np.sin(n * phase) / n for n in range(1, 8))


SOUNDS = {
    "silence": lambda: np.zeros(6 * RATE),
    "too quiet to be heard": lambda: spoken() * 0.002,
    "noise": lambda: np.random.default_rng(1).normal(0, 0.1, 6 * RATE),
    "a hum": lambda: 0.1 * np.sin(2 * np.pi * 100 * _times(6)),
    "beeps": lambda: 0.2 * np.sin(2 * np.pi * 300 * _times(6)) * (_times(6) % 0.5 < 0.25),
    "clicks": lambda: (np.random.default_rng(2).random(6 * RATE) < 0.0005) * 0.8,
}


def heard(samples: np.ndarray) -> listening.Ear:
    ear = listening.Ear()
    for start in range(0, len(samples), 1600):
        part = np.ascontiguousarray(samples[start : start + 1600], np.float32)[None]
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
        frame.sample_rate = RATE
        ear.hear(frame)
    ear.finish()
    return ear


class TestEar:
    @pytest.mark.parametrize("louder", [0.3, 1.0])
    def test_hears_speech(self, louder):
        ear = heard(spoken() * louder)
        assert 2 < ear.voiced_s < 5
        assert ear.speech_s > 1

    @pytest.mark.parametrize("name", SOUNDS)
    def test_hears_no_voice_in(self, name):
        ear = heard(SOUNDS[name]())
        assert (ear.voiced_s < inspect.VOICE_LEAST_S, ear.speech_s) == (True, 0)

    def test_takes_a_melody_for_a_voice_maybe_and_never_for_speech(self):
        ear = heard(_melody())
        assert ear.voiced_s > inspect.VOICE_LEAST_S
        assert ear.speech_s == 0

    @pytest.mark.parametrize("samples", [0, 1, 640, 1599])
    def test_makes_nothing_of_next_to_nothing(self, samples):
        assert heard(np.full(samples, 0.1)).voiced_s == 0


class TestInAFilm:
    def test_a_voice_is_heard_in_its_sound_and_none_where_it_is_silent(self, data_dir, tmp_path):
        path = tmp_path / "rendered.mp4"
        found = {}
        for name, sound in {"silent": True, "spoken": spoken()}.items():
            path.write_bytes(film([Image.new("RGB", (160, 120))] * 50, sound=sound))
            facts = inspect_output(path)
            assert facts.unreadable == ""
            found[name] = facts.voiced_s
        assert found["silent"] == 0
        assert found["spoken"] > 2


class TestCheckVoice:
    SPEECH = OutputFacts(voiced_s=3, speech_s=2)
    MUSIC = OutputFacts(voiced_s=3)

    def _codes(self, facts, **asked):
        return [finding.code for finding in check_voice(facts, **asked)]

    def test_misses_a_voice_only_where_one_is_wanted(self):
        assert self._codes(OutputFacts(), wanted=True, licensed=True) == ["no-voice"]
        assert self._codes(OutputFacts(), wanted=False, licensed=True) == []
        assert self._codes(self.SPEECH, wanted=True, licensed=True) == []

    def test_notices_speech_only_where_no_voice_is_licensed_and_nobody_else_may_speak(self):
        assert self._codes(self.SPEECH, wanted=False, licensed=False) == ["voice-not-licensed"]
        assert self._codes(self.MUSIC, wanted=False, licensed=False) == []
        others = {"wanted": False, "licensed": False, "others_may_speak": True}
        assert self._codes(self.SPEECH, **others) == []

    def test_every_code_of_it_is_for_a_person(self):
        assert {"no-voice", "voice-not-licensed"} <= inspect.DOUBTS


@ONE_DATABASE
@pytest.mark.parametrize(
    ("modalities", "facts", "code"),
    [
        (("face", "voice"), {}, "no-voice"),
        (("face", "voice"), {"voiced_s": 2}, None),
        (("face",), {"voiced_s": 2, "speech_s": 2}, "voice-not-licensed"),
        (("face",), {"voiced_s": 2}, None),
    ],
)
def test_what_is_heard_is_looked_into_before_the_release(
    database, tmp_path, monkeypatch, modalities, facts, code
):
    face = inspect.SampledFace(at_s=0, box=(0, 0, 9, 9), distance=0.1)
    seen = {"duration_s": 5, "frame_count": 50, "frames_sampled": 8, "faces": [face]}
    looked = OutputFacts(**seen, width=1280, height=720, **facts)
    monkeypatch.setattr(pipeline.inspect, "look", lambda *_, **__: (looked, []))
    path = tmp_path / "rendered.mp4"
    path.write_bytes(b"a film")
    with db.writing() as session:
        of = scenes.a_scene(session, quota={"max_seconds": 1000})
        decision, generation = of.ask(session, modalities=modalities)
        assert generation is not None, decision.codes
        generation.state = "rendered"
    generation_id = generation.id
    _, key = workbench.keep(generation_id, "rendered", path)
    with db.writing() as session:
        session.get_one(Generation, generation_id).rendered_key = key
    assert pipeline.examine(generation_id)
    with db.writing() as session:
        review = reviews.of_generation(session, generation_id)
        assert (
            [each.split(":")[0] for each in review.findings] == [code] if code else review is None
        )
        session.get_one(Generation, generation_id).state = "signed"
    assert pipeline.preview(generation_id) is (code is None)
    with db.reading() as session:
        assert len(session.exec(select(Preview)).all()) == (code is not None)
