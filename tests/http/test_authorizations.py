"""A question is answered, recorded and signed, whatever the answer; and nothing is held by it."""

from typing import get_args

import pytest
from sqlmodel import select

from app import db, keys
from app.gateway.api_authorizations import AuthorizationCreate
from app.gateway.models import Generation
from app.identity import service as identity
from app.identity.models import ApiKey
from app.ledger.models import Hold
from app.licensing.deciding.inputs import ACTIONS
from app.licensing.decisions.models import Decision
from app.licensing.decisions.receipt import verify_receipt
from tests.http.house import House, assert_problem, at_once, question, rows

QUICK_ON_POSTGRESQL = True

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def ask(house: House, who: str = "production", **changes):  # type: ignore[no-untyped-def]
    return house.post("/v1/authorizations", who, json=question(house, **changes))


class TestAuthorize:
    def test_answers_a_permitted_use_with_its_obligations_and_holds_nothing(self, house: House):
        answer = ask(house)
        assert answer.status_code == 201, answer.text
        assert (answer.json()["outcome"], answer.json()["codes"]) == ("permit", [])
        assert "watermark" in answer.json()["obligations"]
        with db.reading() as session:
            assert session.exec(select(Hold)).all() == []
            assert session.exec(select(Generation)).all() == []
            assert len(session.exec(select(Decision)).all()) == 1

    def test_answers_a_denied_use_with_the_next_step_of_each_code(self, house: House):
        answer = ask(house, territories=["US"], medium="theatrical")
        assert answer.status_code == 201
        told = answer.json()
        assert told["outcome"] == "deny"
        assert "TERRITORY_NOT_LICENSED" in told["codes"]
        steps = {each["policy"]: each["next_step"] for each in told["explanations"]}
        assert steps.keys() == set(told["codes"])
        assert all(steps.values())

    def test_is_found_again_as_it_was_answered(self, house: House):
        answer = ask(house, territories=["US"]).json()
        assert house.get(f"/v1/decisions/{answer['id']}").json() == answer

    def test_is_signed(self, house: House):
        answer = ask(house).json()
        statement = verify_receipt(answer["receipt"], keys.public_key("receipt"))
        assert statement["generation_id"] == answer["id"]
        assert statement["outcome"] == "permit"

    def test_agrees_with_a_generation_of_the_same_use(self, house: House):
        for places in (["DE"], ["US"]):
            generation = house.ask(territories=places)
            outcome = "permit" if generation.status_code == 201 else generation.json()["outcome"]
            assert ask(house, territories=places).json()["outcome"] == outcome

    @ONE_DATABASE
    def test_takes_replicas_or_performers(self, house: House):
        by_replica = ask(house, performers=[], replicas=[house.scene.replica.id])
        assert by_replica.json()["outcome"] == "permit"
        unknown = ask(house, performers=[], replicas=["rep_" + "0" * 26])
        assert_problem(unknown, 404, "replica-not-found")
        for wrong in (
            {"performers": []},
            {"replicas": [house.scene.replica.id]},
            {"performers": [house.scene.performer.id] * 2},
        ):
            assert_problem(ask(house, **wrong), 422, "invalid-request")

    @ONE_DATABASE
    def test_denies_what_is_left_open(self, house: House):
        assert ask(house, medium=None).json()["codes"] == ["REQUEST_INCOMPLETE"]

    @ONE_DATABASE
    @pytest.mark.parametrize("action", ACTIONS)
    def test_answers_about_every_action(self, house: House, action: str):
        assert ask(house, action=action).json()["outcome"] in {"permit", "needs-approval", "deny"}

    @ONE_DATABASE
    @pytest.mark.parametrize(
        "claim", ["requester_org", "at", "phase", "permit_issued_at", "idempotent_replay"]
    )
    def test_accepts_no_fact_that_the_server_computes(self, house: House, claim: str):
        assert_problem(ask(house, **{claim: "x"}), 422, "invalid-request")

    def test_knows_every_action_there_is(self):
        field = AuthorizationCreate.model_fields["action"]
        assert get_args(field.annotation) == ACTIONS


class TestStrangers:
    def test_learn_only_that_they_have_no_contract(self, house: House):
        known = ask(house, "stranger").json()
        unknown = ask(house, "stranger", performers=["per_" + "0" * 26]).json()
        for told in (known, unknown):
            assert (told["outcome"], told["codes"]) == ("deny", ["CONTRACT_NOT_FOUND"])
            assert house.scene.contract.id not in str(told)


class TestRevokedKey:
    def test_asks_nothing_any_more_from_the_moment_of_its_revocation(self, house: House):
        assert ask(house).status_code == 201
        with db.writing() as session:
            for key in session.exec(select(ApiKey)):
                identity.revoke_api_key(session, key)
        before = rows()
        assert_problem(ask(house), 401, "not-authenticated")
        assert rows() == before


class TestWithdrawal:
    def test_nothing_is_permitted_after_it_was_acknowledged(self, house: House):
        withdrawn: list[str] = []

        def act(number: int):  # type: ignore[no-untyped-def]
            if number == 5:
                path = f"/v1/contracts/{house.scene.contract.id}/withdrawal"
                answer = house.post(path, "desk")
                assert answer.status_code == 201, answer.text
                withdrawn.append(answer.json()["withdrawn_at"])
                return None
            return ask(house).json()

        told = [each for each in at_once(act, 12) if each]
        told += [ask(house).json()]
        late = [each for each in told if each["at"] >= withdrawn[0]]
        assert late
        assert {each["outcome"] for each in late} == {"deny"}
