"""Money in, over HTTP: no generation without money, invoices for their parties, profiles by day."""

import pytest
from sqlmodel import select

from app import db
from app.gateway.models import Generation
from app.ledger import service as ledger
from app.ledger.models import Hold
from app.ledger.receivables import invoices
from app.ledger.receivables.credit import approve_credit
from app.ledger.receivables.models import OPERATOR
from app.ledger.usage import UsageEvent
from app.licensing.decisions.service import compensation_of
from tests.http.house import House, assert_problem, rows
from tests.ledger.receivables.billing import a_profile

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
PROFILE = {
    "valid_from": "2026-01-01",
    "name": "Nightglass Pictures B.V.",
    "address": ["Oude Delft 1", "2611 BA Delft"],
    "country": "NL",
    "vat_id": "NL123456789B01",
    "vat_rate": "0.21",
}


def credit(house: House, minor: int) -> None:
    with db.writing() as session:
        organization_id = house.scene.production.organization.id
        approve_credit(session, organization_id, currency="EUR", amount_minor=minor)


class TestFunds:
    def test_a_generation_without_money_is_refused_and_says_what_to_do(self, house):
        credit(house, 10_000)
        assert house.ask(key="1").status_code == 201  # 62.50 EUR
        before = rows()
        problem = assert_problem(house.ask(key="2"), 402, "funds-lacking")
        assert (problem["needed_minor"], problem["available_minor"]) == (6250, 3750)
        assert "needs 62.50 EUR" in problem["detail"]
        assert "understudy credit approve" in problem["detail"]
        assert rows() == before, "a refusal for want of money keeps nothing, not even its answer"
        credit(house, 12_500)
        assert house.ask(key="2").status_code == 201
        with db.reading() as session:
            assert len(session.exec(select(Generation)).all()) == 2
            assert len(session.exec(select(Hold)).all()) == 2

    @ONE_DATABASE
    def test_a_use_may_be_asked_about_without_money(self, house):
        from tests.http.house import question

        credit(house, 0)
        answer = house.post("/v1/authorizations", json=question(house))
        assert answer.json()["outcome"] == "permit"

    @ONE_DATABASE
    def test_a_licensee_sees_where_its_money_stands(self, house):
        credit(house, 10_000)
        house.ask()
        (euros, _) = house.get("/v1/funds").json()
        assert euros["currency"] == "EUR"
        assert (euros["available_minor"], euros["held_minor"]) == (3750, 6250)
        assert euros["reference"].startswith("RF")
        assert house.get("/v1/funds", "stranger").json() == []


class TestProfiles:
    def test_are_recorded_and_listed(self, house):
        path = f"/v1/parties/{house.scene.production.organization.id}/profiles"
        assert house.post(path, json=PROFILE).json()["number"] == 1
        (listed,) = house.get(path).json()
        assert (listed["vat_rate"], listed["due_days"]) == ("0.21", 30)

    @ONE_DATABASE
    def test_a_desk_speaks_for_its_performers_and_nobody_else_does(self, house):
        path = f"/v1/parties/{house.scene.performer.id}/profiles"
        assert_problem(house.post(path, "production", json=PROFILE), 404, "party-unknown")
        assert house.post(path, "desk", json=PROFILE).status_code == 201
        again = house.post(path, "desk", json=PROFILE)
        assert_problem(again, 409, "profile-refused")

    @ONE_DATABASE
    def test_a_wrong_one_points_to_the_field(self, house):
        path = f"/v1/parties/{house.scene.production.organization.id}/profiles"
        answer = house.post(path, json={**PROFILE, "iban": "NL00ABNA0417164300"})
        problem = assert_problem(answer, 422, "invalid-request")
        assert [each["pointer"] for each in problem["errors"]] == ["/body/iban"]

    @ONE_DATABASE
    def test_names_no_account_of_a_payee(self, house):
        path = f"/v1/parties/{house.scene.performer.id}/profiles"
        answer = house.post(path, "desk", json={**PROFILE, "iban": "NL91ABNA0417164300"})
        assert "/v1/bank-accounts" in assert_problem(answer, 409, "profile-refused")["detail"]


class TestInvoices:
    @ONE_DATABASE
    def test_are_read_by_their_parties_alone(self, house):
        scene = house.scene
        asked = house.ask().json()
        with db.writing() as session:
            contract = session.merge(scene.contract)
            ledger.capture_hold(
                session,
                asked["id"],
                terms=compensation_of(contract),
                event=UsageEvent(seconds="5"),
            )
            for party in (OPERATOR, scene.production.organization.id, scene.performer.id):
                a_profile(session, party)
            invoice = invoices.issue_invoice(session, scene.production.organization.id, "EUR")
            account = f"performer:{scene.performer.id}:payable"
            bill = invoices.issue_self_bill(session, account, "EUR")
        (read,) = house.get("/v1/invoices").json()
        assert (read["number"], read["total_minor"]) == ("INV-000001", 7563)
        assert read["outstanding_minor"] == 7563
        assert house.get(f"/v1/invoices/{invoice.id}").json() == read
        (earned,) = house.get("/v1/invoices", "desk").json()
        assert (earned["id"], earned["number"]) == (bill.id, "SB-000001")
        assert house.get("/v1/invoices", "stranger").json() == []
        for who in ("desk", "stranger"):
            answer = house.get(f"/v1/invoices/{invoice.id}", who)
            assert_problem(answer, 404, "invoice-not-found")
