"""A preview over HTTP: listed to the performer's side, opened by a link, answered."""

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.http.house import FILM, House, a_house, a_preview, assert_problem

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
CONTENT = {"prohibited": ["nudity"], "approval": [], "blocked_brand_categories": []}
LET_GO = {"role": "performer", "answer": "release"}


@pytest.fixture
def house(client: TestClient) -> House:
    return a_house(client, content=CONTENT)


class TestPreviews:
    def test_are_opened_and_then_let_go(self, house: House) -> None:
        generation_id, preview_id = a_preview(house)
        path = f"/v1/previews/{preview_id}"
        assert house.get(f"/v1/generations/{generation_id}").json()["state"] == "awaiting-preview"
        unseen = house.post(f"{path}/answers", "desk", json=LET_GO)
        assert_problem(unseen, 409, "preview-unseen")
        link = house.post(f"{path}/links", "desk").json()["url"]
        assert house.get(path, "desk").json()["opened_by_you"] is False
        film = house.client.get(link)
        assert (film.status_code, film.content) == (200, FILM)
        assert house.get(path, "desk").json()["opened_by_you"] is True
        answered = house.post(f"{path}/answers", "desk", json=LET_GO)
        assert answered.json()["state"] == "released", answered.text
        assert house.get(f"/v1/generations/{generation_id}").json()["state"] == "previewed"
        assert_problem(house.client.get(link), 403, "link-expired")  # it waits no more
        assert_problem(house.post(f"{path}/links", "desk"), 409, "preview-answered")
        assert house.get("/v1/previews?state=waiting", "desk").json()["items"] == []

    @ONE_DATABASE
    def test_refusing_tells_the_production_why(self, house: House) -> None:
        generation_id, preview_id = a_preview(house)
        house.client.get(house.post(f"/v1/previews/{preview_id}/links", "desk").json()["url"])
        no = {"role": "performer", "answer": "refuse", "reason": "Not my smile."}
        assert house.post(f"/v1/previews/{preview_id}/answers", "desk", json=no).status_code == 201
        generation = house.get(f"/v1/generations/{generation_id}").json()
        assert generation["state"] == "refused"
        assert "Not my smile." in generation["reason"]

    @ONE_DATABASE
    def test_the_production_sees_no_film_before_it_is_released(
        self, served: FastAPI, house: House
    ) -> None:
        generation_id, preview_id = a_preview(house)
        for who in ("production", "agency", "stranger"):
            assert house.get("/v1/previews", who).json()["items"] == []
            for answer in (
                house.get(f"/v1/previews/{preview_id}", who),
                house.post(f"/v1/previews/{preview_id}/links", who),
                house.post(f"/v1/previews/{preview_id}/answers", who, json=LET_GO),
            ):
                assert_problem(answer, 404, "preview-not-found")
        refused = house.get(f"/v1/generations/{generation_id}/download")
        assert_problem(refused, 409, "output-not-released")

    @ONE_DATABASE
    def test_an_altered_link_opens_nothing(self, house: House) -> None:
        _, preview_id = a_preview(house)
        link = house.post(f"/v1/previews/{preview_id}/links", "desk").json()["url"]
        altered = link[:-1] + ("0" if link[-1] != "0" else "1")
        assert_problem(house.client.get(altered), 403, "link-expired")
        assert house.get(f"/v1/previews/{preview_id}", "desk").json()["opened_by_you"] is False
