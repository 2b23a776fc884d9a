"""A line in a performer's own voice, the whole way: cloned, spoken, looked at, marked, paid."""

import json

import pytest
from sqlmodel import select

import watermark.recording
from app import config, db, keys, storage
from app.gateway import inspect, pipeline, service, vendor_copies
from app.gateway.errors import JobNotOffered
from app.gateway.generators import catalogue, wire
from app.gateway.generators.eleven import Eleven
from app.gateway.models import Generation
from app.gateway.models_vendor_copies import VendorCopy
from app.ledger.models import RecordedUse
from app.vault import VaultOpening
from tests.gateway.vendors.story import (
    PROVIDERS,
    a_scene,
    asked,
    came,
    configure,
    example_of,
    materials_for,
    offer,
    rendered,
)
from tests.providers.fakes.core import JOBS

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def eleven(fake, monkeypatch):
    connector = Eleven(fake.base, private=True)
    offer(monkeypatch, connector)
    return connector


@pytest.fixture
def scene(eleven, database, monkeypatch):
    (capability,) = eleven.capabilities()
    promise = f"{capability.model}=A letter (2026-10-01)"
    monkeypatch.setenv("UNDERSTUDY_MODELS_THAT_DO_NOT_TRAIN", promise)
    config.settings.cache_clear()
    configure("elevenlabs", "key")
    with db.writing() as session:
        return a_scene(session, capability)


@pytest.fixture
def ask(scene, eleven, tmp_path):
    (capability,) = eleven.capabilities()
    with db.writing() as session:
        materials = materials_for(session, scene, capability, tmp_path)

    def ask_for(line, **changes):
        wanted = example_of(capability) | {"length_s": "8", "materials": materials} | changes
        return asked(scene, capability.model, line, **wanted)

    return ask_for


def load(generation_id):
    with db.reading() as session:
        return session.get_one(Generation, generation_id)


@pytest.mark.slow
def test_a_line_goes_from_the_request_to_its_release(ask, fake, pauses, tmp_path, monkeypatch):
    monkeypatch.setattr(service, "SEEN_FIRST", {})  # the look before a release has its tests
    generation_id = ask("fine")
    for stage in (
        pipeline.render, pipeline.examine, pipeline.mark, pipeline.sign, pipeline.preview,
        pipeline.release,
    ):  # fmt: skip
        assert stage(generation_id), (stage, load(generation_id).reason)
    done = load(generation_id)
    assert done.state == "released"
    # Looked at: how long it is, in which codec; no portrait was opened for it.
    facts = done.output_facts
    assert facts["audio_codec"] == "mp3"
    assert 4 < facts["duration_s"] < 6
    with db.reading() as session:
        opened = session.exec(select(VaultOpening).where(VaultOpening.purpose == "render")).all()
    assert len(opened) == 1
    # Marked and signed, as the MP3 that it is.
    assert done.output_key.endswith(".mp3")
    signed = tmp_path / "signed.mp3"
    storage.fetch(done.output_key, signed)
    found = watermark.recording.detect(signed, keys.secret("watermark"))
    assert found is not None
    assert found.payload.hex() == done.payload_hex
    # Paid once, for one line, for as long as it lasts.
    with db.reading() as session:
        (use,) = session.exec(select(RecordedUse)).all()
    event = use.event if isinstance(use.event, dict) else json.loads(use.event)
    assert event["lines"] == 1
    assert event["seconds"] == f"{facts['duration_s']:.3f}"


def test_the_clone_is_recorded_before_it_is_made_and_gone_with_the_job(ask, fake, pauses):
    generation_id = ask("fine")
    rendered(generation_id, pauses)
    with db.reading() as session:
        copies = session.exec(select(VendorCopy).order_by(VendorCopy.kind)).all()
    assert [(copy.kind, copy.state) for copy in copies] == [("job", "deleted"), ("voice", "kept")]
    assert copies[1].reference.startswith("v_")
    assert copies[1].generation_id == generation_id
    vendor_copies.delete_due()
    with db.reading() as session:
        assert {copy.state for copy in session.exec(select(VendorCopy))} == {"deleted"}
    assert all(job.deleted for job in JOBS.values())
    assert [job.provider for job in JOBS.values()] == ["eleven-voice", "eleven"]


def test_a_clone_whose_reply_is_lost_is_found_again_and_no_second_one_is_made(
    ask, eleven, fake, pauses, monkeypatch
):
    generation_id = ask("fine")
    real = eleven.clone

    def clone_and_die(job):
        real(job)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(eleven, "clone", clone_and_die)
        with pytest.raises(KeyboardInterrupt):
            pipeline.render(generation_id)
    rendered(generation_id, pauses)  # nothing was ordered for sure: it goes on by itself
    assert came(generation_id, fake, "fine").state == "rendered"
    assert [job.provider for job in JOBS.values()] == ["eleven-voice", "eleven"]


def test_a_voice_that_wants_its_owner_at_the_vendors_is_refused_and_deleted(
    ask, eleven, fake, pauses, monkeypatch
):
    generation_id = ask("fine")
    form = wire.form
    monkeypatch.setattr(wire, "form", lambda files, _fields: form(files, {"name": "VERIFY"}))
    rendered(generation_id, pauses)
    found = came(generation_id, fake, "fine")
    assert (found.state, found.hold, found.paid) == ("failed", "voided", 0)
    assert "verified by its owner" in found.reason
    assert all(job.deleted for job in JOBS.values())


def test_sound_alone_is_asked_for_as_a_voice_and_with_a_consented_recording(ask, scene):
    with pytest.raises(JobNotOffered, match='"modalities"'):
        ask("fine", modalities=("face", "voice"))
    with pytest.raises(JobNotOffered, match="voice"):
        ask("fine", materials={})


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"duration_s": 8.4, "loudness": 0.1}, "not-the-length"),
        ({"duration_s": 3, "loudness": 0.0001}, "no-sound"),
        ({"duration_s": 0.1, "loudness": 0.1}, "no-sound"),
        ({"unreadable": "damaged"}, "damaged"),
    ],
)
def test_what_is_wrong_with_a_recording_is_found(database, facts, code):
    assert [
        each.code for each in inspect.check_sound(inspect.OutputFacts(**facts), longest_s=8)
    ] == [code]
    assert inspect.check_sound(inspect.OutputFacts(duration_s=3, loudness=0.1), longest_s=8) == []


def test_a_film_is_no_recording(database):
    facts = inspect.inspect_output(PROVIDERS / "sample.mp4", by="app.gateway.sounds:look_at_sound")
    assert facts.unreadable == "not-a-sound"


def test_every_vendor_of_sound_takes_a_voice(database):
    for vendor in catalogue.VENDORS:
        for capability in vendor.capabilities():
            if capability.output == "audio":
                assert "voice" in capability.needs
