"""One intent, one effect: the same Idempotency-Key is answered the same, and acts once."""

import re

import pytest
import sqlalchemy as sa
from httpx import Response
from sqlmodel import SQLModel, select

from app import db
from app.gateway.models import Generation
from app.identity import service as identity
from app.ledger.models import Hold
from app.licensing.decisions.models import Decision
from tests.http.deeds import DEEDS, UNSIGNED, Deed, a_jwk
from tests.http.house import House, a_house, assert_problem, at_once, operations

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
# POSTs that only ask: nothing is changed, so nothing needs a key.
QUESTIONS = {
    "/v1/verifications",
    "/ocsp/",
    "/tsa",
    "/matches/byBinding",
    "/matches/byContent",
    "/matches/byReference",
    "/v1/simulations",
    "/v1/quotes",
    "/v1/performers/{performer_id}/boundaries/preview",
    "/v1/templates/{name}/documents",
}


def stored() -> dict[str, list[str]]:
    """Every row of every table: nothing an act does to a column escapes it."""
    with db.reading() as session:
        return {
            name: sorted(map(repr, session.execute(sa.select(table))))
            for name, table in SQLModel.metadata.tables.items()
            if name != "api_key_use"  # noted by the way, whatever was asked
        }


@pytest.fixture(params=DEEDS)
def case(request, client) -> tuple[House, Deed]:  # type: ignore[no-untyped-def]
    house = a_house(client, signed=request.param not in UNSIGNED)
    deed = DEEDS[request.param](house)
    route = re.sub(r"{\w+}", "[^/]+", request.param.partition(" ")[0])
    assert re.fullmatch(route, deed.path)
    return house, deed


def assert_acts_once(house: House, deed: Deed) -> Response:
    """Do a deed twice under one key: one effect, and the same answer to the byte."""
    before = stored()
    first = house.post(deed.path, deed.who, key="k", **deed.content)
    assert first.status_code == deed.status, first.text
    after = stored()
    assert after != before
    second = house.post(deed.path, deed.who, key="k", **deed.content)
    assert stored() == after, "the second request had an effect"
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert second.headers["content-type"] == first.headers["content-type"]
    return first


class TestRepeat:
    def test_is_the_same_answer_and_no_second_effect_and_no_other_request_takes_the_key(self, case):
        house, deed = case
        assert_acts_once(house, deed)
        after = stored()
        path, content = deed.path, deed.changed
        if content is None:  # without a body, another request is another address
            path, content = "/v1/signing-keys", {"json": a_jwk()}
        answer = house.post(path, deed.who, key="k", **content)
        assert_problem(answer, 422, "idempotency-key-reused")
        assert stored() == after

    @ONE_DATABASE
    def test_the_same_key_of_another_organization_is_another_key(self, house):
        mine = house.post("/v1/signing-keys", "desk", key="k", json=a_jwk())
        theirs = house.post("/v1/signing-keys", "production", key="k", json=a_jwk())
        assert (mine.status_code, theirs.status_code) == (201, 201)
        assert mine.json()["id"] != theirs.json()["id"]

    @ONE_DATABASE
    def test_a_refusal_that_kept_nothing_leaves_the_key_free(self, house):
        refused = house.ask(key="k", replicas=["rep_" + "0" * 26])
        assert_problem(refused, 404, "replica-not-found")
        assert house.ask(key="k").status_code == 201

    @ONE_DATABASE
    @pytest.mark.parametrize(
        "deed", ["/v1/signing-keys", "/v1/generations permitted", "/v1/strikes"]
    )
    def test_a_server_that_forgets_its_answers_is_found(self, house, deed, monkeypatch):
        monkeypatch.setattr(identity, "answer_once", lambda _s, _p, _k, _d, act: act())
        with pytest.raises(AssertionError, match="second"):
            assert_acts_once(house, DEEDS[deed](house))


class TestAskForAKey:
    @ONE_DATABASE
    def test_every_act_documents_a_required_key_and_has_a_story_here(self, served):
        acting = set()
        for verb, path, operation in operations(served):
            if verb == "get":
                continue
            assert verb == "post"
            if path in QUESTIONS:
                continue
            (header,) = [p for p in operation["parameters"] if p["name"] == "idempotency-key"]
            assert (header["in"], header["required"]) == ("header", True)
            acting.add(path)
        assert acting == {route.partition(" ")[0] for route in DEEDS}

    @ONE_DATABASE
    def test_a_missing_or_unusable_key_is_a_problem_that_points_to_it(self, case):
        house, deed = case
        before = stored()
        for key in (None, "", "x" * 129):
            headers = house.keys[deed.who] | ({} if key is None else {"Idempotency-Key": key})
            answer = house.client.post(deed.path, headers=headers, **deed.content)
            problem = assert_problem(answer, 422, "invalid-request")
            assert [e["pointer"] for e in problem["errors"]] == ["/header/idempotency-key"]
        assert stored() == before


class TestAtOnce:
    def test_twenty_duplicates_at_once_are_one_generation_and_one_hold(self, house):
        answers = at_once(lambda _: house.ask(key="k"))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        with db.reading() as session:
            for table in (Generation, Hold, Decision):
                assert len(session.exec(select(table)).all()) == 1

    def test_twenty_denials_at_once_are_one_decision(self, house):
        answers = at_once(lambda _: house.ask(key="k", territories=["US"]))
        assert {answer.status_code for answer in answers} == {403}
        assert len({answer.content for answer in answers}) == 1
        with db.reading() as session:
            assert len(session.exec(select(Decision)).all()) == 1

    def test_two_bodies_at_once_under_one_key_are_one_of_them(self, house):
        answers = at_once(lambda n: house.ask(key="k", line=f"Line {n % 2}."), 10)
        assert sorted({answer.status_code for answer in answers}) == [201, 422]
        with db.reading() as session:
            assert len(session.exec(select(Generation)).all()) == 1
