"""Bundles over HTTP: who is given which, and that it is what the command writes."""

import pytest
from fastapi.testclient import TestClient

from app import config, db
from app.audit.bundle import checking, container
from app.audit.bundle.checking import Anchors
from app.gateway.models import GenerationReplica
from app.identity import service as identity
from app.main import create_app
from app.provenance import pki
from tests import scenes
from tests.audit.bundle import house
from tests.scenes import an_api_key


@pytest.fixture
def client(at_home):
    return TestClient(create_app())


class TestReadBundle:
    def test_the_licensee_is_given_all_anybody_the_rest_a_stranger_to_it_nothing(
        self, made, client, tmp_path
    ):
        with db.writing() as session:
            owner = an_api_key(session, made.scene.production.organization)
            performers = an_api_key(session, made.scene.desk.organization)
            other = an_api_key(
                session, identity.create_organization(session, "Strangers", "production")
            )
        generation_id = made.generations[0]
        whole = client.get(f"/v1/generations/{generation_id}/bundle", headers=owner)
        anybody = client.get(f"/v1/licenses/{generation_id}/bundle")
        for answer, has_file in ((whole, True), (anybody, False)):
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "application/zip"
            assert int(answer.headers["content-length"]) == len(answer.content)
            path = tmp_path / "bundle.zip"
            path.write_bytes(answer.content)
            assert checking.check(path, Anchors()).holds
            assert (container.PERMIT in house.members(path)) is has_file
            assert (container.FILES[3] in house.members(path)) is has_file
        desk = client.get(f"/v1/generations/{generation_id}/bundle", headers=performers)
        path.write_bytes(desk.content)
        assert checking.check(path, Anchors()).holds
        assert {container.PERMIT, container.RELEASE} < set(house.members(path))
        assert not set(container.FILES) & set(house.members(path))
        refused = client.get(f"/v1/generations/{generation_id}/bundle", headers=other)
        assert (refused.status_code, refused.json()["code"]) == (404, "generation-not-found")
        assert client.get(f"/v1/generations/{generation_id}/bundle").status_code == 401
        assert client.get("/v1/licenses/gen_NOBODY/bundle").status_code == 404


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
class TestOnPostgresql:
    def test_each_is_given_theirs_and_a_side_of_several_only_what_strangers_get(
        self, database, application, tmp_path
    ):
        pki.create_missing(config.settings().keys_dir, ocsp_url=config.settings().ocsp_url)
        with db.writing() as session:
            scene = scenes.a_scene(session)
            other = scenes.a_scene(session)
            sides = {
                name: an_api_key(session, each.organization)
                for name, each in (("licensee", scene.production), ("desk", scene.desk))
            }
        film = house.a_film(tmp_path / "in.mp4", 7)
        generation_id = house.a_released_output(scene, film)
        client, path = TestClient(application), tmp_path / "bundle.zip"
        address = f"/v1/generations/{generation_id}/bundle"
        answers = {name: client.get(address, headers=key) for name, key in sides.items()}
        answers["anybody"] = client.get(f"/v1/licenses/{generation_id}/bundle")
        holds = {}
        for name, answer in answers.items():
            assert answer.status_code == 200, answer.text
            path.write_bytes(answer.content)
            assert checking.check(path, Anchors()).holds
            there = set(house.members(path))
            holds[name] = (container.PERMIT in there, bool(there & set(container.FILES)))
        assert holds == {"licensee": (True, True), "desk": (True, False), "anybody": (False, False)}
        with db.writing() as session:  # another performer is in it too, by another contract
            session.add(
                GenerationReplica(
                    generation_id=generation_id,
                    replica_id=other.replica.id,
                    performer_id=other.performer.id,
                    contract_id=other.contract.id,
                )
            )
        refused = client.get(address, headers=sides["desk"])
        assert (refused.status_code, refused.json()["code"]) == (404, "generation-not-found")
