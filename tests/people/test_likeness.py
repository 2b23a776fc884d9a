"""A performer gives photos at a page: one by one, each checked, each theirs to take back."""

import re
from dataclasses import replace

import pytest

from app import db
from app.registry import likeness, voices
from app.registry.errors import MediumNotFound
from app.registry.models_likeness import LikenessMedium
from app.vault import VaultOpening
from tests.http.browser import OURS
from tests.licensing.mandating import granted, holder_of, make_minor
from tests.people.arriving import joined
from tests.people.visiting import ONE_DATABASE, everything, later, refused
from tests.registry.giving import HEARD, SEEN, aimed

HERE = "/performer/likeness"
pytestmark = ONE_DATABASE


@pytest.fixture
def seen(monkeypatch):
    """Have the sandbox see a good photo of the pose that the page asks for next."""
    shown = dict(SEEN)

    def look(_path):
        with db.reading() as session:
            found = likeness.kept_of(session, everything_enrolled())
        return shown[next(pose for pose in shown if pose not in {each.part for each in found})]

    monkeypatch.setattr(likeness, "look_at_photo", look)
    return shown


def everything_enrolled():
    from app.registry.models import Performer

    return everything(Performer)[0].id


def send(browser, scene, pose, *, headers=OURS, picture=b"\xff\xd8 a picture", **fields):
    browser.open(HERE)
    said = {
        "form_token": browser.value("form_token"),
        "performer_id": scene.performer.id,
        "pose": pose,
        "mine": "yes",
        **fields,
    }
    files = {"photo": ("me.jpg", picture)} if picture else {"x": b""}
    return browser.client.post(f"{HERE}/photos", data=said, files=files, headers=headers)


def test_photos_are_asked_for_one_by_one_kept_seen_and_taken_back(scene, girl, seen):
    assert f'href="{HERE}"' in girl.open("/performer").text
    for left, pose in ((4, "straight"), (3, "left"), (2, "right"), (1, "up")):
        page = girl.open(HERE).text
        assert f'name="pose" value="{pose}"' in page
        assert f"{left} photo" in page
        assert page.count('capture="user"') == 2  # and one for the voice
        assert re.findall(r"<script[^>]*>", page) == ['<script src="/static/recorder.js" defer>']
        assert send(girl, scene, pose, picture=b"\xff\xd8" + b"p" * 300_000).status_code == 303
    assert "All your photos are here." in girl.open(HERE).text
    photo = everything(LikenessMedium)[1]
    assert photo.agreed == likeness.AGREED["photo"]
    still = girl.client.get(f"{HERE}/{photo.id}/still")
    assert (still.headers["content-type"], still.content) == ("image/jpeg", SEEN["left"].still)
    page = girl.open(HERE).text
    assert "a small copy of a photo" in page
    assert "The Girl" in page  # who looked
    assert girl.send(f"{HERE}/{photo.id}/removal").status_code == 303
    assert girl.client.get(f"{HERE}/{photo.id}/still").status_code == 404
    assert 'name="pose" value="left"' in girl.open(HERE).text


def test_what_is_to_be_done_better_is_said_and_nothing_is_kept(scene, girl, seen):
    seen["straight"] = aimed(glare=0.3, sharpness=0.001)
    answer = send(girl, scene, "straight")
    assert answer.status_code == 422
    assert "Step out of the sun." in answer.text
    assert "Wipe the lens" in answer.text
    assert everything(LikenessMedium) == []
    opened = [each.purpose for each in everything(VaultOpening)]
    assert opened == ["enrollment"]  # of the portrait, though nothing came of it
    assert "Choose a picture first." in send(girl, scene, "straight", picture=b"").text
    assert "without the word of whose face" in send(girl, scene, "straight", mine="").text


@pytest.fixture
def heard(monkeypatch):
    """Have the sandbox hear this of each recording; what it really hears: tests/registry."""
    found = [HEARD]
    monkeypatch.setattr(voices, "listen", lambda _path: found[0])
    return found


def speak(browser, scene, sentence, *, headers=OURS, recording=b"as recorded", **fields):
    browser.open(HERE)
    said = {
        "form_token": browser.value("form_token"),
        "performer_id": scene.performer.id,
        "sentence": sentence,
        "mine": "yes",
        **fields,
    }
    files = {"recording": ("me.m4a", recording)} if recording else {"x": b""}
    return browser.client.post(f"{HERE}/voices", data=said, files=files, headers=headers)


