"""What is somebody else's looks exactly like what does not exist."""

import base64
import json

import pytest
from fastapi import FastAPI
from httpx import Response

from app import db
from app.gateway import api as gateway_api
from app.gateway.models import Generation
from app.licensing.contracts import service as licensing
from app.registry import service as registry
from app.registry.models import Performer
from tests.http.house import (
    House,
    a_house,
    assert_problem,
    is_open,
    operations,
    rows,
)
from tests.http.things import call, things_of, unknown_like
from tests.scenes import PORTRAIT, a_portrait_seen

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
MALFORMED = b"\x30\x03\x0a\x01\x01"  # OCSPResponse, status malformedRequest
ODD = ["%00", "a%00b", "%2e%2e", "é", "x" * 3000, "%ff", "'--", "null", "-1", "con_" + "9" * 90]


def assert_strangers_learn_nothing(app: FastAPI, house: House) -> None:
    """Ask as a stranger for each existing thing and for one that never was: the same 404."""
    things, asked = things_of(house), 0
    for verb, path, _ in operations(app):
        names = [name for name in things if f"{{{name}}}" in path]
        if is_open(path) or "{" not in path:
            continue
        (name,) = names
        real = things[name]
        unknown = unknown_like(real)
        before = rows()["counts"]
        said = []
        for id_ in (real, unknown):
            answer = call(house, verb, path.format_map({name: id_}), "stranger")
            assert answer.status_code == 404, (path, answer.text)
            assert_problem(answer, 404, answer.json()["code"])
            headers = {k: v for k, v in answer.headers.items() if k != "content-length"}
            said.append((headers, answer.text.replace(id_, "ID")))
        assert said[0] == said[1], path
        assert rows()["counts"] == before, path
        asked += 1
    assert asked >= 11


class TestStrangers:
    @pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # SQLite: test_access.py
    def test_foreign_and_unknown_ids_answer_alike_on_every_route(self, served, house):
        assert_strangers_learn_nothing(served, house)

    @ONE_DATABASE
    def test_the_owners_are_let_in(self, house):
        things = things_of(house)
        for path in ("/v1/contracts/{contract_id}", "/v1/contracts/{contract_id}/entries",
                     "/v1/contracts/{contract_id}/balances", "/v1/contracts/{contract_id}/document",
                     "/v1/decisions/{decision_id}", "/v1/generations/{generation_id}",
                     "/v1/approvals/{approval_id}"):  # fmt: skip
            assert house.get(path.format_map(things)).status_code == 200, path
        for path in ("/v1/performers/{performer_id}", "/v1/payouts/{payout_id}"):
            assert house.get(path.format_map(things), "desk").status_code == 200, path
        for shape in ("", "/csv", "/pdf"):
            assert house.get(f"/v1/statements/{things['statement_id']}{shape}", "desk").is_success

    @ONE_DATABASE
    def test_a_route_that_shows_foreign_things_is_found(self, served, house, monkeypatch):
        monkeypatch.setattr(
            gateway_api.service,
            "generation_of",
            lambda s, _o, id_, **_: s.get_one(Generation, id_),
        )
        with pytest.raises(AssertionError):
            assert_strangers_learn_nothing(served, house)

    @ONE_DATABASE
    def test_a_route_whose_refusals_differ_is_found(self, served, house, monkeypatch):
        honest = licensing.contract_of

        def talkative(session, organization_id, contract_id):  # type: ignore[no-untyped-def]
            try:
                return honest(session, organization_id, contract_id)
            except licensing.ContractNotFound as refusal:
                if session.get(licensing.Contract, contract_id):
                    refusal.detail = "this contract is not yours"
                raise

        monkeypatch.setattr(licensing, "contract_of", talkative)
        with pytest.raises(AssertionError):
            assert_strangers_learn_nothing(served, house)

    @ONE_DATABASE
    def test_lists_show_nobody_elses_things(self, house):
        things_of(house)
        for path in ("/v1/performers", "/v1/standing-offers", "/v1/generations", "/v1/contracts",
                     "/v1/statements", "/v1/payouts", "/v1/bank-accounts"):  # fmt: skip
            assert house.get(path, "stranger").json()["items"] == []
        assert len(house.get("/v1/generations").json()["items"]) == 1

    def test_odd_ids_are_refused_like_any_other(self, served, house):
        for verb, path, _ in operations(served):
            if "{" not in path:
                continue
            before, after = path.split("{")[0], path.split("}")[1]
            for odd in ODD:
                answer = call(house, verb, before + odd + after, "production")
                if path.startswith("/v1/log/leaves/") and answer.status_code == 200:
                    assert answer.json()["leaves"] == []
                    continue
                if path.startswith("/ocsp/") and answer.status_code == 200:
                    assert answer.content == MALFORMED  # RFC 6960 has refusals of its own
                    continue
                assert 400 <= answer.status_code < 500, (verb, path, odd, answer.text)
                assert_problem(answer, answer.status_code, answer.json()["code"])
        for page in ("/v1/generations", "/v1/performers", "/v1/approvals", "/v1/previews"):
            assert_problem(house.get(f"{page}?before=%00"), 422, "text-refused")


