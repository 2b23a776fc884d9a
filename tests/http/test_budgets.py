"""A program sets budgets and reads what is used: the same limits as the page's, kept the same."""

import pytest

from app import db
from app.gateway.models_budgets import Budget
from app.identity.models import ApiKey
from tests.http.house import a_house, assert_problem

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
LIMITS = {"project": "NIGHTGLASS", "currency": "EUR", "total_seconds": 1, "at_once": 3}


@pytest.fixture
def house(client):
    return a_house(client)


class TestBudgets:
    def test_a_limit_refuses_what_goes_beyond_it_and_is_lifted_by_the_next(self, house):
        made = house.post("/v1/budgets", json=LIMITS)
        assert made.status_code == 201, made.text
        answer = made.json()
        assert (answer["total_seconds"], answer["total_minor"], answer["contract_id"]) == (
            1,
            None,
            "",
        )
        with db.reading() as session:
            author = session.get_one(Budget, answer["id"]).api_key_id
            assert (
                session.get_one(ApiKey, author).organization_id
                == house.scene.production.organization.id
            )
        assert_problem(house.ask(), 409, "budget-exceeded")
        lifted = {"project": "NIGHTGLASS", "currency": "EUR", "at_once": 3}
        assert house.post("/v1/budgets", json=lifted).status_code == 201
        assert house.ask().status_code == 201
        (shown,) = house.get("/v1/budgets").json()["items"]
        assert (shown["total_seconds"], shown["at_once"]) == (None, 3)
        assert shown["used"]["at_once"] == 1
        assert shown["used"]["total_minor"] > 0

    @ONE_DATABASE
    def test_a_contract_has_its_own_and_nobody_sets_one_for_anothers(self, house):
        mine = {"contract_id": house.scene.contract.id, "currency": "EUR", "daily_minor": 0}
        assert house.post("/v1/budgets", json=mine).json()["contract_id"] == mine["contract_id"]
        assert_problem(house.ask(), 409, "budget-exceeded")
        assert_problem(house.post("/v1/budgets", "stranger", json=mine), 400, "budget-refused")
        assert house.get("/v1/budgets", "stranger").json()["items"] == []

    @ONE_DATABASE
    @pytest.mark.parametrize(
        ("changed", "code"),
        [
            ({"total_seconds": -1}, "invalid-request"),
            ({"total_seconds": 1.5}, "invalid-request"),
            ({"weekly": 1}, "invalid-request"),
            ({"contract_id": "con_1"}, "budget-refused"),  # both
            ({"project": ""}, "budget-refused"),  # neither
            ({"currency": "XXX"}, "budget-refused"),
            ({"currency": "eur"}, "invalid-request"),
        ],
    )
    def test_what_is_no_budget_is_refused_and_the_one_before_stands(self, house, changed, code):
        house.post("/v1/budgets", json=LIMITS)
        answer = house.post("/v1/budgets", json=LIMITS | changed)
        assert_problem(answer, 400 if code == "budget-refused" else 422, code)
        (shown,) = house.get("/v1/budgets").json()["items"]
        assert shown["total_seconds"] == 1

    @ONE_DATABASE
    def test_a_list_goes_on(self, house):
        for project in "ABC":
            house.post("/v1/budgets", json=LIMITS | {"project": project})
        first = house.get("/v1/budgets?limit=2").json()
        assert [each["project"] for each in first["items"]] == ["C", "B"]
        rest = house.get(f"/v1/budgets?limit=2&before={first['next_before']}").json()
        assert [each["project"] for each in rest["items"]] == ["A"]
        assert rest["next_before"] is None
