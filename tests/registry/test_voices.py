"""A voice that is given: what is wrong with a recording is said at once; what is kept is theirs."""

import io
import wave
from dataclasses import replace

import numpy as np
import pytest

from app import sandbox, vault
from app.identity import service as identity
from app.identity.principal import Principal
from app.registry import likeness, recordings, voices
from app.registry.errors import SoundDamaged, SoundNotSupported, VoiceRefused
from tests.gateway.test_listening import RATE, SPOKEN, spoken
from tests.registry.giving import HEARD
from tests.scenes import PORTRAIT, a_scene

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


class TestJudge:
    """Each line is one thing that a bad recording changes; as it is it goes through."""

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({}, []),
            ({"length_ms": 3999}, ["too-short"]),
            ({"length_ms": 120_001}, ["too-long"]),
            ({"spoken": 0.019}, ["too-quiet"]),
            ({"clipped": 0.001}, ["too-loud"]),
            ({"between": 0.02}, ["noisy"]),
            ({"voiced_s": 1.4}, ["no-voice"]),
            ({"length_ms": 900, "voiced_s": 0, "between": 0.1}, ["too-short", "no-voice", "noisy"]),
        ],
    )
    def test_all_that_is_to_be_done_better_is_said(self, changed, said):
        assert recordings.judge(replace(HEARD, **changed)) == said


def a_wav(samples):
    with io.BytesIO() as written:
        with wave.open(written, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes((np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes())
        return written.getvalue()


def spoken_well():
    return spoken() * 0.7


MADE = {
    "somebody reading": (spoken_well, []),
    "the same, far away": (lambda: spoken_well() * 0.1, ["too-quiet"]),
    "the same, distorted": (lambda: spoken_well() * 4, ["too-loud"]),
    "the same, in a waterfall": (
        lambda: spoken_well() + np.random.default_rng(1).normal(0, 0.03, len(spoken())),
        ["noisy"],
    ),
    "a hum": (
        lambda: 0.2 * np.sin(2 * np.pi * 100 * np.arange(6 * RATE) / RATE),
        ["no-voice", "noisy"],
    ),
    "silence": (lambda: np.zeros(6 * RATE), ["too-quiet"]),
}


class TestHear:
    """What is measured, on five seconds of somebody speaking, made worse, and on none."""

    @pytest.mark.parametrize("name", MADE)
    def test_sounds(self, name, tmp_path):
        make, said = MADE[name]
        path = tmp_path / "sound"
        path.write_bytes(a_wav(make()))
        heard = recordings.Recording(size_bytes=1, sha256="", **recordings.hear(str(path)))
        assert recordings.judge(heard) == said

    @pytest.mark.usefixtures("data_dir")
    def test_the_sandbox_hears_an_mp3_and_refuses_what_is_none_by_name(self, tmp_path):
        heard = voices.listen(SPOKEN)
        assert (heard.media_type, recordings.judge(heard)) == ("audio/mpeg", [])
        assert 4_800 < heard.length_ms < 5_100
        with pytest.raises(SoundNotSupported):
            voices.listen(PORTRAIT)
        path = tmp_path / "damaged"
        path.write_bytes(SPOKEN.read_bytes()[:40])
        with pytest.raises(SoundDamaged):
            voices.listen(path)

    def test_an_answer_of_the_sandbox_that_makes_no_sense_is_no_recording(self, monkeypatch):
        monkeypatch.setattr(sandbox, "run", lambda *_, **__: {"media_type": "text/html"})
        with pytest.raises(sandbox.SandboxCrashed):
            voices.listen(SPOKEN)


@ONE_DATABASE
class TestKeep:
    @pytest.fixture
    def scene(self, session):
        return a_scene(session, signed=False)

    @pytest.fixture
    def keep(self, session, scene, tmp_path):
        desk = scene.desk.organization
        key = identity.create_api_key(session, desk, name="x")[0].id
        path = tmp_path / "voice"
        path.write_bytes(b"a recording as sent")

        def keep(sentence="1", heard=HEARD):
            by = Principal(desk.id, desk.kind, key)
            return voices.keep_voice(session, scene.performer, sentence, path, heard, by=by)

        return keep

    def test_one_for_each_sentence_with_what_was_agreed(self, session, scene, keep):
        before, other, after = keep(), keep("2"), keep()
        assert likeness.kept_of(session, scene.performer.id) == [other, after]
        assert after.agreed == likeness.AGREED["voice"]
        assert likeness.open_medium(session, after, viewer_id="psn_1") == b"a recording as sent"
        with pytest.raises(vault.VaultObjectAltered):
            vault.open_bytes(session, before.vault_object_id, purpose="export", subject_id="x")

    def test_a_bad_one_is_not_kept_and_takes_no_good_ones_place(self, session, scene, keep):
        good = keep()
        said = keep(heard=replace(HEARD, between=0.1))
        assert isinstance(said, VoiceRefused)
        assert said.reasons == ["noisy"]
        assert likeness.kept_of(session, scene.performer.id) == [good]

    def test_an_erasure_takes_it_too(self, session, scene, keep):
        vault.erase_owner(session, scene.performer.id)
        with pytest.raises(vault.LikenessErased):
            keep()
