"""POST /v1/quotes: what is quoted is then held and posted; nothing kept; strangers learn none."""

import copy

import pytest
from sqlmodel import select

from app import db
from app.ledger import service as ledger
from app.ledger.models import Hold
from app.ledger.posting import lines_of
from app.ledger.usage import UsageEvent
from app.licensing.decisions.service import compensation_of
from app.licensing.document.example import DOCUMENT
from tests.http.house import House, assert_problem, question, rows

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def ask(house: House, who: str = "production", **body):  # type: ignore[no-untyped-def]
    return house.client.post("/v1/quotes", headers=house.keys[who], json=body)


def quoted(house: House, who: str = "production", **body):  # type: ignore[no-untyped-def]
    answer = ask(house, who, **body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def a_draft(**compensation):  # type: ignore[no-untyped-def]
    document = copy.deepcopy(DOCUMENT)
    document["compensation"] |= compensation
    return document


class TestUses:
    def test_the_quote_is_what_is_then_held_and_posted_and_nothing_is_kept(self, house):
        before = rows()
        said = quoted(house, uses=[question(house)])
        assert rows() == before
        (item,) = said["items"]
        (part,) = item["parts"]
        assert item["outcome"] == "permit"
        assert item["codes"] == []
        assert said["is_decision"] is False
        generation_id = house.ask().json()["id"]
        with db.writing() as session:
            hold = session.exec(select(Hold)).one()
            assert part["hold_minor"] == hold.amount_minor
            entry = ledger.post_usage(
                session,
                house.scene.contract.series_id,
                terms=compensation_of(house.scene.contract),
                event=UsageEvent(seconds="5", renders=1, count=1, languages=1, realtime=False),
                key="k",
                generation_id=generation_id,
            )
            assert entry is not None
            posted = {(line.account, line.amount_minor) for line in lines_of(session, entry.id)}
        assert posted == {
            ("licensee:receivable", part["licensee_minor"]),
            *((line["account"], -line["amount_minor"]) for line in part["payees"]),
        }

    @ONE_DATABASE
    def test_renders_are_priced_each_and_decided_together(self, house):
        one = quoted(house, uses=[question(house)])["totals"]
        three = quoted(house, uses=[question(house, renders=3)])["totals"]
        assert [3 * each["amount_minor"] for each in one] == [e["amount_minor"] for e in three]
        too_long = quoted(house, uses=[question(house, renders=9)])["items"][0]  # 45 of 40 seconds
        assert (too_long["outcome"], too_long["codes"]) == ("deny", ["QUOTA_EXCEEDED"])
        assert too_long["parts"][0]["licensee_minor"] == 9 * 6250, "priced, though not permitted"

    @ONE_DATABASE
    def test_a_plan_is_told_with_the_money_it_needs(self, house):
        said = quoted(house, uses=[question(house), question(house, length_s="2")])
        (money,) = said["money"]
        parts = [part for item in said["items"] for part in item["parts"]]
        assert money["needed_minor"] == sum(part["hold_minor"] for part in parts)
        assert house.ask().status_code == 201
        left = quoted(house, uses=[question(house)])["money"][0]["available_minor"]
        assert left == money["available_minor"] - parts[0]["hold_minor"]

    @ONE_DATABASE
    def test_each_line_names_its_clauses(self, house):
        (item,) = quoted(house, uses=[question(house)])["items"]
        for line in item["parts"][0]["payees"]:
            assert line["clauses"]
            assert all(clause.startswith("/compensation/") for clause in line["clauses"])

    @ONE_DATABASE
    def test_a_stranger_learns_no_price_and_no_reason(self, house):
        said = quoted(house, "stranger", uses=[question(house, territories=["US"])])
        (item,) = said["items"]
        assert item["parts"] == said["totals"] == said["money"] == []
        assert item["codes"] == ["CONTRACT_NOT_FOUND"]

    @ONE_DATABASE
    def test_an_unknown_replica_is_said(self, house):
        use = question(house) | {"performers": [], "replicas": ["rep_unknown"]}
        assert_problem(ask(house, uses=[use]), 404, "replica-not-found")


class TestEvents:
    def test_a_party_prices_events_from_where_the_books_stand(self, house):
        contract = house.scene.contract
        events = [{"seconds": "5", "count": 1}, {"seconds": "5", "count": 1}]
        first = quoted(house, "desk", contract_id=contract.id, events=events)
        assert [item["outcome"] for item in first["items"]] == [None, None]
        again = quoted(house, contract_id=contract.id, events=events)
        assert again["items"] == first["items"]
        assert first["money"] == []

    @ONE_DATABASE
    def test_a_plan_reaches_the_cap_and_goes_on_at_nothing(self, house):
        draft = a_draft(cap_minor=10_000)
        events = [{"seconds": "5"}] * 3
        said = quoted(house, "desk", document=draft, events=events)
        costs = [item["parts"][0]["licensee_minor"] for item in said["items"]]
        assert costs == [6250, 3750, 0]
        assert {part["account"]: part["amount_minor"] for part in said["totals"]}[
            "licensee:receivable"
        ] == 10_000
        assert said["items"][0]["parts"][0]["contract_id"] == ""

    @ONE_DATABASE
    def test_strangers_learn_of_no_contract(self, house):
        events = [{"seconds": "5"}]
        theirs = ask(house, "stranger", contract_id=house.scene.contract.id, events=events)
        unknown = ask(house, "stranger", contract_id="con_" + "0" * 26, events=events)
        for answer in (theirs, unknown):
            assert_problem(answer, 404, "contract-not-found")

    @ONE_DATABASE
    def test_a_contract_changed_behind_our_back_has_no_price(self, house):
        with db.writing() as session:
            contract = session.merge(house.scene.contract)
            contract.document = contract.document.replace("NIGHTGLASS", "DAYGLASS")
        asked = ask(house, contract_id=house.scene.contract.id, events=[{"seconds": "5"}])
        assert_problem(asked, 422, "contract-invalid")

    @ONE_DATABASE
    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"events": [{"seconds": "5"}]},
            {"document": DOCUMENT},
            {"document": DOCUMENT, "contract_id": "con_1", "events": [{"seconds": "5"}]},
            {"document": DOCUMENT, "events": [{"reverse": 0}]},
            {"document": DOCUMENT, "events": [{"refund_of": 0, "amount_minor": 5}]},
            {"document": DOCUMENT, "events": [{"id": "gen_1", "seconds": "5"}]},
            {"document": DOCUMENT, "events": [{"seconds": "-1"}]},
            {"document": DOCUMENT, "events": [{"seconds": "5"}], "rate": 1},
        ],
    )
    def test_a_plan_that_is_none_is_refused(self, house, body):
        assert_problem(ask(house, **body), 422, "invalid-request")

    @ONE_DATABASE
    def test_so_are_too_many_renders_and_a_plan_without_terms_of_pay(self, house):
        many = question(house, renders=1_500)
        assert_problem(ask(house, uses=[many, many]), 422, "invalid-request")
        unpaid = a_draft()
        del unpaid["compensation"]
        events = [{"seconds": "5"}]
        assert_problem(ask(house, document=unpaid, events=events), 409, "use-unpriced")

    @ONE_DATABASE
    def test_an_event_the_terms_cannot_price_is_said(self, house):
        asked = ask(house, document=a_draft(), events=[{"lines": 3}])
        assert asked.status_code == 422
        assert "seconds" in asked.json()["detail"]
