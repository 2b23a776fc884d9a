"""Who asks without a key asks only so often, on every route that costs something."""

import pytest

from app import config, db
from app.provenance import pki
from app.registry import resemblance
from app.registry import service as registry
from app.registry.matching import Searched
from tests.http.house import assert_problem
from tests.scenes import PORTRAIT, a_portrait_seen, an_api_key

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
DER = {"content": b"no question"}
LIMITED = {
    "/ocsp/": ("post", DER),
    "/ocsp/AAAA": ("get", {}),
    "/tsa": ("post", DER),
    "/v1/licenses/gen_NOBODY": ("get", {}),
    "/v1/verifications": ("post", {}),
    "/matches/byBinding?alg=a&value=AAAA": ("get", {}),
    "/matches/byBinding": ("post", {"json": {"alg": "a", "value": "AAAA"}}),
    "/matches/byContent": ("post", {}),
    "/matches/byReference": ("post", {"json": {}}),
    "/manifests/urn:c2pa:1": ("get", {}),
    "/services/supportedAlgorithms": ("get", {}),
    "/log": ("get", {"headers": {"Accept": "text/html"}}),
    "/status": ("get", {}),
    "/verify": ("post", {}),
}


@pytest.fixture
def once_a_minute(client, monkeypatch):  # type: ignore[no-untyped-def]
    pki.create_missing(config.settings().keys_dir, ocsp_url=config.settings().ocsp_url)
    for kind in ("rate_lookups", "rate_files"):
        monkeypatch.setattr(config.settings(), kind, f"{len(LIMITED)}/minute")
    return client


def statuses(client) -> dict[str, int]:  # type: ignore[no-untyped-def]
    return {
        path: client.request(verb, path, **content).status_code
        for path, (verb, content) in LIMITED.items()
    }


class TestStrangers:
    def test_are_refused_everywhere_once_they_asked_too_often(self, once_a_minute):
        for _ in range(len(LIMITED)):
            once_a_minute.get("/services/supportedAlgorithms")
            once_a_minute.post("/v1/verifications")
        assert set(statuses(once_a_minute).values()) == {429}
        answer = once_a_minute.get("/services/supportedAlgorithms")
        problem = assert_problem(answer, 429, "too-many-requests")
        assert answer.headers["Retry-After"] == str(problem["retry_after_s"])

    def test_are_let_in_before_that(self, once_a_minute):
        assert 429 not in statuses(once_a_minute).values()

    def test_and_who_holds_a_key_is_not_counted(self, once_a_minute):
        for _ in range(3 * len(LIMITED)):
            assert once_a_minute.get("/v1/contracts").status_code == 401


class TestKeysThatAreNone:
    def test_count_against_the_address_that_tries_them(self, client, house, monkeypatch):
        monkeypatch.setattr(config.settings(), "rate_lookups", "3/minute")
        guess = {"Authorization": "Bearer ustk_0000_guessed"}
        said = [client.get("/v1/contracts", headers=guess).status_code for _ in range(5)]
        assert said == [401, 401, 401, 429, 429]
        assert house.get("/v1/contracts").status_code == 200  # who holds one is not shut out


class TestHousesThatEnroll:
    def test_send_so_many_portraits_a_day_whatever_keys_they_have(self, house, monkeypatch):
        monkeypatch.setattr(config.settings(), "rate_enrollments", "2/day")
        monkeypatch.setattr(registry, "inspect_portrait", a_portrait_seen)
        monkeypatch.setattr(resemblance, "look_for", lambda *_: Searched([[]], 0))
        with db.writing() as session:
            desk = house.scene.desk.organization
            house.keys["second"] = an_api_key(session, desk)

        def enroll(who: str) -> int:
            sent = {"data": {"name": "Griet"}, "files": {"portrait": PORTRAIT.read_bytes()}}
            return house.post("/v1/performers", who, **sent).status_code

        assert [enroll("desk"), enroll("second"), enroll("desk")] == [201, 201, 429]
        assert enroll("agency") == 201  # another house's own count
