"""Standing offers over HTTP: drafted, signed, found, accepted by one of many, retracted."""

import time
from dataclasses import dataclass
from typing import Any

import pytest
from httpx import Response
from sqlmodel import select

from app import db
from app.demo import cast
from app.licensing.contracts.models import Contract
from app.licensing.standing import acceptance
from app.licensing.standing import service as standing
from app.licensing.standing.models import StandingOffer
from app.registry.models import Performer
from tests.http.house import House, a_house, a_standing_offer, assert_problem, at_once, rows
from tests.licensing.standing_offers import a_document, a_signature
from tests.scenes import an_api_key, represent

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
PRODUCTIONS = {"kinds": ["production"]}


@pytest.fixture
def house(client) -> House:  # type: ignore[no-untyped-def]
    """A performer and a production without a contract between them."""
    return a_house(client, signed=False)


@dataclass
class Somebody:
    """A production with keys of its own, not in the scene."""

    party: cast.Party
    headers: dict[str, str]

    def accept(self, house: House, offer_id: str, *, key: str = "accept") -> Response:
        """In two steps: fetch the contract, sign it."""
        path = f"/v1/standing-offers/{offer_id}/acceptance/document"
        document = house.client.get(path, headers=self.headers)
        return self.send(house, offer_id, document.content, key=key)

    def send(self, house: House, offer_id: str, document: bytes, *, key: str) -> Response:
        jws = a_signature(self.party, document, "licensee")
        headers = self.headers | {"Idempotency-Key": key}
        path = f"/v1/standing-offers/{offer_id}/acceptances"
        return house.client.post(path, headers=headers, json={"jws": jws})


def a_crowd(count: int) -> list[Somebody]:
    with db.writing() as session:
        parties = [
            cast.register_party(session, f"Somebody {number}", "production")
            for number in range(count)
        ]
        return [Somebody(party, an_api_key(session, party.organization)) for party in parties]


def the_production(house: House) -> Somebody:
    return Somebody(house.scene.production, house.keys["production"])


class TestFromDraftToUse:
    def test_while_the_performer_sleeps(self, house: House) -> None:
        drafted = house.post(
            "/v1/standing-offers", "desk", json={"document": a_document(house.scene)}
        )
        assert drafted.status_code == 201, drafted.text
        assert drafted.json()["status"] == "draft"
        path = f"/v1/standing-offers/{drafted.json()['id']}"
        document = house.get(f"{path}/document", "desk").content
        jws = a_signature(house.scene.desk, document, "performer")
        opened = house.post(
            f"{path}/signatures", "desk", json={"role": "performer", "jws": jws}
        ).json()
        assert (opened["status"], opened["executions"], opened["currency"]) == ("open", 0, "EUR")
        found = house.get("/v1/standing-offers").json()["items"]
        assert [each["id"] for each in found] == [opened["id"]]
        accepted = the_production(house).accept(house, opened["id"])
        assert accepted.status_code == 201, accepted.text
        assert accepted.json()["status"] == "active"
        assert house.ask().status_code == 201
        shown = house.get(path, "desk").json()
        assert (shown["executions"], shown["fees_bound_minor"]) == (1, 6_250)
        assert house.get("/v1/standing-offers").json()["items"] == []
        performer_id = house.scene.performer.id
        mine = house.get(f"/v1/performers/{performer_id}/standing-offers", "desk").json()
        assert [each["id"] for each in mine["items"]] == [opened["id"]]

    @ONE_DATABASE
    def test_the_same_key_again_is_the_same_contract(self, house: House) -> None:
        offer_id, somebody = a_standing_offer(house), the_production(house)
        document = house.get(f"/v1/standing-offers/{offer_id}/acceptance/document").content
        jws = a_signature(somebody.party, document, "licensee")
        path = f"/v1/standing-offers/{offer_id}/acceptances"
        first, again = (house.post(path, key="once", json={"jws": jws}) for _ in range(2))
        assert (first.status_code, again.text) == (201, first.text)
        assert_problem(somebody.accept(house, offer_id, key="other"), 409, "already-signed")

    @ONE_DATABASE
    def test_reads_in_plain_words_before_anybody_signs(self, house: House) -> None:
        shown = house.get(f"/v1/standing-offers/{a_standing_offer(house)}").json()
        said = [each["text"] for part in shown["plain_language"] for each in part["sentences"]]
        assert any("whoever accepts it" in text for text in said)
        assert any("12.50 EUR" in text for text in said)

    @ONE_DATABASE
    def test_the_schema_is_published(self, house: House) -> None:
        schema = house.client.get("/v1/schemas/standing-offer").json()
        assert {"v", "type", "terms", "licensees", "caps", "closes_at"} <= set(schema["required"])


