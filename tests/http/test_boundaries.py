"""Boundaries over HTTP: who sets them, what an offer and a signature meet, what strangers see."""

import base64
import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import rfc8785
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet

from app import db
from app.demo import cast
from app.licensing.boundaries import preferences
from app.licensing.boundaries import service as boundaries
from app.registry.models import Performer
from tests.http.house import House, a_house, a_standing_offer, assert_problem, rows
from tests.scenes import represent

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
NEVER_STUNTS = {"v": 1, "training": "never", "content": {"stunt": "never", "dance": "ask"}}


def _set(house: House, limits: dict[str, Any], who: str = "desk", **said: Any) -> Any:
    path = f"/v1/performers/{house.scene.performer.id}/boundaries"
    return house.post(path, who, json={"limits": limits, **said})


def _get(house: House, what: str = "", who: str = "desk") -> Any:
    return house.get(f"/v1/performers/{house.scene.performer.id}/boundaries{what}", who)


def _offer(house: House, who: str = "production", **grant: Any) -> Any:
    scene = house.scene
    document = cast.contract_document(
        scene.performer.id, "The Girl", scene.production.organization.id, "org_agency"
    )
    document["grant"] |= grant
    return house.post("/v1/contracts", who, json={"document": document})


def _ruling_out(*tags: str) -> dict[str, Any]:
    return {
        "prohibited": list(tags),
        "approval": [],
        "blocked_brand_categories": [],
        "preview_waived": True,
    }


def _with_agency(house: House) -> None:
    with db.writing() as session:
        represent(session, house.scene, house.scene.agency.organization)


class TestSetting:
    def test_each_change_is_a_version_and_the_earlier_ones_are_kept(self, house: House) -> None:
        assert _get(house).json()["number"] == 0
        assert _set(house, NEVER_STUNTS).status_code == 201
        assert _set(house, {"v": 1, "training": "ask"}, published=True).json()["number"] == 2
        now = _get(house).json()
        assert (now["number"], now["published"]) == (2, True)
        listed = _get(house, "/versions?limit=1").json()
        assert [each["number"] for each in listed["items"]] == [2]
        older = _get(house, f"/versions?before={listed['next_before']}").json()["items"]
        assert [each["limits"]["content"] for each in older] == [NEVER_STUNTS["content"]]
        assert older[0]["organization_id"] == house.scene.desk.organization.id
        assert older[0]["api_key_id"].startswith("key_")

    @ONE_DATABASE
    def test_the_agency_reads_and_does_not_set(self, house: House) -> None:
        _with_agency(house)
        assert _get(house, who="agency").status_code == 200
        assert_problem(_set(house, NEVER_STUNTS, "agency"), 403, "not-allowed")
        assert_problem(_set(house, NEVER_STUNTS, "production"), 404, "performer-unknown")
        assert _get(house).json()["number"] == 0

    @ONE_DATABASE
    def test_an_agency_that_enrolled_the_performer_does_not_either(self, house: House) -> None:
        with db.writing() as session:
            performer = session.get_one(Performer, house.scene.performer.id)
            performer.organization_id = house.scene.agency.organization.id
        assert_problem(_set(house, NEVER_STUNTS, "agency"), 403, "not-allowed")

    @ONE_DATABASE
    def test_an_unknown_place_is_pointed_at(self, house: House) -> None:
        said = _set(house, {"v": 1, "training": "ask", "territories": {"Atlantis": "never"}})
        problem = assert_problem(said, 422, "invalid-request")
        assert problem["errors"][0]["pointer"] == "/body/limits/territories"


class TestOffers:
    def test_what_is_never_done_cannot_be_offered_from_outside(self, house: House) -> None:
        _set(house, NEVER_STUNTS)
        before = rows()["counts"]["contract"]
        problem = assert_problem(_offer(house), 422, "boundaries-crossed")
        assert [(each["pointer"], each["boundary"]) for each in problem["findings"]] == [
            ("/grant/content/prohibited", "/content/stunt")
        ]
        assert rows()["counts"]["contract"] == before

    @ONE_DATABASE
    def test_ask_me_is_a_warning_to_whoever_offers(self, house: House) -> None:
        _set(house, NEVER_STUNTS)
        answer = _offer(house, content=_ruling_out("stunt"))
        assert answer.status_code == 201
        assert [each["boundary"] for each in answer.json()["crosses"]] == ["/content/dance"]

    @ONE_DATABASE
    def test_the_performer_s_own_side_may_offer_what_it_likes(self, house: House) -> None:
        _with_agency(house)
        _set(house, NEVER_STUNTS)
        for who in ("desk", "agency"):
            answer = _offer(house, who, projects=[who])
            assert answer.status_code == 201, answer.text
            assert len(answer.json()["crosses"]) == 2


