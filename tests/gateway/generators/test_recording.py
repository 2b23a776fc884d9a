"""The puppet driven by a recording: heard as it is, consented, looked at first, marked, signed."""

import io
import wave
from pathlib import Path

import av
import numpy as np
import pytest
from scipy.signal import correlate
from sqlmodel import select

from app import config, db, storage
from app.audit import desk
from app.gateway import pipeline
from app.gateway.errors import JobNotOffered
from app.gateway.generators.local import CAPABILITY
from app.gateway.generators.puppet import acting, speech
from app.gateway.generators.puppet.film import SOUND_RATE
from app.gateway.generators.puppet.recording import hear
from app.gateway.generators.puppet.speech import Unspeakable
from app.gateway.materials import checking, consents
from app.gateway.materials import service as materials
from app.gateway.materials.errors import MaterialNotUsable
from app.gateway.materials.models import Material
from app.gateway.models import Generation
from app.identity.models import ApiKey
from app.identity.principal import Principal
from app.ledger.models import JournalEntry
from app.registry import service as registry
from tests import scenes
from tests.gateway.materials.making import a_recording, declared
from tests.gateway.vendors.story import PROVIDERS
from tests.provenance import making

LENGTH_S = "2.4"


def a_wav(samples: np.ndarray, rate: int) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


@pytest.fixture
def spoken(tmp_path: Path) -> bytes:
    """A person's recording, as far as a machine can make one: espeak-ng says another line."""
    sound = speech.speak("Hold the light up.", float(LENGTH_S), tmp_path)
    return a_wav(sound.samples, sound.rate)


class TestHear:
    def test_gives_the_recording_itself_for_as_long_as_the_clip(self, tmp_path):
        path = tmp_path / "voice"
        path.write_bytes(a_recording(1.0))
        sound = hear(path, 1.2)
        assert (sound.rate, sound.samples.size, sound.phonemes) == (SOUND_RATE, 57_600, ())
        assert 0.3 < np.abs(sound.samples[:47_000]).max() < 0.4
        assert np.abs(sound.samples[48_100:]).max() == 0
        assert hear(PROVIDERS / "sample.mp3", 5.0).samples.size == 5 * SOUND_RATE

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (a_recording(1.0)[:30], "recording-unreadable"),
            (b"#EXTM3U\nfile:///etc/passwd", "recording-unreadable"),
            ((PROVIDERS / "sample.mp4").read_bytes()[:4000], "recording-unreadable"),
            (a_recording(1.6), "recording-too-long"),
            (a_wav(np.zeros(16_000), 16_000), "no-voice"),
        ],
    )
    def test_refuses_what_would_not_be_heard_whole(self, tmp_path, content, reason):
        path = tmp_path / "voice"
        path.write_bytes(content)
        with pytest.raises(Unspeakable) as refusal:
            hear(path, 1.2)
        assert refusal.value.reason == reason

    def test_opens_the_mouth_where_it_is_loud_and_nowhere_else(self, tmp_path):
        path = tmp_path / "voice"
        tone = 0.4 * np.sin(2 * np.pi * 220 * np.arange(16_000) / 16_000)
        path.write_bytes(a_wav(np.concatenate([np.zeros(16_000), tone]), 16_000))
        samples, rate, _ = hear(path, 2.0)
        acted = acting.perform(samples, rate, fps=24, frames=48, seed=1)
        assert acted.opening[:20].max() < 0.05
        assert acted.opening[30:46].min() > 0.5


