"""Operators pay out at their pages: the payee reads what they do, and the books are right."""

import re

import pytest

from app import config, db
from app.ledger import payouts
from app.ledger.check import check
from app.ledger.models_payouts import PayoutOrder
from app.ledger.receivables.models import OPERATOR
from app.payments import bank_files
from app.trail import OperatorAct, OperatorActSubject
from app.twofold.models import TwofoldAct
from app.vault import VaultOpening
from tests.http.test_operator_page import known_for_days
from tests.http.test_performer_pages import joined, shown
from tests.identity.authenticator import ORIGIN
from tests.ledger.receivables.billing import a_profile
from tests.payments.payouts import IBAN, RISK, a_payee
from tests.people.arriving import an_operator
from tests.people.visiting import everything, later, refused

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("http"),
]
HERE = "/operator/payouts"


@pytest.fixture
def payee(served, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
    config.settings.cache_clear()
    with db.writing() as session:
        a_profile(session, OPERATOR, iban="DE89370400440532013000")
        return a_payee(session)


@pytest.fixture
def griet(served, payee):
    return joined(served, payee.story.scene.desk.organization, "Griet")


@pytest.fixture
def two(served, payee):
    """Two operators, each of whom counts as one of two."""
    found = an_operator(served), an_operator(served, "Otto")
    known_for_days()
    return found


WANTED = {"name": "2026-12", "currency": "EUR", "risk_carrier": RISK}


def _digest(plan: str) -> str:
    found = re.search(r'name="as_shown" value="([0-9a-f]{64})"', plan)
    return found[1] if found else "0" * 64  # nobody can be paid any more


def ordered(olga) -> str:
    """Order what can be paid; return the address of the order."""
    shown(olga, HERE)
    plan = olga.send(f"{HERE}/plan", currency="EUR", risk_carrier=RISK).text
    answer = olga.send(HERE, **WANTED, as_shown=_digest(plan))
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def agree(operator) -> None:
    act = everything(TwofoldAct)[-1]
    page = shown(operator, f"/account/two-people/{act.id}")
    assert "1 payouts of the order 2026-12, 56.25 EUR together" in page
    assert operator.send(f"/two-people/{act.id}/agreement").status_code == 303


def test_what_is_payable_is_ordered_filed_and_settled_and_the_payee_reads_each_step(two, griet):
    olga, otto = two
    shown(olga, HERE)
    plan = olga.send(f"{HERE}/plan", currency="EUR").text
    assert "Nobody can be paid in EUR now." in plan
    assert "1 entry waits for funded money" in plan
    plan = olga.send(f"{HERE}/plan", currency="EUR", risk_carrier=RISK).text
    assert "1 payee can be paid: 56.25 EUR." in plan
    shown(olga, HERE)
    refused(olga.send(HERE, **WANTED, as_shown="0" * 64), "payout-stands")  # it has changed since
    assert everything(PayoutOrder) == []
    order = ordered(olga)
    assert ordered(olga) == order  # the same name again is the same order
    assert "? on its way" in shown(griet, "/performer/payouts")
    shown(olga, order)
    assert olga.send(f"{order}/proposal", form="pain.001").headers["location"] == order
    assert "? waits for another operator" in shown(olga, order)
    agree(otto)
    assert "✓ two of you agreed" in shown(olga, order)
    file = olga.send(f"{order}/file", form="pain.001")
    assert file.headers["content-disposition"].endswith('.xml"')
    assert file.headers["cache-control"] == "no-store"
    assert IBAN.encode() in file.content
    assert IBAN[4:] not in shown(olga, order)
    assert olga.send(f"{order}/settled", payout_id="all").headers["location"] == order
    assert "All of it is paid." in shown(olga, order)
    assert "✓ paid" in shown(griet, "/performer/payouts")
    (payout_id,) = {each for each in olga.page.split('"') if each.startswith("pyo_")}
    said = olga.send(f"{order}/returned", payout_id=payout_id, reason="account <closed>")
    assert said.headers["location"] == order
    assert "account &lt;closed&gt;" in shown(griet, "/performer/payouts")
    assert "✕ came back" in griet.page
    assert "✕ came back" in shown(olga, HERE)
    words = [each.words for each in everything(OperatorAct) if each.stated_name.startswith("psn_")]
    files = ("file ask pain.001", "file take pain.001")
    for each in ("order", "ordered", *files, "settled", "returned"):
        assert f"payouts {each}" in words
    (ordering,) = {each.id for each in everything(OperatorAct) if each.words == "payouts ordered"}
    subjects = [x.subject_id for x in everything(OperatorActSubject) if x.act_id == ordering]
    assert subjects == [order.rpartition("/")[2]]
    with db.reading() as session:
        assert check(session).ok


def test_one_alone_gets_no_file_and_one_agreement_gives_one_and_no_other(two, payee, monkeypatch):
    """Planted fault: what two agreed to is taken for any file of that order."""
    olga, otto = two
    order = ordered(olga)
    shown(olga, order)
    openings = len(everything(VaultOpening))
    refused(olga.send(f"{order}/file", form="csv"), "second-person-needed")
    for _ in range(2):  # pressed twice: asked for once
        olga.send(f"{order}/proposal", form="csv")
    assert len([each for each in everything(TwofoldAct) if each.kind == "vault-access"]) == 1
    refused(olga.send(f"{order}/file", form="csv"), "second-person-needed")
    agree(otto)
    shown(olga, order)
    refused(olga.send(f"{order}/file", form="pain.001"), "second-person-needed")
    assert len(everything(VaultOpening)) == openings
    with monkeypatch.context() as faulty:
        faulty.setattr(bank_files, "asked_of", lambda session, order, form: _as_csv(session, order))
        assert IBAN.encode() in olga.send(f"{order}/file", form="pain.001").content, "not caught"
        refused(olga.send(f"{order}/file", form="csv"), "second-person-needed")  # it was used up
    refused(olga.send(f"{order}/file", form="csv"), "second-person-needed")


def test_a_second_file_is_said_to_be_one_and_the_other_operator_reads_so(two, payee, monkeypatch):
    """Planted fault: what was handed out is forgotten once it is done."""
    olga, otto = two
    order = ordered(olga)
    shown(olga, order)
    for form in ("csv", "pain.001"):  # both agreed to, and one handed out
        olga.send(f"{order}/proposal", form=form)
        agree(otto)
        shown(olga, order)
    assert IBAN.encode() in olga.send(f"{order}/file", form="csv").content
    refused(olga.send(f"{order}/file", form="pain.001"), "second-person-needed")
    page = shown(olga, order)
    assert "Files already handed out" in page
    assert "agreed to by Olga" in page
    assert "Otto" in page
    assert 'name="again"' in page
    for form in ("csv", "pain.001"):
        refused(olga.send(f"{order}/proposal", form=form), "payout-stands")
    with monkeypatch.context() as faulty:
        faulty.setattr(bank_files, "handed_out", lambda *of: [])
        assert olga.send(f"{order}/proposal", form="csv").status_code == 303, "not caught"
    olga.send(f"{order}/proposal", form="pain.001", again="true")
    agree(otto)
    assert "handed out already on" in otto.page
    assert "as csv. A bank that takes both pays twice" in otto.page
    shown(olga, order)
    assert IBAN.encode() in olga.send(f"{order}/file", form="pain.001").content


def test_what_no_bank_was_given_is_not_said_to_be_paid(two, payee, monkeypatch):
    """Planted fault: nobody asks whether a file was handed out."""
    olga, _otto = two
    order = ordered(olga)
    shown(olga, order)
    refused(olga.send(f"{order}/settled", payout_id="all"), "payout-stands")
    assert olga.send(f"{order}/settled").status_code == 422  # none named is not all
    assert "1 payout is on its way" in shown(olga, order)
    with monkeypatch.context() as faulty:
        faulty.setattr(bank_files, "check_handed_out", lambda *of: None)
        assert olga.send(f"{order}/settled", payout_id="all").status_code == 303, "not caught"
    assert "All of it is paid." in shown(olga, order)


honest = bank_files.asked_of


def _as_csv(session, order):
    return honest(session, order, "csv")


def test_whoever_is_new_asks_and_is_not_one_of_the_two(served, two, payee):
    new = an_operator(served, "Ada")
    order = ordered(new)
    shown(new, order)
    new.send(f"{order}/proposal", form="csv")
    for each in two:
        assert everything(TwofoldAct)[-1].settled_at is None
        agree(each)
    shown(new, order)
    assert IBAN.encode() in new.send(f"{order}/file", form="csv").content


def test_nobody_else_pays_out_and_nobody_without_a_fresh_passkey(two, griet, payee, monkeypatch):
    olga, _otto = two
    order = ordered(olga)
    before = len(everything(OperatorAct))
    asked = {
        "form": "csv",
        "currency": "EUR",
        "name": "x",
        "payout_id": "x",
        "reason": "x",
        "as_shown": "0" * 64,
    }
    paths = (HERE, f"{HERE}/plan", *(f"{order}/{what}" for what in ("proposal", "file", "settled",
             "returned")))  # fmt: skip
    refused(griet.open(order), "not-allowed")
    shown(griet, "/account")
    for path in paths:
        refused(griet.send(path, **asked), "not-allowed")
    shown(olga, order)
    another = {**asked, "payout_id": "pyo_unknown"}
    refused(olga.send(f"{order}/returned", **another), "payout-not-found")
    later(monkeypatch, minutes=6)
    for path in paths:
        if not path.endswith("plan"):  # it keeps nothing
            assert olga.send(path, **asked).headers["location"] == "/confirm"
    assert len(everything(OperatorAct)) == before + 1


def test_no_name_of_an_order_hides_another_and_none_is_blank(two, griet):
    olga, _ = two
    order = ordered(olga).rpartition("/")[2]
    with db.writing() as session:
        session.add(PayoutOrder(id="pyr_0", name=order, currency="EUR", risk_carrier=""))
    with db.reading() as session:
        assert payouts.order_of(session, order).name == "2026-12"
        assert payouts.order_of(session, "2026-12").id == order
    shown(olga, HERE)
    blank = olga.send(HERE, **WANTED | {"name": "   "}, as_shown="0" * 64)
    assert blank.status_code == 422
