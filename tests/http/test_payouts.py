"""Payouts over HTTP: a payee alone names its account, and nothing ever shows it again."""

import hashlib
import json
import logging
from datetime import timedelta

import pytest
from sqlmodel import select

from app import clock, db, vault
from app.identity.models import Answer
from app.ledger import service as ledger
from app.ledger.payouts import return_payout
from app.ledger.periods import close_period
from app.ledger.usage import UsageEvent
from app.licensing.decisions.service import compensation_of
from app.payments.details import put_in_force
from app.payments.models_details import PayoutDetails
from app.twofold.models import TwofoldAct
from tests.http.deeds import an_account
from tests.http.house import House, assert_problem, rows
from tests.payments.payouts import IBAN, NET_MINOR, agreed, an_order
from tests.payments.test_transfer import assert_on_no_disk

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def named(house: House, **changes):
    return house.post("/v1/bank-accounts", "desk", json=an_account(house, **changes))


def in_force(house: House) -> None:
    """Have two people agree to the account that was named."""
    act_id = named(house).json()["id"]
    with db.writing() as session:
        put_in_force(session, agreed(session, session.get_one(TwofoldAct, act_id)))


def paid(house: House) -> str:
    """Use the replica once, close the period, order; the payout's id."""
    asked = house.ask().json()
    with db.writing() as session:
        contract = session.merge(house.scene.contract)
        ledger.capture_hold(
            session, asked["id"], terms=compensation_of(contract), event=UsageEvent(seconds="5")
        )
        close_period(session, until=clock.now())
        (payout,) = an_order(session).payouts
    return payout.id


class TestBankAccounts:
    def test_are_named_by_the_payee_and_never_shown(self, house, data_dir, caplog, capsys):
        with caplog.at_level(logging.DEBUG):
            answer = named(house)
            assert answer.status_code == 201, answer.text
            listed = house.get("/v1/bank-accounts", "desk")
            wrong = named(house, iban=IBAN[:-1] + "1")
            assert_problem(wrong, 422, "bank-account-refused")
            assert_problem(named(house, iban=[IBAN]), 422, "invalid-request")
        assert [each["id"] for each in listed.json()["items"]] == [answer.json()["id"]]
        for text in (answer.text, listed.text, wrong.text, caplog.text, *capsys.readouterr()):
            assert IBAN[4:-1] not in text
        with db.reading() as session:
            for answers in session.exec(select(Answer)).all():
                assert IBAN[4:] not in answers.model_dump_json()
        assert_on_no_disk(data_dir)

    @ONE_DATABASE
    def test_are_not_to_be_found_by_trying_numbers(self, house, monkeypatch):
        """What is kept of the request is no plain digest; planted fault: it is one."""
        body = an_account(house)

        def digests() -> set[str]:
            with db.reading() as session:
                return set(session.exec(select(Answer.request_sha256)))

        guess = json.dumps({**body, "from_at": None}, separators=(",", ":"), ensure_ascii=False)
        plain = hashlib.sha256(b"POST /v1/bank-accounts\n" + guess.encode()).hexdigest()
        assert named(house).status_code == 201
        assert plain not in digests()
        monkeypatch.setattr(vault, "fingerprint", lambda content: content)
        assert named(house).status_code == 201
        assert plain in digests()

    @ONE_DATABASE
    @pytest.mark.parametrize(
        ("who", "code", "status"),
        [
            ("agency", "payee-must-act", 403),
            ("production", "payee-not-found", 404),
            ("stranger", "payee-not-found", 404),
        ],
    )
    def test_of_a_performer_are_named_by_nobody_else(self, house, who, code, status):
        from tests.scenes import represent

        with db.writing() as session:
            represent(session, house.scene, house.scene.agency.organization)
        before = rows()["counts"]
        answer = house.post("/v1/bank-accounts", who, json=an_account(house))
        assert_problem(answer, status, code)
        assert rows()["counts"] == before
        own = house.scene.agency.organization.id
        if who == "agency":  # it names its own
            body = an_account(house, payee_id=own)
            assert house.post("/v1/bank-accounts", who, json=body).status_code == 201

    @ONE_DATABASE
    def test_that_were_named_before_it_took_two_people_are_listed_as_what_they_are(self, house):
        in_force(house)
        with db.writing() as session:
            now = session.exec(select(PayoutDetails)).one()
            sealed = vault.seal(session, f"payee:{now.payee_id}", "bank-account", b"{}")
            earlier = PayoutDetails(
                payee_id=now.payee_id,
                organization_id=now.organization_id,
                vault_object_id=sealed.id,
                from_at=clock.now(),
            )
            session.add(earlier)
        listed = house.get("/v1/bank-accounts", "desk").json()["items"]
        assert [each["state"] for each in listed] == ["agreed", "agreed"]
        assert (listed[1]["id"], listed[1]["agreed_at"]) == (earlier.id, None)
        assert house.get("/v1/bank-accounts", "stranger").json()["items"] == []

    @ONE_DATABASE
    def test_hold_from_a_day_on_and_never_from_the_past(self, house):
        later = (clock.now() + timedelta(days=1)).isoformat()
        assert named(house, from_at=later).status_code == 201
        past = (clock.now() - timedelta(days=1)).isoformat()
        assert_problem(named(house, from_at=past), 422, "bank-account-refused")


class TestPayouts:
    def test_are_read_by_the_payee_with_what_they_pay_and_what_became_of_them(self, house):
        in_force(house)
        payout_id = paid(house)
        with db.writing() as session:
            return_payout(session, payout_id, note="account closed")
        (listed,) = house.get("/v1/payouts", "desk").json()["items"]
        assert (listed["state"], listed["note"]) == ("returned", "account closed")
        whole = house.get(f"/v1/payouts/{payout_id}", "desk").json()
        assert [each["amount_minor"] for each in whole["items"]] == [NET_MINOR]
        assert [each["state"] for each in whole["events"]] == ["sent", "returned"]
        assert listed == {name: whole[name] for name in listed}
        for who in ("production", "stranger"):
            assert house.get("/v1/payouts", who).json()["items"] == []
            answer = house.get(f"/v1/payouts/{payout_id}", who)
            assert_problem(answer, 404, "payout-not-found")
