"""Materials at vendors: what leaves, to whom, and what an output says it was made from."""

import json
import shutil
from dataclasses import replace

import pytest
from sqlmodel import select

from app import config, db
from app.gateway import pipeline, workbench
from app.gateway.errors import JobNotOffered
from app.gateway.generators import RenderJob, runway
from app.gateway.generators.errors import OrderRefused, VendorBusy
from app.gateway.generators.pika import Pika
from app.gateway.generators.runway import Runway
from app.gateway.generators.runway_models import ALEPH
from app.gateway.materials import service as materials_service
from app.gateway.materials.models import Material
from app.gateway.models import Generation
from app.gateway.models_vendor_copies import VendorCopy
from app.provenance import credentials as found_in
from app.provenance import service as provenance
from tests import scenes
from tests.gateway.vendors.story import (
    SAMPLE,
    a_scene,
    asked,
    configure,
    example_of,
    materials_for,
    offer,
)
from tests.gateway.vendors.test_every_vendor import AT_FAKE
from tests.provenance import making
from tests.providers.fakes import core
from tests.scenes import PORTRAIT

SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def a_job(tmp_path, model="runway/aleph2", **more):
    footage = tmp_path / "shot"
    footage.write_bytes(SAMPLE)
    job = RenderJob("gen_01", model, "Rain falls.", 6.0, 1280, 720, (PORTRAIT,), footage=footage)
    return replace(job, **more)


@pytest.fixture
def connector(database, fake, pauses, monkeypatch):
    monkeypatch.setattr(runway, "INLINE_LIMIT_BYTES", 1000)
    host = fake.base.removeprefix("http://")
    configure("runway", "key", upload_host=host)
    return Runway(fake.base, hosts=(host,), private=True)


@SQLITE
class TestUpload:
    """What is too large for an order is uploaded first, to the one host the operator named."""

    def test_goes_to_the_named_host_without_credentials_and_the_order_names_it(
        self, connector, fake, tmp_path
    ):
        with db.writing() as session:
            scene = scenes.a_scene(session)
            _, generation = scene.ask(session)
        connector.submit(a_job(tmp_path, generation_id=generation.id))
        with db.reading() as session:
            copy = session.exec(select(VendorCopy)).one()
        assert (copy.kind, copy.vendor, copy.performer_id, copy.contract_id) == (
            "upload", "runway", scene.performer.id, scene.contract.id,
        )  # fmt: skip
        (job,) = core.JOBS.values()
        assert job.body["videoUri"] == copy.reference
        assert core.REQUESTS["runway upload bytes"] == len(SAMPLE)
        sent = [each for each in fake.requests() if each["p"].startswith("/runway-upload/")]
        assert len(sent) == 1
        assert "authorization" not in sent[0]["h"]

    def test_goes_nowhere_where_no_host_is_named_or_another_one_is_answered(
        self, connector, fake, tmp_path
    ):
        for host, words in (("", "upload_host"), ("uploads.example", "is not where such a file")):
            configure("runway", "key", upload_host=host)
            with pytest.raises(OrderRefused, match=words):
                connector.submit(a_job(tmp_path))
        assert core.REQUESTS["runway upload bytes"] == 0
        assert core.JOBS == {}

    def test_that_does_not_arrive_buys_nothing_and_may_be_tried_again(
        self, connector, tmp_path, monkeypatch
    ):
        answered = {"runwayUri": "runway://x", "uploadUrl": f"{connector.base}/none", "fields": {}}
        monkeypatch.setattr(runway.wire, "ask", lambda *_, **__: answered)
        with pytest.raises(VendorBusy):
            connector.submit(a_job(tmp_path))
        answered["fields"] = {"key": 'x"\r\n'}
        with pytest.raises(OrderRefused):
            connector.submit(a_job(tmp_path))
        assert core.JOBS == {}


