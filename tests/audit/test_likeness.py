"""Film and sound are known by what they look and sound like: found by it, and convicted by it."""

import cv2
import pytest

from app.audit import recovery
from app.provenance import content
from tests.audit.evidence import ONE_DATABASE, look, release
from tests.provenance import making
from tests.provenance.conftest import KEY, swaying

PAYLOAD, OTHER = bytes(range(8)), b"another!"
RATE = 16000

pytestmark = [ONE_DATABASE, pytest.mark.usefixtures("in_process")]


def a_film(path, samples, name):
    frames = swaying(cv2.imread(str(samples / f"{name}.jpg")), frames=12)
    small = [cv2.resize(frame, (360, 426), interpolation=cv2.INTER_AREA) for frame in frames]
    making.write_video(path, small)
    return path


def a_sound(path, seed):
    voice = making.a_voice(seed, seconds=8.0, rate=RATE)
    if path.suffix == ".wav":
        path.write_bytes(making.wav_bytes(voice, RATE))
    else:
        making.encode_audio(path, voice, RATE, 44100)
    return path


@pytest.fixture(params=["film", "sound"])
def pair(request, session, authority, samples, tmp_path, no_marks):
    """A released film or sound, a copy of it encoded anew, and a stranger of its kind."""
    if request.param == "film":
        out = tmp_path / "out.mp4"
        src = a_film(tmp_path / "in.mp4", samples, "girl-with-a-pearl-earring")
        stranger = a_film(tmp_path / "stranger.mp4", samples, "isaac-newton")
        copy = tmp_path / "copy.mov"
        a_film(copy, samples, "girl-with-a-pearl-earring")
    else:
        out, copy = tmp_path / "out.wav", a_sound(tmp_path / "copy.mp3", 1)
        src, stranger = a_sound(tmp_path / "in.wav", 1), a_sound(tmp_path / "stranger.mp3", 2)
    output = release(session, authority, src, out, PAYLOAD)
    return output.manifest.generation_id, copy, stranger


@pytest.fixture
def with_mark(monkeypatch):
    """Let every file carry this mark, as if it had been copied there."""

    def carry(payload):
        said = (True, {payload.hex(): (-9.0, 1)}, "")
        monkeypatch.setattr(content, "_marks", lambda _key, _look: said)

    return carry


def test_a_copy_whose_mark_is_gone_is_found_by_likeness_and_a_stranger_is_not(
    pair, session, authority, monkeypatch
):
    generation_id, copy, stranger = pair
    found = look(session, copy, authority)
    assert (found.verdict, found.findings["resembles"]) == ("not-ours", generation_id)
    assert look(session, stranger, authority).findings["resembles"] is None
    monkeypatch.setattr(recovery, "may_be_seen", lambda *_: True)  # no generation made it here
    (match,) = recovery.by_content(session, copy, watermark_keys={1: KEY})
    assert match.similarity_score >= 25
    assert recovery.by_content(session, stranger, watermark_keys={1: KEY}) == []


def test_the_mark_is_believed_where_the_content_agrees_and_convicts_where_it_does_not(
    pair, session, authority, with_mark
):
    generation_id, copy, stranger = pair
    with_mark(PAYLOAD)
    found = look(session, copy, authority)
    assert (found.verdict, found.findings["content"]) == ("recovered", "same")
    found = look(session, stranger, authority)
    assert (found.verdict, found.findings["content"]) == ("transplanted", "other")
    assert found.findings["manifest"]["generation_id"] == generation_id


def test_the_mark_of_one_output_on_another_of_ours_is_convicted_by_likeness(
    pair, session, authority, tmp_path, with_mark
):
    _, copy, stranger = pair
    kept = release(session, authority, stranger, tmp_path / f"two{stranger.suffix}", OTHER)
    with_mark(OTHER)
    found = look(session, copy, authority)
    assert found.verdict == "transplanted"
    assert found.findings["manifest"]["generation_id"] == kept.manifest.generation_id
    assert found.findings["resembles"] != kept.manifest.generation_id


def test_nobody_is_convicted_where_the_fingerprint_is_planted_out(
    pair, session, authority, with_mark, monkeypatch
):
    """The planted fault: without a look at the content, a copied mark would pass for its own."""
    _, _, stranger = pair
    with_mark(PAYLOAD)
    agreed = content.prints.Agreement("same", 1.0, 1.0, 0)
    monkeypatch.setattr(content.prints, "agreement", lambda *_: agreed)
    assert look(session, stranger, authority).verdict == "recovered"
