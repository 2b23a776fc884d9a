"""What a stranger may know of a license: then and now, in one word each."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import Session

from app import db
from app.audit import api
from app.gateway.models import Generation
from app.licensing.contracts import service as licensing
from app.provenance.models import SignedManifest
from tests.scenes import Scene, a_scene

TOLD = {"disclosed": {"level": "license"}}


@pytest.fixture
def client(database: str, application: FastAPI) -> TestClient:
    """The application without its worker, asked by nobody in particular."""
    return TestClient(application)


def _a_released_output(session: Session) -> tuple[Scene, Generation]:
    scene = a_scene(session)
    _, generation = scene.ask(session)
    assert generation is not None
    manifest = SignedManifest(
        generation_id=generation.id, label="urn:c2pa:1", manifest_sha256="0" * 64,
        file_sha256="1" * 64, size_bytes=1, media_type="video/mp4", openings={}, verified_by=[],
    )  # fmt: skip
    session.add(manifest)
    generation.state, generation.released_at = "released", manifest.signed_at
    session.add(generation)
    session.flush()
    return scene, generation


class TestReadLicense:
    def test_says_licensed_then_and_withdrawn_now_without_the_reason(
        self, client: TestClient
    ) -> None:
        with db.writing() as session:
            scene, generation = _a_released_output(session)
        path = f"{api.router.prefix}/licenses/{generation.id}"
        assert client.get(path).json() == {"when_made": "licensed", "now": "licensed"} | TOLD
        with db.writing() as session:
            contract = session.merge(scene.contract)
            licensing.withdraw_contract(session, contract, scene.desk.organization.id)
        assert client.get(path).json() == {"when_made": "licensed", "now": "not-licensed"} | TOLD

    def test_says_nothing_of_outputs_never_released(self, client: TestClient) -> None:
        with db.writing() as session:
            _, generation = a_scene(session).ask(session)
            assert generation is not None
        held = client.get(f"/v1/licenses/{generation.id}")
        unknown = client.get("/v1/licenses/gen_NOBODY")
        assert held.status_code == unknown.status_code == 404
        assert held.json() == unknown.json()

    def test_answers_ids_no_database_could_hold_like_unknown_ones(self, client: TestClient) -> None:
        for text in ("%00", "%ed%a0%80", "x" * 5000):
            answer = client.get(f"/v1/licenses/{text}")
            assert answer.status_code in {404, 422}
            assert answer.headers["content-type"] == "application/problem+json"
