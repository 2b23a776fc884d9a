"""A material is sealed, read in the sandbox, used only when usable, and unreadable once deleted."""

import pytest
from sqlmodel import select

from app import db, vault
from app.gateway import service as gateway
from app.gateway import workbench
from app.gateway.generators import Capability, catalogue
from app.gateway.materials import checking, service
from app.gateway.materials.errors import (
    MaterialDamaged,
    MaterialInUse,
    MaterialNotFound,
    MaterialNotSupported,
    MaterialNotUsable,
)
from app.gateway.materials.models import Material
from app.identity.models import ApiKey
from tests.gateway.materials.making import a_material, a_recording
from tests.scenes import a_scene, an_api_key

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> None:
    offer_everything(monkeypatch)


def offer_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the local generator take every material."""
    every = ("first_frame", "footage", "driving", "voice")
    real = catalogue.available

    def available(model: str) -> Capability:
        return Capability(**vars(real(model)) | {"takes": every})

    monkeypatch.setattr(catalogue, "available", available)


@pytest.fixture
def scene(session):  # type: ignore[no-untyped-def]
    scene = a_scene(session)
    an_api_key(session, scene.production.organization)
    return scene


def sent(session, scene, tmp_path, **more):  # type: ignore[no-untyped-def]
    key_id = session.exec(select(ApiKey.id)).first()
    return a_material(session, scene, key_id, directory=tmp_path, **more)


class TestReading:
    @ONE_DATABASE
    def test_of_a_still_describes_each_face_and_keeps_its_measures(self, database, samples):
        found = service.read(samples / "girl-with-a-pearl-earring.jpg", "first_frame")
        assert found.media_type == "image/jpeg"
        assert found.facts["faces"] == len(found.templates) == 1
        assert found.length_ms is None
        assert str(found.templates[0][0]) not in repr(found)

    @ONE_DATABASE
    def test_of_a_recording_says_how_long_and_how_loud(self, database, tmp_path):
        path = tmp_path / "voice"
        path.write_bytes(a_recording(1.5))
        found = service.read(path, "voice")
        assert (found.media_type, found.length_ms) == ("audio/wav", 1500)
        assert 0.2 < found.facts["loudness"] < 0.3

    @ONE_DATABASE
    def test_refuses_what_is_not_what_it_was_declared_to_be(self, database, samples, tmp_path):
        with pytest.raises(MaterialNotSupported):
            service.read(samples / "girl-with-a-pearl-earring.jpg", "voice")
        path = tmp_path / "film"
        path.write_bytes(a_recording(0.1))
        with pytest.raises(MaterialNotSupported):
            service.read(path, "footage")
        path.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(500))
        with pytest.raises((MaterialDamaged, MaterialNotSupported)):
            service.read(path, "driving")


class TestAMaterial:
    def test_lies_sealed_and_is_opened_for_its_render_alone(
        self, session, scene, tmp_path, offered, data_dir
    ):
        material = sent(session, scene, tmp_path, content=b"a picture of nobody")
        (tmp_path / "sent").unlink()
        kept = [path.read_bytes() for path in data_dir.rglob("*") if path.is_file()]
        assert not any(b"a picture of nobody" in each for each in kept)
        _, generation = scene.ask(session, materials={"first_frame": material.id})
        job = workbench.job_of(session, generation, tmp_path)
        assert job.first_frame is not None
        assert job.first_frame.read_bytes() == b"a picture of nobody"
        openings = session.exec(
            select(vault.VaultOpening).where(
                vault.VaultOpening.object_id == material.vault_object_id
            )
        ).all()
        assert [(each.purpose, each.subject_id) for each in openings] == [("render", generation.id)]

    @pytest.mark.parametrize("state", ["checking", "review", "refused"])
    def test_is_used_only_when_usable_and_stops_a_release_when_it_no_longer_is(
        self, session, scene, tmp_path, offered, state
    ):
        material = sent(session, scene, tmp_path)
        _, generation = scene.ask(session, materials={"first_frame": material.id})
        assert gateway.what_forbids(session, generation) == ""
        material.state = state
        material.checked_at = None if state == "checking" else material.created_at
        session.flush()
        assert material.id in gateway.what_forbids(session, generation)
        with pytest.raises(MaterialNotUsable):
            scene.ask(session, materials={"first_frame": material.id})

    def test_of_a_person_without_consent_on_record_is_refused(
        self, session, scene, tmp_path, offered
    ):
        for role in ("driving", "voice"):
            material = sent(session, scene, tmp_path, role=role)
            with pytest.raises(MaterialNotUsable, match="consent"):
                scene.ask(session, materials={role: material.id})

    def test_is_for_its_role_and_its_owner(self, session, scene, tmp_path, offered):
        material = sent(session, scene, tmp_path)
        with pytest.raises(MaterialNotUsable, match="was uploaded as first_frame"):
            scene.ask(session, materials={"footage": material.id})
        material.organization_id = scene.desk.organization.id
        with pytest.raises(MaterialNotFound):
            scene.ask(session, materials={"first_frame": material.id})

    def test_deleted_opens_no_more_and_not_while_a_scene_needs_it(
        self, session, scene, tmp_path, offered
    ):
        owner = scene.production.organization.id
        material = sent(session, scene, tmp_path)
        _, generation = scene.ask(session, materials={"first_frame": material.id})
        with pytest.raises(MaterialInUse):
            service.delete(session, owner, material.id)
        generation.state = "failed"
        session.flush()
        service.delete(session, owner, material.id)
        with pytest.raises(vault.VaultObjectAltered):
            vault.open_bytes(session, material.vault_object_id, purpose="export", subject_id=owner)
        service.drop_ciphertexts(session, material)
        with pytest.raises(MaterialNotFound):
            service.material_of(session, owner, material.id)
        assert list(service.materials_of(session, owner)) == []


class TestChecking:
    def test_moves_what_waits_on(self, database, tmp_path):
        with db.writing() as session:
            scene = a_scene(session)
            an_api_key(session, scene.production.organization)
            material_id = sent(session, scene, tmp_path, state="checking").id
        checking.check_waiting()
        with db.reading() as session:
            assert session.get_one(Material, material_id).state == "usable"
