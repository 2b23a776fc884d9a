"""A picture as an output: looked at, marked, signed, paid by the render, released as what it is."""

import shutil
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from sqlmodel import select

import watermark.image
from app import config, db, keys, storage
from app.gateway import pipeline
from app.gateway.errors import JobNotOffered
from app.gateway.generators import NEVER_LEFT, Capability, JobStatus, Phase, catalogue
from app.gateway.inspect import OutputFacts, SampledFace, check_output, inspect_output
from app.gateway.models import Generation
from app.gateway.outputs import KINDS, media_type_of
from app.ledger.errors import EventIncomplete
from app.ledger.models import JournalEntry
from app.provenance import service as provenance
from app.registry import service as registry
from tests import scenes
from tests.gateway.videos import SAMPLES
from tests.provenance import making

BY = KINDS["image"].looked_at_by
SIZE = (800, 947)
STILLS = Capability(
    "local/stills", "image", (0, 0), frozenset({SIZE}), (1, 3), 300,
    audio=False, lip_sync=False, attestation=NEVER_LEFT,
)  # fmt: skip
PER_RENDER = {"model": "per_render", "rate_minor": "2500"}


class Stills:
    """A generator whose picture is the portrait itself, or another file."""

    name = "local"
    returns = scenes.PORTRAIT

    def capabilities(self):
        return (STILLS,)

    def submit(self, job):
        return job.generation_id

    def poll(self, reference):
        return JobStatus(reference, Phase.SUCCEEDED)

    def fetch(self, reference, to):
        shutil.copyfile(self.returns, to)

    def cancel(self, reference):
        return JobStatus(reference, Phase.CANCELLED)

    def forget(self, reference):
        return True


@pytest.fixture
def stills(monkeypatch):
    generator = Stills()
    monkeypatch.setattr(catalogue, "offered", lambda: (generator,))
    monkeypatch.setitem(catalogue.TRAINS_ON_INPUTS.data, STILLS.model, False)
    return generator


@pytest.fixture(scope="module")
def girl():
    return registry.inspect_portrait(scenes.PORTRAIT)


def a_scene(session, seen, **terms):
    scene = scenes.a_scene(session, generator=STILLS.model, seen=seen, signed=False)

    def change(document):
        document["grant"]["generators"] = [STILLS.model]
        compensation = document["compensation"]
        for name in ("rate_minor", "model"):
            compensation.pop(name, None)
        compensation |= terms
        document["compensation"] = compensation

    changed = scenes.offered(session, scene, change)
    scenes.sign(session, changed)
    return changed


def asked(scene, **changes):
    with db.writing() as session:
        decision, generation = scene.ask(
            session, generator=STILLS.model, length_s="0", size=SIZE, modalities=("face",),
            line="She holds a lantern.", **changes,
        )  # fmt: skip
        assert generation is not None, decision.codes
    return generation.id


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestPicture:
    @pytest.mark.slow
    def test_is_marked_signed_and_released_as_a_jpeg_and_paid_by_the_render(
        self, database, stills, girl, tmp_path
    ):
        making.an_authority(config.settings().keys_dir)
        with db.writing() as session:
            scene = a_scene(session, girl, **PER_RENDER)
        generation_id = asked(scene)
        for stage in pipeline.STAGES[:-1]:
            assert stage(generation_id), stage
        with db.reading() as session:
            released = session.get_one(Generation, generation_id)
            assert (released.state, released.length_ms) == ("released", 0)
            assert media_type_of(released.output_key) == "image/jpeg"
            manifest = provenance.by_generation(session, generation_id)
            assert manifest.media_type == "image/jpeg"
            assert len(session.exec(select(JournalEntry)).all()) == 1
        out = tmp_path / "out.jpg"
        storage.fetch(released.output_key, out)
        found = watermark.image.detect(cv2.imread(str(out)), keys.secret("watermark"))
        assert found is not None
        assert found.payload.hex() == released.payload_hex

    def test_of_somebody_else_is_quarantined_and_costs_nothing(self, database, stills, girl):
        with db.writing() as session:
            scene = a_scene(session, girl, **PER_RENDER)
        stills.returns = SAMPLES / "isaac-newton.jpg"
        generation_id = asked(scene)
        assert pipeline.render(generation_id)
        assert pipeline.examine(generation_id) is False
        with db.reading() as session:
            ended = session.get_one(Generation, generation_id)
            assert ended.state == "quarantined"
            assert "not-the-performer" in ended.reason

    def test_has_no_price_where_the_terms_price_seconds_and_no_length(self, database, stills):
        with db.writing() as session:
            scene = a_scene(session, None, model="per_second", rate_minor="1250")
        with pytest.raises(EventIncomplete, match="seconds"):
            asked(scene)
        with db.writing() as session, pytest.raises(JobNotOffered, match="no length"):
            scene.ask(session, generator=STILLS.model, length_s="5", size=SIZE)


@pytest.fixture
def _settings(data_dir):
    """Reading a file asks the settings whether an open sandbox is accepted."""


def written(path: Path, kind: str = "PNG", **options) -> bytes:
    memory = BytesIO()
    with Image.open(path) as picture:
        picture.convert("RGB").save(memory, kind, **options)
    return memory.getvalue()


@pytest.mark.usefixtures("_settings")
class TestLookAtPicture:
    @pytest.mark.parametrize(("kind", "suffix"), [("PNG", ".png"), ("WEBP", ".webp")])
    def test_finds_the_performer_and_names_the_file_by_its_bytes(
        self, tmp_path, girl, kind, suffix
    ):
        path = tmp_path / "rendered.mp4"
        path.write_bytes(written(scenes.PORTRAIT, kind))
        path = KINDS["image"].named(path)
        assert path.suffix == suffix
        assert KINDS["image"].marked(path).name == "marked.png"
        facts = inspect_output(path, [girl.template], by=BY)
        assert check_output(facts, length_s=None, size=SIZE) == []
        assert (facts.container, facts.frame_count) == (kind.lower(), 1)

    def test_what_is_no_whole_picture_is_a_fact(self, tmp_path):
        film = (Path(__file__).parents[1] / "providers" / "sample.mp4").read_bytes()
        whole = written(scenes.PORTRAIT)
        several = BytesIO()
        frames = [Image.fromarray(np.full((80, 80, 3), shade, np.uint8)) for shade in (0, 255)]
        frames[0].save(several, "WEBP", save_all=True, append_images=frames[1:])
        for content, said in (
            (film, "not-a-picture"),
            (b"<html>", "not-a-picture"),
            (b"", "not-a-picture"),
            (whole[: len(whole) // 2], "damaged"),
            (several.getvalue(), "not-a-picture"),
        ):
            path = tmp_path / "rendered.mp4"
            path.write_bytes(content)
            facts = inspect_output(KINDS["image"].named(path), by=BY)
            assert facts.unreadable == said
            assert check_output(facts, length_s=None)[0].code == said


class TestStrangers:
    def test_one_strange_face_in_a_picture_is_one_too_many(self):
        faces = [SampledFace(at_s=0, box=(0, 0, 9, 9), distance=far) for far in (0.2, 0.7)]
        one = OutputFacts(frame_count=1, frames_sampled=1, width=9, height=9, faces=faces)
        assert [finding.code for finding in check_output(one, length_s=None)] == ["another-face"]
        film = one.model_copy(update={"frame_count": 9, "frames_sampled": 8})
        assert check_output(film, length_s=0) == []  # one frame alone may be a mistake
