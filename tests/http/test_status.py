"""Consent status over HTTP: public, cacheable for as long as it holds, silent to strangers."""

import base64
import json
from urllib.parse import urlsplit

import pytest

from app.licensing.status import answers
from tests.http.house import a_house, assert_problem

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def _nothing_kept():  # type: ignore[no-untyped-def]
    answers.forget()


class TestStatus:
    def test_needs_no_key_and_is_cached_for_what_is_left_of_its_minute(self, house):
        path = f"/v1/contracts/{house.scene.contract.series_id}/status"
        answer = house.client.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/jose"
        seconds = int(answer.headers["cache-control"].removeprefix("public, max-age="))
        assert 50 <= seconds <= 60
        etag = answer.headers["etag"]
        again = house.client.get(path, headers={"If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")

    @ONE_DATABASE
    def test_a_withdrawal_is_answered_to_who_holds_the_old_answer(self, house):
        contract_id = house.scene.contract.series_id
        path = f"/v1/contracts/{contract_id}/status"
        etag = house.client.get(path).headers["etag"]
        assert house.post(f"/v1/contracts/{contract_id}/withdrawal", "desk").status_code == 201
        assert house.client.get(path, headers={"If-None-Match": etag}).status_code == 200

    @ONE_DATABASE
    def test_what_is_not_executed_is_answered_like_an_id_that_nobody_was_given(self, client):
        offered = a_house(client, signed=False).scene.contract.series_id
        absent = f"con_{'0' * 26}"
        problems = [
            assert_problem(client.get(f"/v1/contracts/{each}/status"), 404, "contract-not-found")
            for each in (offered, absent)
        ]
        assert problems[0]["detail"].replace(offered, absent) == problems[1]["detail"]

    @ONE_DATABASE
    def test_parties_open_the_commitment_and_strangers_do_not(self, house):
        path = f"/v1/contracts/{house.scene.contract.series_id}/commitment"
        opening = house.get(path).json()
        assert opening["document_sha256"] == house.scene.contract.document_sha256
        assert_problem(house.get(path, "stranger"), 404, "contract-not-found")

    @ONE_DATABASE
    def test_names_its_lists_where_they_are_served(self, house):
        answer = house.client.get(f"/v1/contracts/{house.scene.contract.series_id}/status")
        said = json.loads(base64.urlsafe_b64decode(answer.text.split(".")[1] + "=="))
        for entry in said["status_lists"]:
            path = urlsplit(entry["statusListCredential"]).path
            assert house.client.get(path).status_code == 200


@ONE_DATABASE
class TestStatusLists:
    def test_are_public_and_others_are_not_there(self, house):
        answer = house.client.get("/v1/status-lists/1-revocation")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/vc+jwt"
        assert_problem(house.client.get("/v1/status-lists/2-revocation"), 404, "not-found")
        assert_problem(house.client.get("/v1/status-lists/1-message"), 422, "invalid-request")
