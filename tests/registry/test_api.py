"""Over HTTP: performers are enrolled once per intent, and strangers learn nothing."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from sqlmodel import select

from app import db, problems
from app.errors import AppError
from app.identity import service as identity
from app.identity.models import Organization
from app.registry import api, matching, resemblance
from app.registry.models import Performer
from app.vault import VaultObject
from tests.registry import pictures
from tests.registry.pictures import GIRL, SAMPLES


class Caller:
    """Somebody with an API key."""

    def __init__(self, client: TestClient, name: str) -> None:
        with db.writing() as session:
            organization = identity.create_organization(session, name, "agency")
            _, secret = identity.create_api_key(session, organization, name="test")
        self.client, self.headers = client, {"Authorization": f"Bearer {secret}"}

    def get(self, path: str) -> Response:
        return self.client.get(path, headers=self.headers)

    def post(self, path: str, key: str, **content: Any) -> Response:
        return self.client.post(path, headers=self.headers | {"Idempotency-Key": key}, **content)

    def enroll(self, key: str, *, name: str = "Griet", portrait: bytes | None = None) -> Response:
        content = GIRL.read_bytes() if portrait is None else portrait
        files = {"portrait": ("portrait.jpg", content, "image/jpeg")}
        return self.post("/v1/performers", key, data={"name": name}, files=files)


@pytest.fixture
def client(database: str) -> Iterator[TestClient]:
    app = FastAPI()
    app.include_router(api.router)
    app.add_exception_handler(AppError, problems.on_app_error)
    with TestClient(app) as client:
        yield client


@pytest.fixture
def agency(client: TestClient) -> Caller:
    return Caller(client, "Delft Talent")


def count(table: type) -> int:
    with db.reading() as session:
        return len(session.exec(select(table)).all())


class TestEnroll:
    def test_answers_with_the_performer_and_their_first_replica(self, agency):
        answer = agency.enroll("k1", name="Griet of Delft")
        assert answer.status_code == 201
        body = answer.json()
        assert body["id"].startswith("per_")
        assert body["replica_id"].startswith("rep_")
        assert agency.get(f"/v1/performers/{body['id']}").json() == body
        assert agency.get("/v1/performers").json() == {"items": [body], "next_before": None}

    def test_the_same_request_with_the_same_key_is_one_performer(self, agency):
        first, second = agency.enroll("k1"), agency.enroll("k1")
        assert (first.status_code, first.content) == (second.status_code, second.content)
        assert (count(Performer), count(VaultObject)) == (1, 2)

    def test_another_request_with_the_same_key_is_refused(self, agency):
        agency.enroll("k1")
        newton = (SAMPLES / "isaac-newton.jpg").read_bytes()
        for changed in ({"name": "Somebody else"}, {"portrait": newton}):
            answer = agency.enroll("k1", **changed)
            assert (answer.status_code, answer.json()["code"]) == (422, "idempotency-key-reused")
        assert count(Performer) == 1

    @pytest.mark.parametrize(
        "name", ["zero-length", "a text called jpg", "20 000 x 20 000 pixels", "two faces"]
    )
    def test_a_hostile_upload_is_a_problem_document_and_leaves_nothing(self, agency, name):
        code, make = pictures.HOSTILE[name]
        answer = agency.enroll("k1", portrait=make())
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == code
        assert answer.status_code == answer.json()["status"]
        assert (count(Performer), count(VaultObject)) == (0, 0)
        assert agency.enroll("k1").status_code == 201  # the key is free for a better picture

    def test_an_upload_over_the_limit_is_refused(self, agency, monkeypatch):
        monkeypatch.setenv("UNDERSTUDY_UPLOAD_LIMIT_BYTES", "1000")
        api.settings.cache_clear()
        answer = agency.enroll("k1")
        assert (answer.status_code, answer.json()["code"]) == (413, "image-too-large")

    def test_no_plaintext_stays_in_the_temporary_directory(self, agency, tmp_path, monkeypatch):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        agency.enroll("k1")
        agency.enroll("k2", portrait=pictures.two_faces())
        assert list(tmp_path.glob("understudy-*")) == []

    def test_without_a_key_nobody_gets_anywhere(self, client):
        assert client.get("/v1/performers").status_code == 401
        assert client.post("/v1/performers", headers={"Idempotency-Key": "k"}).status_code == 401


class TestStrangers:
    def test_a_foreign_performer_answers_exactly_like_an_unknown_one(self, client, agency):
        theirs = agency.enroll("k1").json()["id"]
        unknown = "per_" + "0" * 26
        stranger = Caller(client, "Strangers")
        for verb in ("", "/pause", "/resume"):
            answers = []
            for performer_id in (theirs, unknown):
                path = f"/v1/performers/{performer_id}{verb}"
                answer = stranger.post(path, f"k{performer_id}") if verb else stranger.get(path)
                text = answer.text.replace(performer_id, "ID")
                answers.append((answer.status_code, text, answer.headers["content-type"]))
            assert answers[0] == answers[1]
            assert answers[0][0] == 404
        assert stranger.get("/v1/performers").json()["items"] == []
        assert agency.get(f"/v1/performers/{theirs}").json()["paused_at"] is None


class TestPause:
    def test_stops_and_resumes(self, agency):
        performer_id = agency.enroll("k1").json()["id"]
        paused = agency.post(f"/v1/performers/{performer_id}/pause", "k2")
        assert paused.status_code == 200
        assert paused.json()["paused_at"] is not None
        assert agency.get(f"/v1/performers/{performer_id}").json() == paused.json()
        resumed = agency.post(f"/v1/performers/{performer_id}/resume", "k3")
        assert resumed.json()["paused_at"] is None


class TestList:
    def test_goes_on_where_the_last_page_ended(self, agency):
        ids = [agency.enroll(f"k{n}", name=f"Griet {n}").json()["id"] for n in range(3)]
        first = agency.get("/v1/performers?limit=2").json()
        rest = agency.get(f"/v1/performers?limit=2&before={first['next_before']}").json()
        assert [p["id"] for p in first["items"] + rest["items"]] == sorted(ids, reverse=True)
        assert rest["next_before"] is None


def test_the_documentation_names_every_refusal():
    app = FastAPI()
    app.include_router(api.router)
    answers = app.openapi()["paths"]["/v1/performers"]["post"]["responses"]
    documented = str(answers)
    for code in ("no-face-found", "several-faces-found", "image-too-large", "image-animated"):
        assert code in documented


class TestAFaceThatResemblesSomebody:
    def test_is_held_and_told_so_over_http(self, agency, client, monkeypatch):
        first = agency.enroll("k1").json()
        found = [[matching.Match(first["id"], 0.1)]]
        monkeypatch.setattr(resemblance, "look_for", lambda *_: matching.Searched(found, 1))
        monkeypatch.setattr(matching, "allow", lambda _, performers: set(performers))
        stranger = Caller(client, "Elsewhere")
        held = stranger.enroll("k1").json()
        assert (first["held"], held["held"], held["paused_at"] is None) == (False, True, False)
        assert first["id"] not in str(held)
        with db.writing() as session:
            house = session.get_one(
                Organization, session.get_one(Performer, held["id"]).organization_id
            )
            house.kind = "performer"
        answer = stranger.post(f"/v1/performers/{held['id']}/resume", "k2")
        assert (answer.status_code, answer.json()["code"]) == (409, "enrollment-held")
        assert first["id"] not in answer.text
