"""Bundles over HTTP: who is given which, and that it is what the command writes."""

import pytest
from fastapi.testclient import TestClient

from app import db
from app.audit.bundle import checking, container
from app.audit.bundle.checking import Anchors
from app.identity import service as identity
from app.main import create_app
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
        refused = client.get(f"/v1/generations/{generation_id}/bundle", headers=other)
        assert (refused.status_code, refused.json()["code"]) == (404, "generation-not-found")
        assert client.get(f"/v1/generations/{generation_id}/bundle").status_code == 401
        assert client.get("/v1/licenses/gen_NOBODY/bundle").status_code == 404
