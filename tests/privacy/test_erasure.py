"""Erased is erased: nothing opens, nothing is released, nothing is found; what stays is named."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import ECKey
from sqlmodel import Session

from app import clock, db, keys, storage, vault
from app.config import settings
from app.gateway import pipeline, workbench
from app.gateway.models import Generation
from app.identity import service as identity
from app.identity.models_people import Person
from app.identity.principal import Principal
from app.privacy import erasure
from app.privacy.errors import (
    ErasureNotConfirmed,
    ErasureNotFound,
    ErasureNotYours,
    EstateMustWait,
)
from app.privacy.models import Erasure
from app.registry import lives
from app.registry import service as registry
from app.registry.errors import DeathDisputed, PerformerUnknown
from app.registry.models import ERASED_NAME, Performer
from tests.licensing.mandating import granted, holder_of
from tests.people.visiting import later
from tests.scenes import PORTRAIT, Scene, a_scene, represent

PICTURE = PORTRAIT.read_bytes()
TEMPLATE = registry.pack_template((0.1,) * 128)


@pytest.fixture
def scene(database: str) -> Scene:
    with db.writing() as session:
        return a_scene(session)


def the_desk(session: Session, scene: Scene) -> Principal:
    key, _ = identity.create_api_key(session, scene.desk.organization, name="desk")
    return Principal(scene.desk.organization.id, "performer", key.id)


def decide(scene: Scene) -> Erasure:
    """Decide the erasure, as the route does, and leave the deed to be done."""
    with db.writing() as session:
        performer = session.get_one(Performer, scene.performer.id)
        by = the_desk(session, scene)
        return erasure.erase(session, performer, by=by, confirmed=performer.id)


def erase(scene: Scene) -> Erasure:
    made = decide(scene)
    with db.writing() as session:
        vault.finish_erasure(session, scene.performer.id)
    return made


def asked(scene: Scene, state: str = "held") -> str:
    with db.writing() as session:
        decision, generation = scene.ask(session)
        assert generation is not None, decision.codes
        generation.state, generation.output_sha256 = state, "0" * 64
        generation.released_at = clock.now() if state == "released" else None
        return generation.id


def found_anywhere(needle: bytes, *places: Path) -> list[Path]:
    """Name every file that holds these bytes: databases, write-ahead logs, objects, logs, temp."""
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    return [path for path in files if needle in path.read_bytes()]


def places_of_the_database() -> list[Path]:
    """Name a PostgreSQL's files and write-ahead log; SQLite's lie in the data directory."""
    if db.engine().dialect.name == "sqlite":
        assert list(settings().data_dir.glob("understudy.sqlite-wal"))
        return []
    with db.reading() as session:
        asked = "SELECT current_setting('data_directory'), oid FROM pg_database"
        row = session.connection().exec_driver_sql(f"{asked} WHERE datname = current_database()")
        directory, oid = row.one()
    files = Path(directory)
    return [files / "base" / str(oid), files / "pg_wal"]


class TestConsequences:
    def test_are_told_first_and_change_nothing(self, scene: Scene) -> None:
        generation_id = asked(scene)
        with db.reading() as session:
            performer = session.get_one(Performer, scene.performer.id)
            found = erasure.consequences(session, performer)
        assert [each.kind for each in found.lost] == ["portrait", "template"]
        assert list(found.contracts) == [scene.contract.series_id]
        assert list(found.in_flight) == [generation_id]
        assert set(found.stays) == set(erasure.STAYS)
        with db.reading() as session:
            assert session.get_one(Performer, scene.performer.id).paused_at is None

    def test_are_what_then_happens(self, scene: Scene) -> None:
        asked(scene)
        with db.reading() as session:
            told = erasure.consequences(session, session.get_one(Performer, scene.performer.id))
        made = erase(scene)
        assert [each["object_id"] for each in made.lost] == [each.id for each in told.lost]
        assert made.stopped["contracts"] == list(told.contracts)
        assert made.stopped["generations"] == list(told.in_flight)
        assert made.stays == told.stays


class TestErase:
    def test_nothing_opens_every_consent_is_withdrawn_and_no_use_is_permitted(
        self, scene: Scene
    ) -> None:
        erase(scene)
        with db.writing() as session:
            performer = session.get_one(Performer, scene.performer.id)
            medium = registry.references_of(session, scene.replica.id)[0]
            for object_id in (medium.vault_object_id, medium.template_object_id):
                with pytest.raises(vault.LikenessErased):
                    vault.open_bytes(session, object_id, purpose="export", subject_id=performer.id)
            decision, generation = scene.ask(session)
            assert generation is None
            assert {"REVOKED", "PERFORMER_PAUSED"} & set(decision.codes)
            assert performer.name == ERASED_NAME
            with pytest.raises(vault.LikenessErased):
                registry.resume(session, performer)

    def test_what_is_being_rendered_is_not_released(self, scene: Scene) -> None:
        generation_id = asked(scene, "previewed")
        decide(scene)
        pipeline.release(generation_id)
        with db.reading() as session:
            assert session.get_one(Generation, generation_id).state == "refused"

    def test_what_waits_to_be_rendered_never_sees_the_portrait(
        self, scene: Scene, tmp_path: Path
    ) -> None:
        generation_id = asked(scene)
        decide(scene)
        with db.writing() as session:
            generation = session.get_one(Generation, generation_id)
            with pytest.raises(vault.LikenessErased):
                workbench.job_of(session, generation, tmp_path)
        assert list(tmp_path.glob("ref_*")) == []

    def test_a_second_call_changes_nothing(self, scene: Scene) -> None:
        assert decide(scene).model_dump() == erase(scene).model_dump()

    def test_asks_for_the_id_again(self, scene: Scene) -> None:
        with db.writing() as session:
            by = the_desk(session, scene)
            with pytest.raises(ErasureNotConfirmed, match="repeat the performer's id"):
                erasure.erase(session, scene.performer, by=by, confirmed="yes")
            with pytest.raises(ErasureNotFound):
                erasure.erasure_of(session, scene.performer)

    def test_is_for_the_performers_own_desk_alone(self, scene: Scene) -> None:
        with db.writing() as session:
            represent(session, scene, scene.agency.organization)
            with pytest.raises(ErasureNotYours):
                erasure.held_by(session, scene.agency.organization.id, scene.performer.id)

    def test_is_after_a_death_for_the_estate_that_waited_and_for_the_old_desk_no_more(
        self, scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Planted: a union for the estate, a wait that is not over, and somebody who objects."""
        performer_id, desk = scene.performer.id, scene.desk.organization.id
        with db.writing() as session:
            estate, union = (
                holder_of(session, each) for each in ("estate_rep", "union_for_estate")
            )
            granted(session, scene, "union_for_estate", tmp_path, union)
            with pytest.raises(PerformerUnknown):
                erasure.held_by(session, union.organization.id, performer_id)
            until = (clock.now() + timedelta(days=400)).isoformat()
            granted(session, scene, "estate_rep", tmp_path, estate, ends_at=until)
            with pytest.raises(ErasureNotYours, match="the estate's to take out"):
                erasure.held_by(session, desk, performer_id)
            house = estate.organization
            performer = erasure.held_by(session, house.id, performer_id)
            key, _ = identity.create_api_key(session, house, name="estate")
            by = Principal(house.id, "performer", key.id)
            with pytest.raises(EstateMustWait):
                erasure.erase(session, performer, by=by, confirmed=performer_id)
            griet = Person(name="Griet")
            session.add(griet)
            session.flush()
            lives.say_alive(session, performer, griet.id)
            with pytest.raises(DeathDisputed):
                lives.check_not_disputed(session, performer.id)
        later(monkeypatch, days=31)
        with db.writing() as session:
            performer = session.get_one(Performer, performer_id)
            with pytest.raises(DeathDisputed):  # that nobody looked answers nothing
                erasure.erase(session, performer, by=by, confirmed=performer_id)
            lives.end_word(session, performer_id)
            made = erasure.erase(session, performer, by=by, confirmed=performer_id)
            assert made.stopped["contracts"] == [scene.contract.series_id]

    def test_leaves_no_trace_of_the_likeness_and_the_search_finds_a_planted_one(
        self,
        scene: Scene,
        data_dir: Path,
        tmp_path_factory: pytest.TempPathFactory,
        monkeypatch: pytest.MonkeyPatch,
        capfdbinary: pytest.CaptureFixture[bytes],
    ) -> None:
        """In database, write-ahead log, object store, temporary files and logs."""
        temporary = tmp_path_factory.mktemp("temporary")
        monkeypatch.setattr("tempfile.tempdir", str(temporary))
        with db.reading() as session:
            things = erasure.consequences(
                session, session.get_one(Performer, scene.performer.id)
            ).lost
        sealed = [storage.get(each.storage_key) for each in things]
        erase(scene)
        publish_nothing = [PICTURE[1000:1064], TEMPLATE[:64], *(each[:64] for each in sealed)]
        places = [data_dir, temporary, *places_of_the_database()]
        logged = b"".join(capfdbinary.readouterr())
        for needle in publish_nothing:
            assert found_anywhere(needle, *places) == []
            assert needle not in logged
        (settings().objects_dir / "planted").write_bytes(PICTURE)
        assert found_anywhere(PICTURE[1000:1064], data_dir, temporary) != []


