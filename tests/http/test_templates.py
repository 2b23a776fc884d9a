"""Templates over HTTP: anybody reads them, fills them in, and offers what comes out."""

import pytest

from tests.http.house import assert_problem, rows

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("http"),
]


class TestTemplates:
    def test_are_listed_and_shown_to_anybody(self, client):
        names = [each["name"] for each in client.get("/v1/templates").json()]
        assert "indie-scene" in names
        shown = client.get("/v1/templates/indie-scene").json()
        rate = next(each for each in shown["blanks"] if each["name"] == "rate")
        assert rate["must_be_filled"]
        assert rate["pointers"] == ["/compensation/rate_minor"]
        assert shown["document"]["licensee"] == {"blank": "licensee_id"}
        money = next(each for each in shown["plain_language"] if each["heading"] == "Money")
        assert {"text": "Each second costs 12.50 EUR.", "pointer": "/compensation/rate_minor"} in (
            money["sentences"]
        )

    def test_of_another_name_are_not_found(self, client):
        for name in ("handshake", "x" * 3000, "%00", "..%2f"):
            assert client.get(f"/v1/templates/{name}").status_code == 404
        assert_problem(client.get("/v1/templates/handshake"), 404, "template-not-found")

    def test_are_filled_and_offered(self, house):
        scene, before = house.scene, rows()
        blanks = house.client.get("/v1/templates/indie-scene").json()["blanks"]
        answers = {each["name"]: each["example"] for each in blanks} | {
            "performer_id": scene.performer.id,
            "licensee_id": scene.production.organization.id,
            "agent_id": scene.agency.organization.id,
        }
        address = "/v1/templates/indie-scene/documents"
        filled = house.client.post(address, json={"answers": answers})
        assert filled.status_code == 200, filled.text
        assert rows() == before
        offered = house.post("/v1/contracts", json={"document": filled.json()["document"]})
        assert offered.status_code == 201, offered.text
        assert offered.json()["document_sha256"] == filled.json()["document_sha256"]

    def test_point_at_each_blank_that_is_left(self, client):
        answer = client.post("/v1/templates/dubbing/documents", json={"answers": {}})
        problem = assert_problem(answer, 422, "contract-invalid")
        assert "/grant/term/tz" in {each["pointer"] for each in problem["errors"]}

    def test_refuse_text_that_nobody_could_keep(self, client):
        for text in ('{"answers": {"uses": "a\\u0000b"}}', '{"answers": {"\\ud800": 1}}'):
            answer = client.post(
                "/v1/templates/dubbing/documents",
                content=text,
                headers={"content-type": "application/json"},
            )
            assert answer.status_code == 422