def test_a_sentence_read_aloud_is_kept_played_to_its_owner_and_taken_back(scene, girl, heard):
    page = girl.open(HERE).text
    assert "My voice is mine." in page
    assert 'name="sentence" value="1"' in page
    assert 'accept="audio/' in page
    assert speak(girl, scene, "1", recording=b"r" * 300_000).status_code == 303
    assert speak(girl, scene, "1").status_code == 303
    voice = everything(LikenessMedium)[-1]  # the one before it made room
    assert (voice.kind, voice.part, voice.agreed) == ("voice", "1", likeness.AGREED["voice"])
    page = girl.open(HERE).text
    assert f'src="{HERE}/{voice.id}/sound"' in page
    assert 'name="sentence" value="2"' in page
    whole = girl.client.get(f"{HERE}/{voice.id}/sound")
    assert (whole.status_code, whole.headers["content-type"]) == (200, "audio/mp4")
    assert whole.content == b"as recorded"
    part = girl.client.get(f"{HERE}/{voice.id}/sound", headers={"Range": "bytes=3-10"})
    assert (part.status_code, part.content) == (206, b"recorded")
    assert part.headers["content-range"] == "bytes 3-10/11"
    behind = girl.client.get(f"{HERE}/{voice.id}/sound", headers={"Range": "bytes=99-"})
    assert behind.status_code == 416
    assert girl.client.get(f"{HERE}/{voice.id}/still").status_code == 404  # it is no photo
    assert "a recording of the voice" in girl.open(HERE).text
    girl.send(f"{HERE}/{voice.id}/removal")
    assert girl.client.get(f"{HERE}/{voice.id}/sound").status_code == 404


def test_what_to_do_better_with_a_recording_is_said_and_nothing_is_kept(scene, girl, heard):
    heard[0] = replace(HEARD, spoken=0.01, between=0.01)
    answer = speak(girl, scene, "1")
    assert answer.status_code == 422
    assert "Come closer to the microphone." in answer.text
    assert "Find a quiet room" in answer.text
    assert "Choose a recording first." in speak(girl, scene, "1", recording=b"").text
    assert "without the word of whose" in speak(girl, scene, "1", mine="").text
    refused(speak(girl, scene, "1", form_token="0" * 64), "form-refused")
    refused(speak(girl, scene, "1", headers={}), "form-refused")
    assert everything(LikenessMedium) == []


def test_no_polyglot_is_taken_for_a_recording(scene, girl):
    page = speak(girl, scene, "1", recording=b"<!doctype html><script>alert(1)</script>")
    assert page.status_code == 422
    assert "Send a recording as M4A" in page.text
    assert everything(LikenessMedium) == []


@pytest.mark.parametrize(
    ("headers", "fields"),
    [(OURS | {"Origin": "https://evil.example"}, {}), ({}, {}), (OURS, {"form_token": "0" * 64})],
)
def test_no_photo_goes_through_from_elsewhere(scene, girl, seen, headers, fields):
    refused(send(girl, scene, "straight", headers=headers, **fields), "form-refused")
    assert everything(LikenessMedium) == []


def test_nobody_gives_sees_or_removes_anothers_and_both_want_a_passkey_used_minutes_ago(
    scene, girl, agent, seen, monkeypatch
):
    send(girl, scene, "straight")
    (photo,) = everything(LikenessMedium)
    refused(agent.open(HERE), "not-allowed")
    for path in (f"{HERE}/{photo.id}/still", f"{HERE}/portrait?of={scene.performer.id}"):
        assert agent.client.get(path).status_code == 403
    girl.open(HERE)
    refused(send(girl, scene, "left", performer_id="per_unknown"), "performer-unknown")
    refused(girl.open(f"{HERE}?of=per_unknown"), "performer-unknown")
    later(monkeypatch, minutes=6)
    assert send(girl, scene, "left").headers["location"] == "/confirm"
    girl.open(HERE)
    assert girl.send(f"{HERE}/{photo.id}/removal").headers["location"] == "/confirm"
    assert everything(LikenessMedium) == [photo]


def test_after_a_death_the_old_desk_opens_and_removes_nothing_and_the_estate_may(
    served, scene, girl, seen, heard, tmp_path
):
    send(girl, scene, "straight")
    speak(girl, scene, "1")
    photo, voice = everything(LikenessMedium)
    with db.writing() as session:
        make_minor(session, scene)
    assert (
        girl.client.get(f"{HERE}/{photo.id}/still").status_code == 200
    )  # theirs beside a guardian
    with db.writing() as session:
        estate = holder_of(session, "estate_rep")
        granted(session, scene, "estate_rep", tmp_path, estate)
    refused(girl.open("/performer/likeness"), "performer-unknown")
    refused(girl.client.get(f"{HERE}/portrait?of={scene.performer.id}"), "performer-unknown")
    for path in (f"{photo.id}/still", f"{voice.id}/sound"):
        refused(girl.client.get(f"{HERE}/{path}"), "medium-not-found")
    girl.open("/performer")
    refused(girl.send(f"{HERE}/{photo.id}/removal"), "medium-not-found")
    with db.reading() as session, pytest.raises(MediumNotFound):
        likeness.medium_of(session, scene.desk.organization.id, photo.id)  # nor over the API
    assert everything(LikenessMedium)[0].removed_at is None
    felix = joined(served, estate.organization, "Felix")
    assert felix.client.get(f"{HERE}/{photo.id}/still").content == SEEN["straight"].still
    felix.open(HERE)
    assert felix.send(f"{HERE}/{photo.id}/removal").status_code == 303
    assert everything(LikenessMedium)[0].removed_at is not None
