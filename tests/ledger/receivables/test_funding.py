"""Nothing is held without money or credit; what the bank brought covers the oldest first."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from app import db, money
from app.ledger import funding, service
from app.ledger.books import Line
from app.ledger.errors import CreditRefused, FundsLacking
from app.ledger.receivables import invoices, payments
from app.ledger.receivables.credit import approve_credit, credit_of
from app.ledger.sources import post_source
from tests.ledger.factories import a_licensee
from tests.ledger.receivables.billing import LICENSEE, a_charge, both


def hold(session, number: str, amount_minor: int, licensee: str = LICENSEE):
    return service.place_hold(
        session,
        f"gen_{number}",
        f"con_{number}",
        licensee_id=licensee,
        amount_minor=amount_minor,
        currency="USD",
        seconds=1,
    )


def receive(session, number: str, minor: int, licensee: str = LICENSEE) -> None:
    """Money from the bank, assigned to a licensee; it pays open invoices at once."""
    account = payments.prepaid_account(licensee)
    lines = (Line("receipts:unassigned", "USD", minor), Line(account, "USD", -minor))
    payments.lock_funds(session, licensee, "USD")
    post_source(session, "receipt-assignment", number, lines)
    payments.pay_open(session, licensee, "USD")


class TestHolds:
    def test_need_money_or_credit_and_the_refusal_says_what_to_do(self, session):
        a_licensee(session, credit_minor=1000)
        hold(session, "1", 600)
        with pytest.raises(FundsLacking) as refusal:
            hold(session, "2", 401)
        assert refusal.value.status == 402
        assert "needs 4.01 USD" in refusal.value.detail
        assert "may spend 4.00 USD" in refusal.value.detail
        assert "understudy credit approve org_1" in refusal.value.detail
        assert refusal.value.extra["available_minor"] == 400
        hold(session, "2", 400)
        assert funding.available(session, LICENSEE, "USD") == 0

    def test_are_freed_by_voiding_and_bound_by_capturing(self, session):
        a_licensee(session, credit_minor=5000)
        a_charge(session, "1")
        stands = funding.standing_of(session, LICENSEE, "USD")
        assert (stands.unbilled_minor, stands.held_minor) == (1200, 0)
        hold(session, "2", 3800)
        service.void_hold(session, "gen_2", reason="it failed")
        assert funding.available(session, LICENSEE, "USD") == 3800

    def test_an_invoice_binds_its_tax_too_and_a_payment_frees_all_of_it(self, session):
        a_licensee(session, credit_minor=5000)
        both(session)
        a_charge(session, "1")
        invoices.issue_invoice(session, LICENSEE, "USD")
        stands = funding.standing_of(session, LICENSEE, "USD")
        assert (stands.invoiced_minor, stands.unbilled_minor) == (1452, 0)
        receive(session, "1", 2000)
        stands = funding.standing_of(session, LICENSEE, "USD")
        assert (stands.invoiced_minor, stands.prepaid_minor) == (0, 548)
        assert stands.available_minor == 5548

    def test_prepaid_money_is_enough_without_credit(self, session):
        a_licensee(session, credit_minor=0)
        receive(session, "1", 700)
        hold(session, "1", 700)
        with pytest.raises(FundsLacking):
            hold(session, "2", 1)

    def test_a_use_that_costs_nothing_needs_no_money(self, session):
        a_licensee(session, credit_minor=0)
        hold(session, "1", 0)

    def test_another_currency_and_another_licensee_have_money_of_their_own(self, session):
        a_licensee(session, credit_minor=0)
        a_licensee(session, "org_2", credit_minor=100)
        hold(session, "1", 100, "org_2")
        with pytest.raises(FundsLacking):
            hold(session, "2", 100)

    def test_at_once_never_hold_more_than_there_is(self, session, database):
        a_licensee(session, credit_minor=1000)
        session.commit()

        def try_to(number: int) -> bool:
            try:
                with db.writing() as mine:
                    hold(mine, f"x{number}", 300)
            except FundsLacking:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(try_to, range(8))) == 3
        assert funding.available(session, LICENSEE, "USD") == 100

    def test_without_the_lock_they_would(self, session, database, monkeypatch):
        """Planted fault: the race above is a race; SQLite has one writer and no race to lose."""
        if database == "sqlite":
            pytest.skip("SQLite writes one at a time whatever we do")
        from threading import Barrier

        a_licensee(session, credit_minor=1000)
        session.commit()
        monkeypatch.setattr(funding, "lock_funds", lambda *_: None)
        together, real = Barrier(8, timeout=60), funding.standing_of

        def looked(*asked):
            found = real(*asked)
            together.wait()
            return found

        monkeypatch.setattr(funding, "standing_of", looked)

        def take(number: int) -> None:
            with db.writing() as mine:
                hold(mine, f"x{number}", 300)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(take, range(8)))
        monkeypatch.undo()
        session.rollback()
        assert funding.available(session, LICENSEE, "USD") < 0

    def test_of_two_licensees_do_not_wait_for_each_other(self, session, database):
        if database == "sqlite":
            pytest.skip("SQLite writes one at a time whatever we do")
        for licensee in (LICENSEE, "org_2"):
            a_licensee(session, licensee)
        session.commit()
        hold(session, "1", 100)  # and not yet committed
        with db.writing() as other:
            other.execute(sa.text("SET LOCAL lock_timeout = '2s'"))
            hold(other, "2", 100, "org_2")
            a_charge(other, "3", licensee="org_2")
        with db.writing() as other:
            other.execute(sa.text("SET LOCAL lock_timeout = '100ms'"))
            with pytest.raises(DBAPIError, match="lock timeout"):
                hold(other, "4", 100)
            other.rollback()


class TestCredit:
    def test_the_newest_word_counts_and_the_earlier_stay(self, session):
        a_licensee(session, credit_minor=500)
        approve_credit(session, LICENSEE, currency="USD", amount_minor=200, note="less")
        assert credit_of(session, LICENSEE, "USD") == 200
        session.flush()
        with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
            session.execute(sa.text("UPDATE credit_approval SET amount_minor = 999"))

    @pytest.mark.parametrize(("who", "minor"), [("org_nobody", 1), (LICENSEE, -1)])
    def test_is_of_somebody_and_not_negative(self, session, who, minor):
        a_licensee(session)
        with pytest.raises(CreditRefused):
            approve_credit(session, who, currency="USD", amount_minor=minor)

    @pytest.mark.parametrize(
        ("text", "currency", "minor"),
        [("1000", "EUR", 100000), ("0.5", "EUR", 50), ("12", "JPY", 12), ("-1.234", "BHD", -1234)],
    )
    def test_amounts_are_read_as_people_write_them(self, text, currency, minor):
        assert money.parse_minor(text, currency) == minor

    @pytest.mark.parametrize("text", ["1,000", "1.234", "", "1e3", " 1", "½"])
    def test_other_amounts_are_refused(self, text):
        with pytest.raises(ValueError, match="is no amount of EUR"):
            money.parse_minor(text, "EUR")


class TestFunded:
    def test_covers_the_oldest_first_and_nothing_in_part(self, session):
        entries = [a_charge(session, name).id for name in "123"]
        assert funding.funded(session, entries) == frozenset()
        receive(session, "1", 2399)
        assert funding.funded(session, entries) == {entries[0]}
        assert funding.funded(session, entries[1:]) == frozenset()
        receive(session, "2", 1)
        assert funding.funded(session, entries) == set(entries[:2])

    def test_credit_is_not_money(self, session):
        a_licensee(session)
        assert funding.funded(session, [a_charge(session, "1").id]) == frozenset()

    def test_tax_that_was_invoiced_needs_money_as_well(self, session):
        both(session)
        entries = [a_charge(session, name).id for name in "12"]
        invoices.issue_invoice(session, LICENSEE, "USD")
        receive(session, "1", 2400)
        assert funding.funded(session, entries) == {entries[0]}
        receive(session, "2", 504)
        assert funding.funded(session, entries) == set(entries)

    def test_of_a_credited_invoice_the_tax_is_gone(self, session):
        both(session)
        entry = a_charge(session, "1")
        invoice = invoices.issue_invoice(session, LICENSEE, "USD")
        invoices.credit_invoice(session, invoice, reason="wrong")
        receive(session, "1", 1200)
        assert funding.funded(session, [entry.id]) == {entry.id}

    def test_an_entry_and_its_corrections_are_one_charge(self, session):
        gone, kept = a_charge(session, "1"), a_charge(session, "2")
        undone = service.reverse_entry(session, gone, reason="unusable")
        receive(session, "1", 1200)
        assert funding.funded(session, [gone.id, undone.id, kept.id]) == {
            gone.id,
            undone.id,
            kept.id,
        }

    def test_each_licensee_pays_for_its_own(self, session):
        mine, theirs = a_charge(session, "1"), a_charge(session, "2", licensee="org_2")
        receive(session, "1", 9999, "org_2")
        assert funding.funded(session, [mine.id, theirs.id, "jre_unknown"]) == {theirs.id}
