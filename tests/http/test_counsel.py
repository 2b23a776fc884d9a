"""Counsel over HTTP: a link made by one side, read and commented on without an account."""

from typing import Any

from app import db
from app.identity.models import Answer
from tests.http.house import House, a_house, assert_problem


def _made(house: House, **changes: Any) -> dict[str, Any]:
    path = f"/v1/contracts/{house.scene.contract.id}/counsel-links"
    answer = house.post(path, "desk", json={"counsel": "M. Okafor", **changes})
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return dict(answer.json())


def _comment(house: House, link: str, key: str = "k", **changes: Any):  # type: ignore[no-untyped-def]
    said = {"round": 1, "pointer": "/grant/territories", "text": "Leave out Japan.", **changes}
    headers = {"Idempotency-Key": key}
    return house.client.post(f"{link}/comments", json=said, headers=headers)


class TestCounsel:
    def test_reads_and_comments_with_nothing_but_the_link(self, client) -> None:  # type: ignore[no-untyped-def]
        house = a_house(client, signed=False)
        made = _made(house)
        seen = client.get(made["link"])
        assert seen.status_code == 200
        assert seen.headers["cache-control"] == "no-store"
        assert seen.json()["document"]["grant"]["territories"]["include"] == ["DE", "FR", "NL"]
        assert seen.json()["status"] == "offered"
        first, again = _comment(house, made["link"]), _comment(house, made["link"])
        assert (first.status_code, again.json()) == (201, first.json())
        other = _comment(house, made["link"], text="Another.")
        assert_problem(other, 422, "idempotency-key-reused")
        assert_problem(_comment(house, made["link"], "n", pointer="/x"), 422, "pointer-unknown")
        assert_problem(_comment(house, made["link"], "o", text="\x00"), 422, "text-refused")
        assert len(client.get(made["link"]).json()["comments"]) == 1
        comments = f"/v1/contracts/{house.scene.contract.id}/comments"
        (shown,) = house.get(comments, "desk").json()["items"]
        assert (shown["pointer"], shown["counsel"]) == ("/grant/territories", "M. Okafor")
        assert house.get(comments, "production").json()["items"] == []
        assert_problem(house.get(comments, "stranger"), 404, "contract-not-found")

    def test_is_shut_out_at_once(self, client) -> None:  # type: ignore[no-untyped-def]
        house = a_house(client, signed=False)
        made = _made(house)
        revocation = f"/v1/counsel-links/{made['id']}/revocation"
        assert_problem(house.post(revocation, "production"), 404, "counsel-link-not-found")
        ended = house.post(revocation, "desk").json()
        assert ended["revoked_at"]
        assert (ended["contract_id"], ended.get("series_id")) == (made["contract_id"], None)
        assert_problem(client.get(made["link"]), 404, "counsel-link-not-found")
        assert_problem(_comment(house, made["link"]), 404, "counsel-link-not-found")

    def test_a_repeated_request_tells_the_same_link_which_is_stored_nowhere(self, client) -> None:  # type: ignore[no-untyped-def]
        house = a_house(client, signed=False)
        path = f"/v1/contracts/{house.scene.contract.id}/counsel-links"
        first, second = (
            house.post(path, "desk", key="same", json={"counsel": "M."}) for _ in range(2)
        )
        assert first.json() == second.json()
        secret = first.json()["link"].rpartition("/")[2]
        with db.reading() as session:
            kept = session.get_one(Answer, (house.scene.desk.organization.id, "same"))
            assert secret not in kept.body
