"""Payouts: of funded money, ordered once, in double entry, settled or returned."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from app import db
from app.ledger import payables, payouts
from app.ledger import service as ledger
from app.ledger.check import check
from app.ledger.errors import NothingToPay, PayoutNameTaken, PayoutNotFound, PayoutStands
from app.ledger.models_payouts import Payout, PayoutItem
from app.ledger.payouts import BANK, IN_TRANSIT, order_payouts, return_payout, settle_payout
from app.ledger.receivables import invoices
from app.ledger.receivables.models import OPERATOR
from app.ledger.service import balances
from tests.ledger.receivables.billing import a_profile
from tests.payments.payouts import (
    CHARGED_MINOR,
    IBAN,
    NET_MINOR,
    RISK,
    Payee,
    a_payee,
    an_order,
    receive,
)
from tests.payments.stories import an_hour_later, closed, told

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def where(session) -> dict[str, int]:
    """Where the money of payouts is, in euro cents; what is at zero is left out."""
    places = {account: minor for (account, _), minor in balances(session).items() if minor}
    return {name: -places[name] for name in (IN_TRANSIT, BANK) if name in places}


class TestStates:
    def test_each_moves_the_money_on_and_what_came_back_is_owed_again(self, session):
        payee = a_payee(session)
        (payout,) = an_order(session).payouts
        assert (payee.owed(session), where(session)) == (0, {IN_TRANSIT: NET_MINOR})
        settle_payout(session, payout.id)
        assert (payee.owed(session), where(session)) == (0, {BANK: NET_MINOR})
        return_payout(session, payout.id, note="account closed")
        assert (payee.owed(session), where(session)) == (NET_MINOR, {})
        (again,) = an_order(session, "2026-12 again").payouts
        assert (again.amount_minor, payee.owed(session)) == (NET_MINOR, 0)
        return_payout(session, again.id, note="no such account")  # before it ever settled
        assert (payee.owed(session), where(session)) == (NET_MINOR, {})
        result = check(session)
        assert result.ok, result.first_difference

    @ONE_DATABASE
    def test_said_twice_is_said_once_and_what_came_back_stays_back(self, session):
        a_payee(session)
        (payout,) = an_order(session).payouts
        assert settle_payout(session, payout.id).id == settle_payout(session, payout.id).id
        first = return_payout(session, payout.id, note="account closed")
        assert return_payout(session, payout.id, note="another word").id == first.id
        with pytest.raises(PayoutStands, match="returned and cannot be settled"):
            settle_payout(session, payout.id)
        with pytest.raises(PayoutNotFound):
            settle_payout(session, "pyo_unknown")

    @ONE_DATABASE
    def test_show_on_the_statement_of_the_period_they_fall_into(self, session, monkeypatch):
        a_payee(session)
        (payout,) = an_order(session).payouts
        an_hour_later(monkeypatch)
        said = told(session, closed(session))["performer"]
        assert f'"payout sent {payout.id}"' in said.document
        assert f'"moved_minor":-{NET_MINOR}' in said.document


class TestOrder:
    def test_of_the_same_name_is_the_first_and_nothing_is_ordered_twice(self, session):
        a_payee(session)
        first = an_order(session)
        again = an_order(session)
        assert again.order.id == first.order.id
        assert [each.id for each in again.payouts] == [each.id for each in first.payouts]
        assert len(session.exec(select(Payout)).all()) == 1
        with pytest.raises(NothingToPay, match="now: agent"):  # who names no account
            an_order(session, "another name")
        with pytest.raises(PayoutNameTaken, match="at the risk of Nightglass"):
            an_order(session, risk="")

    @ONE_DATABASE
    def test_pays_closed_periods_alone(self, session, monkeypatch):
        payee = a_payee(session)
        an_hour_later(monkeypatch)
        payee.story.use(session)
        (payout,) = an_order(session).payouts
        assert (payout.amount_minor, payee.owed(session)) == (NET_MINOR, NET_MINOR)

    @ONE_DATABASE
    def test_waits_for_an_account_and_says_so(self, session):
        payee = a_payee(session, named=False)
        with pytest.raises(NothingToPay, match=f"{payee.account}: names no bank account"):
            an_order(session)

    @ONE_DATABASE
    def test_sends_money_where_the_payee_last_said(self, session):
        payee = a_payee(session)
        newest = payee.names(session, "DE89370400440532013000")
        (payout,) = an_order(session).payouts
        assert payout.details_id == newest.id

    def test_at_once_from_two_desks_pays_once(self, session, database):
        a_payee(session)
        session.commit()

        def order(name: str) -> bool:
            try:
                with db.writing() as mine:
                    an_order(mine, name)
            except NothingToPay:
                return False
            return True

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(order, "abcd")) == 1
        assert len(session.exec(select(Payout)).all()) == 1

    def test_without_the_lock_the_database_still_refuses_to_pay_twice(
        self, session, database, monkeypatch
    ):
        """Planted fault: two orders read the open lines at the same time."""
        if database == "sqlite":
            pytest.skip("SQLite writes one at a time whatever we do")
        a_payee(session)
        session.commit()
        together, real = Barrier(2, timeout=60), payables.open_lines

        def looked(*asked):
            found = real(*asked)
            together.wait()
            return found

        monkeypatch.setattr(payouts, "hold_still", lambda _: None)
        monkeypatch.setattr(payouts, "open_lines", looked)

        def order(name: str) -> bool:
            try:
                with db.writing() as mine:
                    an_order(mine, name)
            except IntegrityError:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            assert sum(pool.map(order, "ab")) == 1


class TestFunds:
    def test_are_waited_for_unless_somebody_carries_the_risk(self, session):
        payee = a_payee(session, uses=2)
        with pytest.raises(NothingToPay, match="2 entries wait for funded money"):
            an_order(session, risk="")
        receive(session, payee, CHARGED_MINOR + 1)
        made = an_order(session, risk="")
        (payout,) = made.payouts
        assert payout.amount_minor == NET_MINOR
        assert made.waiting[payee.account] == "1 entry waits for funded money"
        at_risk = an_order(session, "the rest")
        assert [each.amount_minor for each in at_risk.payouts] == [NET_MINOR]
        funded = session.exec(select(PayoutItem.payout_id, PayoutItem.funded)).all()
        assert sorted(funded) == sorted([(payout.id, True), (at_risk.payouts[0].id, False)])
        result = check(session)
        assert result.ok, result.first_difference

    @ONE_DATABASE
    def test_of_a_self_bill_are_here_when_all_it_bills_is(self, session, monkeypatch):
        payee = a_payee(session)
        a_profile(session, OPERATOR, iban=IBAN)
        a_profile(session, payee.story.scene.performer.id)
        bill = invoices.issue_self_bill(session, payee.account, "EUR")
        an_hour_later(monkeypatch)
        closed(session)
        receive(session, payee, CHARGED_MINOR - 1)
        with pytest.raises(NothingToPay, match="2 entries wait"):
            an_order(session, risk="")
        receive(session, payee, 1, "2")
        (payout,) = an_order(session, risk="").payouts
        assert payout.amount_minor == bill.total_minor > NET_MINOR
        result = check(session)
        assert result.ok, result.first_difference


class TestNeverExceedsWhatIsOwed:
    def test_what_was_taken_back_since_counts_at_once(self, session, monkeypatch):
        payee = a_payee(session, uses=2)
        an_hour_later(monkeypatch)
        undone = payee.story.use(session)
        ledger.reverse_entry(session, undone, reason="unusable")  # neither is open yet
        _reverse_a_closed_use(session, payee)
        (payout,) = an_order(session).payouts
        assert payout.amount_minor == NET_MINOR
        assert payee.owed(session) == 0

    @ONE_DATABASE
    def test_what_a_self_bill_withheld_is_not_paid(self, session):
        payee = a_payee(session)
        a_profile(session, OPERATOR)
        a_profile(session, payee.story.scene.performer.id, vat_id=None, vat_rate=None,
                  withholding_rate="0.20")  # fmt: skip
        invoices.issue_self_bill(session, payee.account, "EUR")
        (payout,) = an_order(session).payouts
        assert payout.amount_minor == NET_MINOR - NET_MINOR // 5
        assert payee.owed(session) == 0

    @ONE_DATABASE
    def test_who_was_paid_and_owes_waits_until_it_has_earned_that(self, session):
        payee = a_payee(session)
        an_order(session)
        _reverse_a_closed_use(session, payee)
        with pytest.raises(NothingToPay, match="nothing is owed"):
            an_order(session, "2027-01")

    @ONE_DATABASE
    def test_open_lines_that_exceed_the_balance_order_nothing(self, session, monkeypatch):
        """Planted fault: a line is counted twice."""
        a_payee(session)
        real = payables.open_lines
        monkeypatch.setattr(
            payouts, "open_lines", lambda *asked: {k: v * 2 for k, v in real(*asked).items()}
        )
        with pytest.raises(PayoutStands, match="nothing was ordered"):
            an_order(session)
        assert session.exec(select(Payout)).all() == []

    @ONE_DATABASE
    def test_another_currency_is_another_order(self, session):
        a_payee(session)
        with pytest.raises(NothingToPay, match="in USD"):
            order_payouts(
                session,
                name="x",
                currency="USD",
                pay_to=lambda _: "pda_1",
                held={},
                risk_carrier=RISK,
            )


def _reverse_a_closed_use(session, payee: Payee) -> None:
    from app.ledger.models import JournalEntry
    from app.ledger.models_periods import PeriodEntry

    entry = session.exec(
        select(JournalEntry).join(PeriodEntry).where(JournalEntry.usage_event_id.is_not(None))
    ).first()
    ledger.reverse_entry(session, entry, reason="unusable")