class TestRenderings:
    def test_that_were_not_released_are_deleted_once_nothing_is_on_its_way(
        self, scene: Scene
    ) -> None:
        released, drafted, flying = (asked(scene, s) for s in ("released", "released", "held"))
        for generation_id in (released, drafted, flying):
            for name in ("rendered-1.mp4", "signed-1.mp4"):
                storage.put_new(f"generations/{generation_id}/{name}", PICTURE)
        with db.writing() as session:
            generation = session.get_one(Generation, released)
            generation.output_key = f"generations/{released}/signed-1.mp4"
            draft = session.get_one(Generation, drafted)  # nobody may show it: it was not released
            draft.is_draft, draft.released_at = True, None
            draft.output_key = f"generations/{drafted}/signed-1.mp4"
        made = decide(scene)
        assert made.stays["outputs"]["what"] == [released]
        with db.writing() as session:
            assert erasure.finish(session, scene.performer.id) is None
            assert erasure.certificate(session, made) is None
        pipeline.give_up(flying, "render")
        with db.writing() as session:
            assert erasure.finish(session, scene.performer.id) is not None
        assert storage.exists(f"generations/{released}/signed-1.mp4")
        for gone in (
            f"{released}/rendered-1.mp4",
            f"{drafted}/rendered-1.mp4",
            f"{drafted}/signed-1.mp4",
            f"{flying}/rendered-1.mp4",
            f"{flying}/signed-1.mp4",
        ):
            assert not storage.exists(f"generations/{gone}"), gone
        assert workbench.load(drafted).deleted_at is not None
        assert workbench.load(released).deleted_at is None


class TestCertificate:
    def test_is_signed_and_lists_what_was_destroyed_and_what_stays(self, scene: Scene) -> None:
        made = decide(scene)
        with db.writing() as session:
            assert erasure.certificate(session, made) is None, "certified before the deed"
            vault.finish_erasure(session, scene.performer.id)
            text = erasure.certificate(session, made)
        assert text is not None
        key = ECKey.import_key(keys.public_pem("status").decode())
        opened = jws.deserialize_compact(text, key, algorithms=["ES256"])
        said = json.loads(opened.payload)
        assert opened.headers()["typ"] == erasure.CERTIFICATE_TYPE
        assert [each["kind"] for each in said["destroyed"]] == ["portrait", "template"]
        assert said["stays"]["contracts"]["what"] == [scene.contract.series_id]
        assert said["vendor_copies"] == []
        header, payload, signature = text.split(".")
        with pytest.raises(BadSignatureError):
            jws.deserialize_compact(
                f"{header}.{payload[:-4]}AAAA.{signature}", key, algorithms=["ES256"]
            )
