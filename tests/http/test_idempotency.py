"""One intent, one effect: the same Idempotency-Key is answered the same, and acts once."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from httpx import Response
from joserfc.jwk import ECKey
from sqlmodel import select

from app import db
from app.demo import cast
from app.gateway.models import Generation
from app.identity import service as identity
from app.ledger.models import Hold
from app.licensing.decisions.models import Decision
from tests.http.house import (
    House,
    a_house,
    assert_problem,
    at_once,
    operations,
    question,
    rows,
)
from tests.scenes import PORTRAIT

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


CONTRACT_ID = re.compile(r"con_[0-9A-Z]{26}")

# POSTs that only ask: nothing is changed, so nothing needs a key.
QUESTIONS = {
    "/v1/verifications",
    "/v1/simulations",
    "/v1/performers/{performer_id}/boundaries/preview",
    "/v1/templates/{name}/documents",
}
# Acts that need more than a scene to begin with. Where no other file is named, only the mechanism
# they share with those below (`act.once`) is proven, and a story of their own is owed.
OWED = {
    "/v1/contracts/{contract_id}/counsel-links",  # told in test_counsel.py
    "/v1/approvals",
    "/v1/approvals/{approval_id}/answers",
    "/v1/counsel-links/{link_id}/revocation",
    "/v1/counsel/{secret}/comments",  # told in test_counsel.py
    "/v1/contracts/{contract_id}/paper",  # told in test_paper.py
    "/v1/previews/{preview_id}/links",
    "/v1/previews/{preview_id}/answers",
    "/v1/standing-offers",
    "/v1/standing-offers/{standing_offer_id}/signatures",
    "/v1/standing-offers/{standing_offer_id}/retraction",
    "/v1/standing-offers/{standing_offer_id}/acceptances",
    "/v1/strikes",
    "/v1/strikes/{strike_id}/confirmation",
}


@dataclass
class Deed:
    """A POST that acts: by whom, where, and the same with another content."""

    who: str
    path: str
    content: dict[str, Any]
    changed: dict[str, Any] | None = None  # None: the request has no body to change
    status: int = 201
    signed: bool = True


def _jwk() -> dict[str, Any]:
    return {"public_jwk": ECKey.generate_key("P-256").as_dict(private=False)}


def _offer(house: House, hours: int) -> dict[str, Any]:
    scene = house.scene
    document = cast.contract_document(
        scene.performer.id,
        "The Girl",
        scene.production.organization.id,
        scene.agency.organization.id,
    )
    return {"document": document | {"notice_hours": hours}}


def _enroll(name: str) -> dict[str, Any]:
    return {"data": {"name": name}, "files": {"portrait": PORTRAIT.read_bytes()}}


def _per(verb: str) -> Callable[[House], Deed]:
    return lambda h: Deed("desk", f"/v1/performers/{h.scene.performer.id}/{verb}", {}, status=200)


# Each act of a contract's life: by whom, and what was done before it.
LIFE: dict[str, tuple[str, str]] = {
    "offer": ("production", "draft"),
    "revision": ("production", "draft"),
    "counter": ("desk", "offer"),
    "decline": ("desk", "offer"),
    "retract": ("production", "offer"),
    "amendment": ("production", ""),
    "suspend": ("desk", ""),
    "resume": ("desk", "suspend"),
}


def _in_the_life(verb: str) -> Callable[[House], Deed]:
    who, before = LIFE[verb]
    worded = verb in ("revision", "counter", "amendment")

    def deed(house: House) -> Deed:
        contract_id = house.scene.contract.id
        if before in ("draft", "offer"):
            body = {**_offer(house, 9), "draft": before == "draft"}
            contract_id = house.post("/v1/contracts", json=body).json()["id"]
        elif before:
            house.post(f"/v1/contracts/{contract_id}/{before}", who)
        content = {"json": _offer(house, 7)} if worded else {}
        changed = {"json": _offer(house, 8)} if worded else None
        return Deed(who, f"/v1/contracts/{contract_id}/{verb}", content, changed)

    return deed


def _boundaries(level: str) -> dict[str, Any]:
    return {"json": {"limits": {"v": 1, "content": {"nudity": level}, "training": "never"}}}


DEEDS: dict[str, Callable[[House], Deed]] = {
    "set boundaries": lambda h: Deed(
        "desk",
        f"/v1/performers/{h.scene.performer.id}/boundaries",
        _boundaries("never"),
        _boundaries("ask"),
    ),
    "register a signing key": lambda h: Deed(
        "production", "/v1/signing-keys", {"json": _jwk()}, {"json": _jwk()}
    ),
    "enroll": lambda h: Deed("desk", "/v1/performers", _enroll("Griet"), _enroll("Catharina")),
    "pause": _per("pause"),
    "resume": _per("resume"),
    "offer": lambda h: Deed(
        "production", "/v1/contracts", {"json": _offer(h, 7)}, {"json": _offer(h, 8)}
    ),
    "sign": lambda h: Deed(
        "desk",
        f"/v1/contracts/{h.scene.contract.id}/signatures",
        {"json": h.signature()},
        {"json": h.signature("licensee")},
        signed=False,
    ),
    "withdraw": lambda h: Deed("desk", f"/v1/contracts/{h.scene.contract.id}/withdrawal", {}),
    **{f"contract: {verb}": _in_the_life(verb) for verb in LIFE},
    "be permitted": lambda h: Deed(
        "production",
        "/v1/generations",
        {"json": h.scene.body()},
        {"json": h.scene.body(line="Another.")},
    ),
    "ask whether": lambda h: Deed(
        "production",
        "/v1/authorizations",
        {"json": question(h)},
        {"json": question(h, territories=["US"])},
    ),
    "be denied": lambda h: Deed(
        "production",
        "/v1/generations",
        {"json": h.scene.body(territories=["US"])},
        {"json": h.scene.body()},
        403,
    ),
}


@pytest.fixture(params=DEEDS)
def case(request, client) -> tuple[House, Deed]:  # type: ignore[no-untyped-def]
    signed = request.param != "sign"
    house = a_house(client, signed=signed)
    return house, DEEDS[request.param](house)


def assert_acts_once(house: House, deed: Deed) -> Response:
    """Do a deed twice under one key: one effect, and the same answer to the byte."""
    before = rows()
    first = house.post(deed.path, deed.who, key="k", **deed.content)
    assert first.status_code == deed.status, first.text
    after = rows()
    assert after != before
    second = house.post(deed.path, deed.who, key="k", **deed.content)
    assert rows() == after, "the second request had an effect"
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert second.headers["content-type"] == first.headers["content-type"]
    return first


class TestRepeat:
    def test_the_same_request_again_is_the_same_answer_and_no_second_effect(self, case):
        assert_acts_once(*case)

    @ONE_DATABASE
    def test_another_request_under_the_same_key_is_refused(self, case):
        house, deed = case
        house.post(deed.path, deed.who, key="k", **deed.content)
        after = rows()
        path, content = deed.path, deed.changed
        if content is None:  # without a body, another request is another address
            path, content = "/v1/signing-keys", {"json": _jwk()}
        answer = house.post(path, deed.who, key="k", **content)
        assert_problem(answer, 422, "idempotency-key-reused")
        assert rows() == after

    @ONE_DATABASE
    def test_the_same_key_of_another_organization_is_another_key(self, house):
        mine = house.post("/v1/signing-keys", "desk", key="k", json=_jwk())
        theirs = house.post("/v1/signing-keys", "production", key="k", json=_jwk())
        assert (mine.status_code, theirs.status_code) == (201, 201)
        assert mine.json()["id"] != theirs.json()["id"]

    @ONE_DATABASE
    def test_a_refusal_that_kept_nothing_leaves_the_key_free(self, house):
        refused = house.ask(key="k", replicas=["rep_" + "0" * 26])
        assert_problem(refused, 404, "replica-not-found")
        assert house.ask(key="k").status_code == 201

    @ONE_DATABASE
    @pytest.mark.parametrize("deed", ["register a signing key", "be permitted"])
    def test_a_server_that_forgets_its_answers_is_found(self, house, deed, monkeypatch):
        monkeypatch.setattr(identity, "answer_once", lambda _s, _p, _k, _d, act: act())
        with pytest.raises(AssertionError, match="second"):
            assert_acts_once(house, DEEDS[deed](house))


class TestAskForAKey:
    @ONE_DATABASE
    def test_every_act_documents_a_required_key_and_has_a_story_here(self, served, house):
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
        scene = house.scene
        told = {
            CONTRACT_ID.sub("{contract_id}", deed(house).path).replace(
                scene.performer.id, "{performer_id}"
            )
            for deed in DEEDS.values()
        }
        assert told.isdisjoint(OWED)
        assert told | OWED == acting

    @ONE_DATABASE
    @pytest.mark.parametrize("key", [None, "", "x" * 129])
    def test_a_missing_or_unusable_key_is_a_problem_that_points_to_it(self, case, key):
        house, deed = case
        before = rows()
        headers = house.keys[deed.who] | ({} if key is None else {"Idempotency-Key": key})
        answer = house.client.post(deed.path, headers=headers, **deed.content)
        problem = assert_problem(answer, 422, "invalid-request")
        assert [e["pointer"] for e in problem["errors"]] == ["/header/idempotency-key"]
        assert rows() == before


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
