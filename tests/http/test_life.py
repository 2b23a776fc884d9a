"""A negotiation over HTTP: drafted, offered, countered, signed, amended, suspended, withdrawn."""

from typing import Any

import pytest

from app import db
from app.demo import cast
from app.licensing.contracts.models import Contract
from tests.http.house import House, assert_problem
from tests.scenes import represent

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def _words(house: House, **changes: Any) -> dict[str, Any]:
    scene = house.scene
    document = cast.contract_document(
        scene.performer.id,
        "The Girl",
        scene.production.organization.id,
        scene.agency.organization.id,
    )
    return {"document": {**document, **changes}}


def _sign(house: House, contract_id: str, version: int, *roles: str) -> dict[str, Any]:
    path = f"/v1/contracts/{contract_id}"
    text = house.get(f"{path}/document?version={version}").text
    shown: dict[str, Any] = {}
    for role in roles:
        party = house.scene.desk if role == "performer" else house.scene.production
        who = "desk" if role == "performer" else "production"
        jws = party.sign(Contract(document=text), role)
        answer = house.post(f"{path}/signatures", who, json={"role": role, "jws": jws})
        assert answer.status_code == 201, answer.text
        shown = answer.json()
    return shown


class TestNegotiation:
    def test_is_told_round_by_round(self, house: House) -> None:
        drafted = house.post("/v1/contracts", json=_words(house, notice_hours=1) | {"draft": True})
        contract_id = drafted.json()["id"]
        path = f"/v1/contracts/{contract_id}"
        assert drafted.json()["status"] == "draft"
        assert_problem(house.get(path, "desk"), 404, "contract-not-found")
        house.post(f"{path}/revision", json=_words(house, notice_hours=2))
        offered = house.post(f"{path}/offer", json={"expires_at": "2126-01-01T00:00:00Z"})
        assert_problem(offered, 422, "contract-invalid")
        assert house.post(f"{path}/offer").json()["status"] == "offered"
        answered = house.post(f"{path}/counter", "desk", json=_words(house, notice_hours=3))
        assert (answered.json()["status"], answered.json()["round"]) == ("countered", 3)
        assert answered.json()["open_acts"] == ["retract", "sign", "withdraw"]
        (version,) = house.get(path, "desk").json()["versions"]
        assert [each["round"] for each in version["rounds"]] == [2, 3]  # not the other's drafts
        assert [each["status"] for each in version["rounds"]] == ["replaced", "countered"]
        (change,) = version["rounds"][1]["changes"]
        assert (change["pointer"], change["before"], change["after"]) == ("/notice_hours", 2, 3)
        assert "3 hours" in change["sentence"]
        whole = house.get(path).json()
        assert [event["act"] for event in whole["events"]] == [
            "draft",
            "revise",
            "offer",
            "counter",
        ]
        assert [event["actor"] for event in whole["events"]][-1] == "performer"
        assert _sign(house, contract_id, 1, "licensee", "performer")["status"] == "active"

    def test_is_refused_with_what_to_do_instead(self, house: House) -> None:
        path = f"/v1/contracts/{house.scene.contract.id}"
        refused = assert_problem(house.post(f"{path}/decline", "desk"), 409, "act-not-allowed")
        assert refused["state"] == "active"
        assert refused["open_acts"] == ["amend", "suspend", "withdraw"]
        assert "amend it, suspend it, or withdraw" in refused["detail"]
        assert_problem(house.post(f"{path}/suspend"), 409, "act-not-allowed")

    @ONE_DATABASE
    def test_keeps_an_agent_from_signing_and_lets_them_negotiate(self, house: House) -> None:
        with db.writing() as session:
            represent(session, house.scene, house.scene.agency.organization)
        offered = house.post("/v1/contracts", json=_words(house, notice_hours=1)).json()
        path = f"/v1/contracts/{offered['id']}"
        shown = house.get(path, "agency").json()
        assert shown["open_acts"] == ["counter", "decline"]
        jws = house.scene.agency.sign(house.scene.contract, "performer")
        signed = house.post(f"{path}/signatures", "agency", json={"role": "performer", "jws": jws})
        assert_problem(signed, 422, "signature-refused")
        assert (
            house.post(f"{path}/decline", "agency", json={"note": "Too long."}).status_code == 201
        )
        events = house.get(path).json()["events"]
        assert (events[-1]["act"], events[-1]["actor"], events[-1]["note"]) == (
            "decline",
            "agent",
            "Too long.",
        )


class TestAmendment:
    def test_is_signed_like_the_first_and_supersedes_it(self, house: House) -> None:
        contract_id = house.scene.contract.id
        path = f"/v1/contracts/{contract_id}"
        amended = house.post(f"{path}/amendment", "desk", json=_words(house, notice_hours=5))
        assert (amended.json()["id"], amended.json()["version"]) == (contract_id, 2)
        assert house.get(path).json()["version"] == 1
        _sign(house, contract_id, 2, "performer", "licensee")
        whole = house.get(path).json()
        assert (whole["version"], whole["status"]) == (2, "active")
        assert [each["status"] for each in whole["versions"]] == ["superseded", "active"]
        hours, amends = whole["versions"][1]["rounds"][0]["changes"]
        assert (hours["pointer"], amends["pointer"]) == ("/notice_hours", "/amends")
        assert "takes the place of an earlier version" in amends["sentence"]
        suspended = house.post(f"{path}/suspend", "desk", json={"note": "Unpaid."})
        assert suspended.json()["status"] == "suspended"
        denied = assert_problem(house.ask(), 403, "generation-denied")
        assert denied["codes"] == ["CONTRACT_SUSPENDED"]
        house.post(f"{path}/resume", "desk")
        assert house.ask().status_code == 201
        house.post(f"{path}/withdrawal", "desk")
        listed = house.get("/v1/contracts?state=withdrawn").json()["items"]
        assert [each["id"] for each in listed] == [contract_id]
        assert house.get("/v1/contracts?state=active").json()["items"] == []