class TestRefusals:
    @ONE_DATABASE
    def test_the_agency_drafts_and_retracts_and_does_not_sign(self, house: House) -> None:
        with db.writing() as session:
            represent(session, house.scene, house.scene.agency.organization)
        drafted = house.post(
            "/v1/standing-offers", "agency", json={"document": a_document(house.scene)}
        ).json()
        path = f"/v1/standing-offers/{drafted['id']}"
        document = house.get(f"{path}/document", "agency").content
        jws = a_signature(house.scene.agency, document, "performer")
        signed = house.post(f"{path}/signatures", "agency", json={"role": "performer", "jws": jws})
        assert_problem(signed, 422, "signature-refused")
        assert house.post(f"{path}/retraction", "agency").json()["status"] == "retracted"

    @ONE_DATABASE
    def test_a_production_neither_signs_nor_retracts(self, house: House) -> None:
        path = f"/v1/standing-offers/{a_standing_offer(house)}"
        jws = {"role": "licensee", "jws": "a..b"}
        said = house.post(f"{path}/signatures", json=jws), house.post(f"{path}/retraction")
        for answer in said:
            assert_problem(answer, 404, "standing-offer-not-found")

    @ONE_DATABASE
    def test_a_retracted_one_is_not_there_for_who_did_not_accept_it(self, house: House) -> None:
        offer_id = a_standing_offer(house)
        house.post(f"/v1/standing-offers/{offer_id}/retraction", "desk")
        accepted = the_production(house).accept(house, offer_id)
        assert_problem(accepted, 404, "standing-offer-not-found")

    @ONE_DATABASE
    def test_a_use_beyond_the_cap_is_no_generation(self, house: House) -> None:
        offer_id = a_standing_offer(house, caps={"executions": 1, "fees_minor": 6_249})
        the_production(house).accept(house, offer_id)
        before = rows()["counts"]
        assert_problem(house.ask(), 409, "standing-offer-spent")
        assert rows()["counts"] == before


class TestTheLastOne:
    @pytest.fixture
    def crowd(self, house: House) -> list[tuple[Somebody, str, bytes]]:
        """Six who hold the contract in hand, and one place left."""
        last = {"executions": 1, "fees_minor": 100_000}
        offer_id = a_standing_offer(house, licensees=PRODUCTIONS, caps=last)
        crowd = a_crowd(6)
        path = f"/v1/standing-offers/{offer_id}/acceptance/document"
        return [
            (each, offer_id, house.client.get(path, headers=each.headers).content) for each in crowd
        ]

    def test_goes_to_exactly_one(self, house: House, crowd: list[Any]) -> None:
        assert_one_contract(rush(house, crowd))

    @pytest.mark.parametrize("database", ["postgresql"], indirect=True)
    def test_accepting_without_the_lock_is_found(
        self, house: House, crowd: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        honest = acceptance._check_open

        def late(*arguments: Any) -> None:
            honest(*arguments)
            time.sleep(0.5)  # so that all have looked before any has taken it

        def unlocked(session: Any, offer: StandingOffer) -> Performer:
            found: Performer = session.get_one(Performer, offer.performer_id)
            return found

        monkeypatch.setattr(acceptance, "_check_open", late)
        monkeypatch.setattr(standing, "lock", unlocked)
        with pytest.raises(AssertionError):
            assert_one_contract(rush(house, crowd))


def rush(house: House, crowd: list[Any]) -> list[Response]:
    def go(number: int) -> Response:
        somebody, offer_id, document = crowd[number]
        answer: Response = somebody.send(house, offer_id, document, key=f"rush {number}")
        return answer

    return at_once(go, len(crowd))


def assert_one_contract(answers: list[Response]) -> None:
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * (len(answers) - 1)
    with db.reading() as session:
        executed = [each for each in session.exec(select(Contract)) if each.executed_at]
        assert len(executed) == 1
        assert session.exec(select(StandingOffer.executions)).one() == 1
