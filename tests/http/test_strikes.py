"""The strike switch over HTTP: two keys, races, and nothing permitted after its acknowledgment."""

import threading
import time
from collections.abc import Callable

import pytest
from httpx import Response
from sqlmodel import Session, select
from starlette.testclient import TestClient

from app import db
from app.identity import service as identity
from app.identity.models import Organization
from app.licensing.decisions import service as decisions
from app.licensing.strikes import service as strikes
from app.transparency.models import LogOutbox
from tests import scenes
from tests.http.house import House, a_house, assert_problem, at_once
from tests.licensing.unions import AGREEMENT, a_scene_under

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
PROPOSAL = {"agreement": AGREEMENT, "act": "suspend"}


@pytest.fixture
def union(client: TestClient) -> House:
    """A house whose contract is under the agreement, and a union with two keys."""
    house = a_house(client)
    with db.writing() as session:
        house.scene = a_scene_under(session, quota={"max_seconds": 9000})
        organization = identity.create_organization(session, "Actors united", "union")
        strikes.name_keeper(session, AGREEMENT, organization)
        keys = {"first": organization, "second": organization}
        keys["production"] = house.scene.production.organization
        house.keys |= {name: scenes.an_api_key(session, party) for name, party in keys.items()}
    return house


def _strike(house: House, act: str = "suspend") -> Response:
    proposal = house.post("/v1/strikes", "first", json=PROPOSAL | {"act": act})
    assert proposal.status_code == 201, proposal.text
    return house.post(f"/v1/strikes/{proposal.json()['id']}/confirmation", "second")


class TestSwitch:
    def test_stops_and_starts_with_two_keys(self, union: House) -> None:
        assert union.ask().status_code == 201
        begun = _strike(union).json()
        assert (begun["state"], begun["act"]) == ("in-effect", "suspend")
        denied = assert_problem(union.ask(), 403, "generation-denied")
        assert denied["codes"] == ["STRIKE_SUSPENDED"]
        assert denied["explanations"][0]["clause"] == "/strike_policy/agreements"
        assert _strike(union, "lift").status_code == 201
        assert union.ask().status_code == 201

    @ONE_DATABASE
    def test_refuses_one_key_a_second_time_and_whoever_keeps_nothing(self, union: House) -> None:
        switch = union.post("/v1/strikes", "first", json=PROPOSAL).json()
        path = f"/v1/strikes/{switch['id']}/confirmation"
        assert_problem(union.post(path, "first"), 403, "second-key-needed")
        assert_problem(union.post(path, "production"), 404, "strike-not-found")
        refused = union.post("/v1/strikes", "production", json=PROPOSAL)
        assert_problem(refused, 403, "agreement-not-kept")
        past = PROPOSAL | {"takes_effect_at": "2020-01-01T00:00:00Z"}
        assert_problem(union.post("/v1/strikes", "first", json=past), 422, "strike-instant-refused")
        assert union.ask().status_code == 201

    @ONE_DATABASE
    def test_the_same_idempotency_key_does_not_stand_for_two_people(self, union: House) -> None:
        switch = union.post("/v1/strikes", "first", json=PROPOSAL).json()
        path = f"/v1/strikes/{switch['id']}/confirmation"
        assert union.post(path, "second", key="one").status_code == 201
        assert union.post(path, "second", key="one").json()["state"] == "in-effect"
        assert_problem(union.post(path, "first", key="one"), 422, "idempotency-key-reused")

    @ONE_DATABASE
    def test_lists_what_the_union_did_newest_first(self, union: House) -> None:
        _strike(union)
        _strike(union, "lift")
        first = union.get("/v1/strikes?limit=1", "second").json()
        assert [item["act"] for item in first["items"]] == ["lift"]
        rest = union.get(f"/v1/strikes?before={first['next_before']}", "first").json()
        assert [item["act"] for item in rest["items"]] == ["suspend"]
        id_ = rest["items"][0]["id"]
        assert union.get(f"/v1/strikes/{id_}", "first").json()["state"] == "in-effect"
        assert union.get("/v1/strikes").json()["items"] == []


class TestRaces:
    def test_two_confirmations_at_once_are_one(self, union: House) -> None:
        switch = union.post("/v1/strikes", "first", json=PROPOSAL).json()
        path = f"/v1/strikes/{switch['id']}/confirmation"
        answers = at_once(lambda _: union.post(path, "second"), 6)
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
        with db.reading() as session:
            leaves = session.exec(select(LogOutbox).where(LogOutbox.kind == "strike-switched"))
            assert len(leaves.all()) == 1

    def test_nothing_is_permitted_after_the_acknowledgment(self, union: House) -> None:
        assert_nothing_after_strike(union)

    @pytest.mark.parametrize("database", ["postgresql"], indirect=True)
    def test_a_decision_without_the_lock_is_found(
        self, union: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(strikes, "lock_shared", lambda _session: None)
        _read_early(monkeypatch)
        with pytest.raises(AssertionError, match="after"):
            assert_nothing_after_strike(union)

    @ONE_DATABASE
    def test_a_decision_that_read_the_strikes_of_another_transaction_is_found(
        self, union: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with db.reading() as session:
            stale = strikes.confirmed(session)
        monkeypatch.setattr(strikes, "confirmed", lambda _session: stale)
        with pytest.raises(AssertionError, match="after"):
            assert_nothing_after_strike(union)

    @pytest.mark.parametrize("database", ["postgresql"], indirect=True)
    def test_with_the_lock_a_slow_decision_holds_the_switch_up(
        self, union: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _read_early(monkeypatch)
        assert_nothing_after_strike(union)


def _read_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every decision dwell between reading the strikes and committing."""
    honest: Callable[..., object] = decisions.record

    def slow(connection: object, *facts: object, **options: object) -> object:
        time.sleep(0.15)
        return honest(connection, *facts, **options)

    monkeypatch.setattr(decisions, "record", slow)


def assert_nothing_after_strike(house: House) -> None:
    """Strike among many requests: none that committed after the acknowledgment is permitted."""
    switch = house.post("/v1/strikes", "first", json=PROPOSAL).json()
    with db.writing() as session:  # so that requests do not wait for each other's contracts
        others = [_another(session, house) for _ in range(3)]
    acknowledged = threading.Event()
    late: list[str] = []

    def act(number: int) -> None:
        if number == 0:
            time.sleep(0.05)
            path = f"/v1/strikes/{switch['id']}/confirmation"
            assert house.post(path, "second").status_code == 201
            late.extend(_permitted())
            acknowledged.set()
            return
        mine = others[number - 1]
        for _ in range(4):
            begun_after = acknowledged.is_set()
            answer = mine.ask()
            assert answer.status_code in {201, 403}, answer.text
            if begun_after:
                assert answer.status_code == 403, "permitted after the acknowledgment"
                return
        acknowledged.wait(30)
        assert mine.ask().status_code == 403, "permitted after the acknowledgment"

    at_once(act, 4)  # type: ignore[arg-type]
    assert sorted(_permitted()) == sorted(late), "committed after the acknowledgment"


def _another(session: Session, house: House) -> House:
    scene = a_scene_under(session, quota={"max_seconds": 9000})
    production = session.get_one(Organization, scene.production.organization.id)
    return House(house.client, scene, {"production": scenes.an_api_key(session, production)})


def _permitted() -> list[str]:
    with db.reading() as session:
        return list(
            session.exec(
                select(decisions.Decision.id).where(decisions.Decision.outcome == "permit")
            )
        )