class TestSigning:
    @pytest.fixture
    def crossing(self, client) -> House:  # type: ignore[no-untyped-def]
        house = a_house(client, signed=False)
        _set(house, NEVER_STUNTS)
        return house

    def _sign(self, house: House, role: str = "performer", **said: Any) -> Any:
        path = f"/v1/contracts/{house.scene.contract.id}/signatures"
        who = "desk" if role == "performer" else "production"
        return house.post(path, who, json=house.signature(role) | said)

    def test_against_a_boundary_takes_a_word_for_each(self, crossing: House) -> None:
        assert_unsigned_without_a_word(crossing, self._sign(crossing))
        half = self._sign(crossing, acknowledged=["/content/stunt"])
        assert_unsigned_without_a_word(crossing, half)
        whole = self._sign(crossing, acknowledged=["/content/dance", "/content/stunt"])
        assert whole.status_code == 201
        assert whole.json()["crosses"] == []
        assert rows()["counts"]["boundary_acknowledgment"] == 1

    @ONE_DATABASE
    def test_a_signature_that_does_not_ask_is_found(
        self, crossing: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(boundaries, "acknowledge", lambda *_: None)
        with pytest.raises(AssertionError):
            assert_unsigned_without_a_word(crossing, self._sign(crossing))

    @ONE_DATABASE
    def test_the_licensee_is_asked_nothing(self, crossing: House) -> None:
        assert self._sign(crossing, "licensee").status_code == 201

    @ONE_DATABASE
    def test_nobody_is_asked_where_nothing_is_crossed(self, client) -> None:  # type: ignore[no-untyped-def]
        house = a_house(client, signed=False)
        _set(house, {"v": 1, "training": "never"})
        assert self._sign(house).status_code == 201
        assert rows()["counts"]["boundary_acknowledgment"] == 0


def assert_unsigned_without_a_word(house: House, answer: Any) -> None:
    problem = assert_problem(answer, 409, "boundaries-not-acknowledged")
    assert {each["boundary"] for each in problem["findings"]} == {
        "/content/stunt",
        "/content/dance",
    }
    contract = house.get(f"/v1/contracts/{house.scene.contract.id}").json()
    assert contract["signatures"] == []


class TestPreview:
    def test_names_the_contracts_in_force_and_changes_nothing(self, house: House) -> None:
        before = rows()
        path = f"/v1/performers/{house.scene.performer.id}/boundaries/preview"
        said = house.post(path, "desk", json={"limits": NEVER_STUNTS}).json()["items"]
        assert [each["contract_id"] for each in said] == [house.scene.contract.id]
        assert len(said[0]["findings"]) == 2
        assert house.post(path, "desk", json={"limits": {"v": 1, "training": "ask"}}).json() == {
            "items": [],
            "standing_offers": [],
            "next_before": None,
        }
        assert rows() == before
        assert house.ask().status_code == 201

    @ONE_DATABASE
    def test_names_the_standing_offers_that_are_open(self, house: House) -> None:
        offer_id = a_standing_offer(house)
        path = f"/v1/performers/{house.scene.performer.id}/boundaries/preview"

        def named() -> list[str]:
            said = house.post(path, "desk", json={"limits": NEVER_STUNTS}).json()
            return [each["standing_offer_id"] for each in said["standing_offers"]]

        assert named() == [offer_id]
        house.post(f"/v1/standing-offers/{offer_id}/retraction", "desk")
        assert named() == []

    @ONE_DATABASE
    def test_leaves_out_what_was_withdrawn(self, house: House) -> None:
        house.post(f"/v1/contracts/{house.scene.contract.id}/withdrawal", "desk")
        path = f"/v1/performers/{house.scene.performer.id}/boundaries/preview"
        assert house.post(path, "desk", json={"limits": NEVER_STUNTS}).json()["items"] == []


LIMITS = {
    "v": 1,
    "training": "ask",
    "purposes": {"advertising": "never"},
    "content": {"nudity": "never"},
    "territories": {"EU": "never", "DE": "allowed", "US-NY": "never"},
}


@pytest.fixture
def published(house: House) -> House:
    _set(house, LIMITS, published=True)
    return house


def _preferences(house: House, what: str = "", performer_id: str = "") -> Any:
    performer_id = performer_id or house.scene.performer.id
    return house.client.get(f"/v1/performers/{performer_id}/preferences{what}")


def check_offline(shown: dict[str, Any], jwks: dict[str, Any]) -> dict[str, Any]:
    """Check a published statement with nothing but the JWK Set; return its header."""
    head, _, tail = shown["signature"].split(".")
    body = base64.urlsafe_b64encode(rfc8785.dumps(shown["preferences"])).rstrip(b"=").decode()
    keys = KeySet.import_key_set(jwks)
    return dict(jws.deserialize_compact(f"{head}.{body}.{tail}", keys, ["ES256"]).headers())


class TestPreferences:
    @ONE_DATABASE
    def test_unpublished_and_unknown_look_alike(self, house: House) -> None:
        _set(house, LIMITS)
        unknown = "per_" + "0" * 26
        for what in ("", "/rsl", "/training-mining"):
            said = []
            for id_ in (house.scene.performer.id, unknown):
                answer = _preferences(house, what, id_)
                assert_problem(answer, 404, "preferences-not-found")
                said.append(answer.text.replace(id_, "ID"))
            assert said[0] == said[1]

    def test_are_checked_offline_with_the_published_key(self, published: House) -> None:
        shown = _preferences(published).json()
        jwks = json.loads(published.client.get("/v1/keys").text)
        header = check_offline(shown, jwks)
        assert header["typ"] == preferences.TYPE
        purposes = {key["kid"]: key["purpose"] for key in jwks["keys"]}
        assert purposes[header["kid"]] == "preferences"
        assert shown["preferences"]["limits"] == LIMITS
        assert shown["preferences"]["v"] == 1

    @ONE_DATABASE
    def test_altered_ones_are_found(self, published: House) -> None:
        shown = _preferences(published).json()
        shown["preferences"]["limits"]["content"]["nudity"] = "allowed"
        with pytest.raises(BadSignatureError):
            check_offline(shown, published.client.get("/v1/keys").json())

    @ONE_DATABASE
    def test_no_private_half_is_published(self, published: House) -> None:
        assert all("d" not in key for key in published.client.get("/v1/keys").json()["keys"])

    @ONE_DATABASE
    def test_in_rsl_prohibit_countries_and_uses(self, published: House) -> None:
        answer = _preferences(published, "/rsl")
        assert answer.headers["content-type"] == "application/rsl+xml"
        root = ET.fromstring(answer.text)
        name = f"{{{preferences.RSL_NAMESPACE}}}"
        assert root.tag == f"{name}rsl"
        content = root.find(f"{name}content")
        assert content is not None
        assert published.scene.performer.id in content.attrib["url"]
        license_ = content.find(f"{name}license")
        assert license_ is not None
        said = {(each.tag.removeprefix(name), each.get("type")): each.text for each in license_}
        assert said["prohibits", "usage"] == "ai-train ai-input"
        places = (said["prohibits", "geo"] or "").split()
        assert "FR" in places
        assert {"DE", "US", "EU"}.isdisjoint(places)
        assert ("permits", "usage") not in said

    @ONE_DATABASE
    @pytest.mark.parametrize(
        ("training", "use"), [("never", "notAllowed"), ("ask", "constrained"),
                              ("allowed", "allowed")]
    )  # fmt: skip
    def test_in_cawg_s_words_training_is_what_the_performer_said(
        self, house: House, training: str, use: str
    ) -> None:
        _set(house, {"v": 1, "training": training}, published=True)
        entries = _preferences(house, "/training-mining").json()["entries"]
        assert entries["cawg.ai_training"]["use"] == use
        assert entries["cawg.ai_generative_training"]["use"] == use
        assert entries["cawg.ai_inference"]["use"] == "constrained"  # a generation takes a contract
        assert entries["cawg.data_mining"]["use"] != "allowed"
        for entry in entries.values():
            assert ("constraint_info" in entry) == (entry["use"] == "constrained")
        permits = 'permits type="usage">ai-train<' in _preferences(house, "/rsl").text
        assert permits == (training == "allowed")

    @ONE_DATABASE
    def test_are_gone_once_the_performer_takes_them_back(self, published: House) -> None:
        _set(published, LIMITS)
        assert_problem(_preferences(published), 404, "preferences-not-found")