@pytest.fixture
def sent(database, tmp_path):
    """Have a scene's production upload a recording, read by the sandboxed reader, and consent."""

    def send(content: bytes, *, by: str = "", seen=None):
        path = tmp_path / "upload"
        path.write_bytes(content)
        found = materials.read(path, "voice")
        with db.writing() as session:
            scene = scenes.a_scene(session, seen=seen)
            owner = scene.production.organization
            scenes.an_api_key(session, owner)
            key = session.exec(select(ApiKey.id).where(ApiKey.organization_id == owner.id)).one()
            principal = Principal(owner.id, "production", key)
            material = materials.take_in(session, principal, "voice", path, found)
        checking.check_waiting()
        with db.writing() as session:
            material = session.get_one(Material, material.id)
            if by == "replica":
                consents.by_replica(session, material, scene.replica.id, by=principal)
            elif by == "declaration":
                consents.by_declaration(session, material, *declared(scene, material), by=principal)
        return scene, material

    return send


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestAnOrder:
    def ask(self, scene, material, **changes):
        wanted = {"length_s": LENGTH_S, "materials": {"voice": material.id}, **changes}
        with db.writing() as session:
            return scene.ask(session, **wanted)[1]

    def test_without_consent_is_refused(self, sent, spoken):
        scene, material = sent(spoken)
        with pytest.raises(MaterialNotUsable, match="consent"):
            self.ask(scene, material)

    def test_lasts_as_long_as_its_recording_and_needs_the_voice_licensed(self, sent, spoken):
        scene, material = sent(spoken, by="replica")
        assert ("voice",) == CAPABILITY.takes == CAPABILITY.follows
        with pytest.raises(JobNotOffered, match="lasts as long as voice"):
            self.ask(scene, material, length_s="5")
        with pytest.raises(JobNotOffered, match='add "voice"'):
            self.ask(scene, material, modalities=("face",))
        generation = self.ask(scene, material)
        # Whatever the contract waives, the performer's side hears it before its release.
        assert "a voice recording" in generation.request["look_first"][0]
        with db.writing() as session:
            consents.withdraw(session, session.get_one(Material, material.id), by="operator")
        assert pipeline.render(generation.id) is False
        with db.reading() as session:
            ended = session.get_one(Generation, generation.id)
        assert ended.state == "refused"
        assert "consent" in ended.reason

    @pytest.mark.slow
    def test_goes_from_the_upload_to_a_released_film_that_sounds_like_it(
        self, sent, spoken, tmp_path, monkeypatch
    ):
        making.an_authority(config.settings().keys_dir)
        monkeypatch.setattr(pipeline.service, "SEEN_FIRST", {})  # that look has tests of its own
        scene, material = sent(
            spoken, by="declaration", seen=registry.inspect_portrait(scenes.PORTRAIT)
        )
        generation_id = self.ask(scene, material).id
        for stage in pipeline.STAGES[:-1]:
            with db.reading() as session:
                reason = session.get_one(Generation, generation_id).reason
            assert stage(generation_id), (stage, reason)
        with db.reading() as session:
            done = session.get_one(Generation, generation_id)
            assert done.state == "released"
            assert len(session.exec(select(JournalEntry)).all()) == 1
        film = tmp_path / "film.mp4"
        storage.fetch(done.output_key, film)
        # 1. What is heard is the recording: marked, and compressed twice.
        given, heard = sound_of(tmp_path / "upload"), sound_of(film)
        alike = correlate(heard, given, "full", "fft").max()
        assert alike > 0.9 * np.linalg.norm(given) * np.linalg.norm(heard)
        # 2. Its credentials name the recording, and do not give it away.
        said = film.read_bytes()
        assert b"Voice recording" in said
        assert material.commitment.encode() not in said
        # 3. A stranger who drops the file learns that it is ours, marked, as it was released.
        seen = desk.look_at(film)
        assert (seen.verdict, seen.findings["payloads"]) == ("intact", [done.payload_hex])


def sound_of(path: Path) -> np.ndarray:
    with av.open(str(path)) as media:
        to_mono = av.AudioResampler(format="fltp", layout="mono", rate=SOUND_RATE)
        heard = (part for frame in media.decode(audio=0) for part in to_mono.resample(frame))
        return np.concatenate([part.to_ndarray()[0] for part in heard])