@SQLITE
class TestOrder:
    def test_a_portrait_that_an_order_has_no_place_for_stays_here(
        self, database, fake, tmp_path, pauses
    ):
        host = fake.base.removeprefix("http://")
        for vendor in ("runway", "pika"):
            configure(vendor, "key")
        frame = tmp_path / "frame"
        frame.write_bytes(core.PNG)
        for connector, job in (
            (Runway(fake.base, hosts=(host,), private=True), a_job(tmp_path)),
            (
                Pika(fake.base, hosts=(host,), private=True),
                a_job(tmp_path, "pika/image-2.2", length_s=5.0, footage=None, first_frame=frame),
            ),
        ):
            core.JOBS.clear()
            connector.submit(job)
            (ordered,) = core.JOBS.values()
            assert "data:image/jpeg" not in json.dumps(ordered.body)  # the portrait is a JPEG

    def test_by_text_alone_is_made_and_nobody_can_be_cast_in_it(
        self, database, fake, tmp_path, pauses
    ):
        configure("pika", "key")
        pika = Pika(fake.base, hosts=(fake.base.removeprefix("http://"),), private=True)
        text = a_job(tmp_path, "pika/text-2.2", length_s=5.0, footage=None, references=())
        reference = pika.submit(text)
        pika.poll(reference)
        pika.fetch(reference, tmp_path / "film")
        assert (tmp_path / "film").read_bytes() == SAMPLE
        with pytest.raises(OrderRefused, match="takes no portrait"):
            pika.submit(replace(text, references=(PORTRAIT,)))


@pytest.mark.slow
@SQLITE
def test_altered_footage_is_the_parent_and_its_private_words_are_not_passed_on(
    database, fake, pauses, monkeypatch, tmp_path
):
    authority = making.an_authority(config.settings().keys_dir)
    connector = AT_FAKE["runway"].make(
        fake.base, hosts=(fake.base.removeprefix("http://"),), private=True
    )
    offer(monkeypatch, connector)
    monkeypatch.setenv(
        "UNDERSTUDY_MODELS_THAT_DO_NOT_TRAIN", f"{ALEPH.model}=A letter (2026-10-01)"
    )
    config.settings.cache_clear()
    configure("runway", "key")
    with db.writing() as session:
        scene = a_scene(session, ALEPH)
        materials = materials_for(session, scene, ALEPH, tmp_path)
        with pytest.raises(JobNotOffered, match="lasts as long as footage"):
            scene.ask(
                session,
                generator=ALEPH.model,
                materials=materials,
                **example_of(ALEPH) | {"length_s": "5"},
            )
    generation_id = asked(
        scene, ALEPH.model, "Rain falls.", materials=materials, **example_of(ALEPH)
    )
    with db.writing() as session:
        begins = replace(ALEPH, needs=("first_frame",), sizes=frozenset({(1280, 720)}))
        found = materials_for(session, scene, begins, tmp_path)
        frame = session.get_one(Material, found["first_frame"])
        materials_service.use(session, generation_id, {"first_frame": frame})
    film = making.make_media(tmp_path / "marked.mp4")
    with db.writing() as session:
        _, key = workbench.keep(generation_id, "marked", film)
        row = session.get_one(Generation, generation_id)
        row.state, row.marked_key, row.rendered_key = "marked", key, key
        # Whatever the contract waives, the performer's side looks at what was altered.
        assert row.request["look_first"] == ["footage that is altered"]
    assert pipeline.sign(generation_id) is True
    row = workbench.load(generation_id)
    out = workbench.fetch(row.output_key, tmp_path / "out")
    said = out.read_bytes()
    assert b"compositeWithTrainedAlgorithmicMedia" in said
    assert b"c2pa.opened" in said
    assert b"parentOf" in said
    assert b"First frame" in said
    assert frame.commitment.encode() not in said  # committed to once more, by a salt of its own
    # Footage whose own credentials tell what is private is named, and nothing is said for it.
    own = tmp_path / "own.mp4"
    making.signed(authority, film, own)
    (label,) = found_in.find_remains(path=str(own))["labels"]
    shutil.copy(own, tmp_path / "copy.mp4")
    for private, kept in (["nothing of it"], True), ([label], False):
        provenance.altered_footage(own, desk=authority.desk, private=private)
        assert found_in.holds_store(own) is kept
