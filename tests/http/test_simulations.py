"""POST /v1/simulations: a table for the parties, nothing kept, nothing for strangers."""

import pytest

from app.licensing.document.example import DOCUMENT
from app.licensing.simulations import simulating
from tests.http.house import House, assert_problem, rows

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def ask(house: House, who: str = "production", **body):  # type: ignore[no-untyped-def]
    return house.client.post("/v1/simulations", headers=house.keys[who], json=body)


class TestContracts:
    def test_a_party_asks_about_its_contract_and_nothing_is_kept(self, house):
        before = rows()["counts"]
        uses = [{}, {"territories": ["US"]}, {"tags": ["nudity"], "territories": ["US"]}]
        answer = ask(house, contract_id=house.scene.contract.id, requests=uses)
        assert answer.status_code == 200, answer.text
        said = answer.json()
        assert [row["outcome"] for row in said["rows"]] == ["permit", "deny", "deny"]
        assert said["rows"][2]["codes"] == ["CONTENT_PROHIBITED", "TERRITORY_NOT_LICENSED"]
        assert said["codes"]["CONTENT_PROHIBITED"]["clause"] == "/grant/content/prohibited"
        assert said["is_decision"] is False
        assert "as if" not in said["note"]
        assert rows()["counts"] == before

    @ONE_DATABASE
    def test_the_state_of_the_world_may_be_supposed(self, house):
        contract_id = house.scene.contract.id
        used = {"usage": {"seconds": "39.5"}}
        (row,) = ask(
            house, "desk", contract_id=contract_id, requests=[{}], suppose=used
        ).json()["rows"]  # fmt: skip
        assert row["codes"] == ["QUOTA_EXCEEDED"]

    @ONE_DATABASE
    def test_strangers_learn_of_no_contract(self, house):
        theirs = ask(house, "stranger", contract_id=house.scene.contract.id)
        unknown = ask(house, "stranger", contract_id="con_" + "0" * 26)
        for answer in (theirs, unknown):
            assert_problem(answer, 404, "contract-not-found")
        assert theirs.json()["title"] == unknown.json()["title"]


@ONE_DATABASE
class TestDrafts:
    def test_a_draft_is_swept_as_if_signed(self, house):
        said = ask(house, "desk", document=DOCUMENT).json()
        assert "as if" in said["note"]
        assert list(said["axes"]) == ["purpose", "medium", "territories", "tags"]
        crossed = 1
        for values in said["axes"].values():
            crossed *= len(values)
        assert len(said["rows"]) == crossed
        assert {row["outcome"] for row in said["rows"]} == {"permit", "deny"}

    def test_a_draft_with_a_mistake_is_refused_at_its_field(self, house):
        answer = ask(house, document={**DOCUMENT, "v": 2})
        problem = assert_problem(answer, 422, "contract-invalid")
        assert problem["errors"][0]["pointer"] == "/v"

    def test_either_a_draft_or_a_contract(self, house):
        assert_problem(ask(house), 422, "invalid-request")
        both = ask(house, document=DOCUMENT, contract_id=house.scene.contract.id)
        assert_problem(both, 422, "invalid-request")

    def test_a_key_is_needed(self, house):
        answer = house.client.post("/v1/simulations", json={"document": DOCUMENT})
        assert_problem(answer, 401, "not-authenticated")

    def test_one_runs_at_a_time_for_each_organization(self, house):
        with simulating.turn(house.scene.production.organization.id):
            assert_problem(ask(house, document=DOCUMENT), 429, "simulation-busy")
            assert ask(house, "desk", document=DOCUMENT, requests=[{}]).status_code == 200

    def test_ten_thousand_compact_uses_fit_the_body(self, house):
        uses = [{"territories": ["DE"], "medium": "svod"}] * 10_000
        answer = ask(house, document=DOCUMENT, requests=uses)
        assert answer.status_code == 200, answer.text[:300]
        assert len(answer.json()["rows"]) == 10_000
