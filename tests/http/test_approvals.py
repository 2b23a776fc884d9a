"""A yes over HTTP: refused and told whom to ask, asked, listed, answered, permitted."""

import hashlib
from typing import Any

import pytest
from starlette.testclient import TestClient

from app import db
from tests.http.house import House, a_house, assert_problem
from tests.licensing.approving import a_scene_with_approvals
from tests.scenes import an_api_key

SCRIPT = "I hold the light."
HASH = hashlib.sha256(SCRIPT.encode()).hexdigest()
CHANGE = f"/v1/scripts/changes?project=NIGHTGLASS&old_hash={HASH}&new_hash=other"


@pytest.fixture
def house(client: TestClient) -> House:
    house = a_house(client)
    with db.writing() as session:
        house.scene = scene = a_scene_with_approvals(session, "performer")
        for who in ("desk", "production", "agency"):
            house.keys[who] = an_api_key(session, getattr(scene, who).organization)
    return house


def _asked(house: House) -> dict[str, Any]:
    denied = assert_problem(house.ask(script_hash=HASH), 403, "generation-denied")
    asked = house.post(
        "/v1/approvals", json={"decision_id": denied["decision_id"], "script": SCRIPT}
    )
    assert asked.status_code == 201, asked.text
    (item,) = asked.json()["items"]
    return dict(item)


class TestApprovals:
    def test_lead_from_a_refusal_to_a_permit(self, house: House) -> None:
        denied = assert_problem(house.ask(script_hash=HASH), 403, "generation-denied")
        assert denied["outcome"] == "needs-approval"
        (needed,) = denied["approvals_needed"]
        assert (needed["kind"], needed["roles"]) == ("use", ["performer"])
        decision = house.get(f"/v1/decisions/{denied['decision_id']}").json()
        assert decision["approvals_needed"] == denied["approvals_needed"]
        asked = _asked(house)

        (waiting,) = house.get("/v1/approvals?state=waiting", "desk").json()["items"]
        assert (waiting["id"], waiting["script"]) == (asked["id"], SCRIPT)
        assert waiting["you_may_answer_as"] == ["performer"]
        yes = {"role": "performer", "answer": "approved"}
        path = f"/v1/approvals/{asked['id']}"
        assert_problem(house.post(f"{path}/answers", json=yes), 403, "answer-refused")
        assert_problem(house.post(f"{path}/answers", "agency", json=yes), 403, "answer-refused")
        answered = house.post(f"{path}/answers", "desk", json=yes)
        assert answered.json()["state"] == "approved", answered.text

        assert house.get("/v1/approvals?state=waiting", "desk").json()["items"] == []
        assert house.get(path).json() == answered.json() | {"you_may_answer_as": []}
        assert house.ask(script_hash=HASH).status_code == 201
        assert house.get(f"/v1/decisions/{denied['decision_id']}").json()["approvals_needed"] == []

        (voided,) = house.get(CHANGE).json()["items"]
        assert voided["id"] == asked["id"]
        assert house.ask(script_hash=HASH).status_code == 201

    def test_are_not_asked_about_no_script_as_a_yes_would_hold_for_none(self, house: House) -> None:
        denied = assert_problem(house.ask(), 403, "generation-denied")
        refused = house.post("/v1/approvals", json={"decision_id": denied["decision_id"]})
        assert "script_hash" in assert_problem(refused, 409, "nothing-to-ask")["detail"]

    def test_are_nobody_elses(self, house: House) -> None:
        asked = _asked(house)
        assert house.get("/v1/approvals", "stranger").json()["items"] == []
        assert house.get(CHANGE, "stranger").json()["items"] == []
        for decision_id in (asked["decision_id"], "dec_0"):
            refused = house.post("/v1/approvals", "stranger", json={"decision_id": decision_id})
            assert_problem(refused, 404, "decision-not-found")

    def test_a_stranger_is_told_of_nobody_to_ask(self, house: House) -> None:
        denied = assert_problem(house.ask("stranger"), 403, "generation-denied")
        assert denied["approvals_needed"] == []
