"""A performer sees where their money is, to the minor unit; names an account; reads of payouts."""

import pytest

from app import config, db
from app.ledger import payouts
from app.ledger.payables import open_lines
from app.payments import details
from app.payments.due import due_to
from app.payments.models_details import PayoutDetails
from app.twofold.models import TwofoldAct
from tests.http.browser import Browser
from tests.http.test_performer_pages import joined, shown
from tests.identity.authenticator import ORIGIN
from tests.payments.payouts import HOLDER, IBAN, NET_MINOR, a_payee, an_order, receive
from tests.people.visiting import everything, later, refused

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("http"),
]
HERE = "/performer/payouts"


@pytest.fixture
def payee(served, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
    config.settings.cache_clear()
    with db.writing() as session:
        return a_payee(session, named=False)


@pytest.fixture
def griet(served, payee):
    return joined(served, payee.story.scene.desk.organization, "Griet")


def parts(payee, held=()):
    with db.reading() as session:
        return [
            (each.owed_minor, each.ready_minor, each.unfunded_minor, each.held_minor)
            for each in due_to(session, [payee.account], held)
        ]


class TestOwed:
    def test_every_part_is_said_with_what_it_waits_for_and_they_sum(self, payee, griet):
        assert parts(payee) == [(NET_MINOR, 0, NET_MINOR, 0)]
        page = shown(griet, HERE)
        assert "56.25 EUR waits for the production’s money." in page
        with db.writing() as session:
            payee.story.use(session)  # of no closed period
            receive(session, payee, 7563)
        assert parts(payee) == [(2 * NET_MINOR, NET_MINOR, 0, 0)]
        page = shown(griet, HERE)
        assert "56.25 EUR goes out with the next payout." in page
        assert "56.25 EUR is not counted out yet." in page

    def test_what_a_case_holds_is_said_as_held(self, payee):
        with db.writing() as session:
            (line,) = open_lines(session, "EUR")[payee.account]
        assert parts(payee, {line.entry_id}) == [(NET_MINOR, 0, 0, NET_MINOR)]

    def test_an_order_pays_just_what_was_said_to_be_ready(self, payee):
        with db.writing() as session:
            payee.names(session)
            receive(session, payee, 7563)
        ((_, ready, _, _),) = parts(payee)
        with db.writing() as session:
            (paid,) = an_order(session, risk="").payouts
            assert (paid.account, paid.amount_minor) == (payee.account, ready)
        assert parts(payee) == []

    def test_another_payees_money_is_not_in_it(self, payee):
        with db.reading() as session:
            every = open_lines(session, "EUR")
            assert payee.account in every  # beside the agent's
            assert len(every) == 2
            mine = open_lines(session, "EUR", accounts=[payee.account])
            assert mine == {payee.account: every[payee.account]}


class TestPaid:
    def test_each_payout_says_what_became_of_it_and_why_it_came_back(self, payee, griet):
        assert "Nothing yet." in shown(griet, HERE)
        with db.writing() as session:
            payee.names(session)
            (paid,) = an_order(session).payouts
        assert "? on its way" in shown(griet, HERE)
        with db.writing() as session:
            payouts.settle_payout(session, paid.id)
        assert "✓ paid" in shown(griet, HERE)
        with db.writing() as session:
            payouts.return_payout(session, paid.id, note="account <closed>")
        page = shown(griet, HERE)
        assert "✕ came back" in page
        assert "account &lt;closed&gt;" in page
        assert "it is owed again" in page
        assert "56.25 EUR waits" in page  # owed again


class TestAccount:
    def propose(self, griet, payee, **said):
        shown(griet, HERE)
        fields = {"performer_id": payee.story.scene.performer.id, "holder": HOLDER, "iban": IBAN}
        return griet.send(f"{HERE}/account", **{**fields, **said})

    def test_is_proposed_and_counts_once_agreed_and_is_never_shown_here(self, payee, griet):
        assert "✕ no bank account yet" in shown(griet, HERE)
        answer = self.propose(griet, payee)
        (act,) = everything(TwofoldAct)
        assert answer.headers["location"] == f"/account/two-people/{act.id}"
        assert everything(PayoutDetails) == []  # nothing counts by one word
        page = shown(griet, HERE)
        assert "? another one waits for a second person" in page
        assert IBAN not in page
        with db.writing() as session:
            act = session.get_one(TwofoldAct, act.id)
            act.settled_at = act.proposed_at
            details.put_in_force(session, act)
        page = shown(griet, HERE)
        assert "✓ a bank account counts" in page
        assert IBAN not in page

    def test_a_mistyped_one_is_refused_and_nobody_names_one_for_another(
        self, served, payee, griet, monkeypatch
    ):
        refused(self.propose(griet, payee, iban="NL00ABNA0417164300"), "bank-account-refused")
        refused(self.propose(griet, payee, performer_id="per_unknown"), "payee-not-found")
        agent = joined(served, payee.story.scene.agency.organization, "Maria")
        refused(Browser.open(agent, HERE), "not-allowed")
        later(monkeypatch, minutes=6)
        assert self.propose(griet, payee).headers["location"] == "/confirm"
        assert everything(TwofoldAct) == []