class TestAskForAReplica:
    def test_without_a_contract_one_learns_only_that_there_is_none(self, house):
        scene = house.scene
        with db.writing() as session:
            free = registry.enroll(
                session,
                organization_id=scene.desk.organization.id,
                name="Mona Lisa",
                portrait=PORTRAIT,
                inspected=a_portrait_seen(),
            )
            replica = registry.replicas_of(session, free.id)[0]
        with_contract = house.ask("stranger")
        without = house.ask("stranger", replicas=[replica.id])
        assert _shape(with_contract) == _shape(without)
        for state in ("paused", "withdrawn"):
            with db.writing() as session:
                if state == "paused":
                    registry.pause(session, session.get_one(Performer, scene.performer.id))
                else:
                    contract = session.get_one(licensing.Contract, scene.contract.id)
                    licensing.withdraw_contract(session, contract, scene.desk.organization.id)
            assert _shape(house.ask("stranger")) == _shape(without), state

    @ONE_DATABASE
    def test_whatever_else_is_wrong_stays_between_the_parties(self, house):
        wrong = {"territories": ["US"], "content_tags": ["nudity"], "length_s": "9.5"}
        stranger = house.ask("stranger", **wrong)
        assert stranger.json()["codes"] == ["CONTRACT_NOT_FOUND"]
        party = house.ask(**wrong)
        assert len(party.json()["codes"]) > 1
        for secret in (house.scene.contract.id, house.scene.production.organization.id,
                       "The Girl", "TERRITORY", "PROHIBITED", "nudity"):  # fmt: skip
            assert secret not in stranger.text
            assert secret not in json.dumps(_statement(stranger))
        assert house.scene.contract.id in party.text
        decision = house.get(f"/v1/decisions/{stranger.json()['decision_id']}", "stranger").json()
        assert decision["codes"] == ["CONTRACT_NOT_FOUND"]
        assert house.scene.contract.id not in json.dumps(decision)

    @ONE_DATABASE
    def test_an_unsigned_contract_permits_nothing_and_its_party_learns_why(self, client):
        house = a_house(client, signed=False)
        answer = house.ask()
        problem = assert_problem(answer, 403, "generation-denied")
        assert problem["codes"]


def _statement(answer: Response) -> dict[str, object]:
    body = answer.json()["receipt"].split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))


def _shape(answer: Response) -> dict[str, object]:
    """What a denial says, without what differs between any two: ids, instants, salted digests."""
    problem = assert_problem(answer, 403, "generation-denied")
    statement = _statement(answer)
    statement["facts"] = len(statement.pop("fact_sha256"))  # type: ignore[arg-type]
    for each in ("at", "generation_id"):
        del statement[each]
    for each in ("decision_id", "receipt"):
        del problem[each]
    return {"problem": problem, "receipt": statement}
