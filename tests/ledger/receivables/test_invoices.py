"""Numbered without a gap, billed once, taxed by the profile of the day, corrected by notes."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select

from app import clock, db
from app.ledger import service
from app.ledger.books import Line
from app.ledger.check import check
from app.ledger.errors import InvoiceNotCreditable, NothingToInvoice, ProfileMissing, ProfileRefused
from app.ledger.models import JournalEntry
from app.ledger.posting import lines_of
from app.ledger.receivables import invoices, payments
from app.ledger.receivables.models import OPERATOR, Invoice, InvoiceLine, OpenInvoice
from app.ledger.receivables.profiles import profile_on
from app.ledger.sources import post_source
from tests.ledger.receivables.billing import LICENSEE, a_charge, a_profile, both

GROWING = ("party_profile", "contract_licensee", "invoice", "invoice_line", "invoice_payment")


def posted(session: Session, invoice: Invoice) -> tuple[Line, ...]:
    entry = session.exec(
        select(JournalEntry).where(JournalEntry.source == f"invoice:{invoice.id}")
    ).one()
    return lines_of(session, entry.id)


def paid_in(session: Session, minor: int) -> None:
    """Money on the licensee's prepaid account, as a receipt puts it there."""
    lines = (
        Line("bank:clearing", "USD", minor),
        Line(payments.prepaid_account(LICENSEE), "USD", -minor),
    )
    post_source(session, "paid-in", str(minor), lines)


class TestProfiles:
    def test_the_one_of_the_day_holds_and_earlier_ones_stay(self, session):
        today = clock.now().date()
        a_profile(session, "per_1", name="Then")
        a_profile(session, "per_1", name="Soon", valid_from=today + timedelta(days=3))
        assert profile_on(session, "per_1", today).name == "Then"
        assert profile_on(session, "per_1", today + timedelta(days=3)).name == "Soon"

    def test_the_past_is_not_written_anew(self, session):
        a_profile(session, "per_1")
        with pytest.raises(ProfileRefused, match="today or later"):
            a_profile(session, "per_1", valid_from=clock.now().date() - timedelta(days=1))

    @pytest.mark.parametrize(
        "wrong",
        [
            {"vat_id": "DE123456789"},
            {"vat_id": None},
            {"iban": "NL91ABNA0417164301"},
            {"vat_rate": "1.5"},
            {"country": "Netherlands"},
            {"address": []},
            {"nickname": "NP"},
        ],
    )
    def test_what_contradicts_itself_is_refused(self, session, wrong):
        with pytest.raises(ValueError):
            a_profile(session, "per_1", **wrong)


class TestIssueInvoice:
    def test_bills_every_charge_once_with_tax_in_double_entry(self, session):
        both(session)
        a_charge(session, "1")
        a_charge(session, "2", seconds="5")
        a_charge(session, "3", licensee="org_2")
        invoice = invoices.issue_invoice(session, LICENSEE, "USD")
        assert (invoice.reads, invoice.net_minor, invoice.tax_minor) == ("INV-000001", 1800, 378)
        assert invoice.document["tax"]["category"] == "S"
        assert invoice.document["reference"].startswith("RF")
        assert posted(session, invoice) == (
            Line("licensee:org_1:invoiced", "USD", 2178),
            Line("licensee:receivable", "USD", -1800),
            Line("tax:vat:NL:output", "USD", -378),
        )
        with pytest.raises(NothingToInvoice):
            invoices.issue_invoice(session, LICENSEE, "USD")
        assert check(session).first_difference is None

    def test_the_profile_of_the_day_decides_the_tax(self, session):
        both(session, country="DE", vat_id="DE123456789", vat_rate="0.19")
        a_charge(session, "1")
        abroad = invoices.issue_invoice(session, LICENSEE, "USD")
        assert (abroad.tax_minor, abroad.document["tax"]["category"]) == (0, "AE")
        assert "article 196" in abroad.document["tax"]["reason"]
        a_profile(session, LICENSEE, valid_from=clock.now().date())
        a_charge(session, "2")
        at_home = invoices.issue_invoice(session, LICENSEE, "USD")
        assert (at_home.tax_minor, abroad.tax_minor) == (252, 0)
        assert abroad.document["customer"]["country"] == "DE"

    def test_nothing_is_numbered_without_both_profiles(self, session):
        a_charge(session, "1")
        a_profile(session, OPERATOR)
        with pytest.raises(ProfileMissing, match="understudy party set org_1"):
            invoices.issue_invoice(session, LICENSEE, "USD")
        assert session.exec(select(Invoice)).all() == []

    def test_refunds_beyond_charges_make_a_credit_note_that_is_prepaid(self, session):
        both(session)
        entry = a_charge(session, "1")
        invoices.issue_invoice(session, LICENSEE, "USD")
        service.reverse_entry(session, entry, reason="unusable")
        note = invoices.issue_invoice(session, LICENSEE, "USD")
        assert (note.reads, note.kind, note.total_minor) == ("CN-000001", "credit-note", -1452)
        assert session.exec(select(OpenInvoice)).all() == []  # the note paid the invoice
        assert payments.prepaid(session, LICENSEE, "USD") == 0
        assert check(session).first_difference is None

    def test_prepaid_money_goes_towards_the_oldest_first(self, session):
        both(session)
        for name in "12":
            a_charge(session, name)
            invoices.issue_invoice(session, LICENSEE, "USD")
        paid_in(session, 2000)
        payments.lock_funds(session, LICENSEE, "USD")
        payments.pay_open(session, LICENSEE, "USD")
        (left,) = session.exec(select(OpenInvoice)).all()
        assert session.get_one(Invoice, left.invoice_id).reads == "INV-000002"
        assert left.outstanding_minor == 2 * 1452 - 2000
        assert payments.balance(session, "licensee:org_1:invoiced", "USD") == 904


class TestCreditInvoice:
    def test_takes_all_of_it_back_and_lets_it_be_invoiced_anew(self, session):
        both(session)
        a_charge(session, "1")
        wrong = invoices.issue_invoice(session, LICENSEE, "USD")
        note = invoices.credit_invoice(session, wrong, reason="the address was wrong")
        assert invoices.credit_invoice(session, wrong, reason="again").id == note.id
        assert (note.total_minor, note.document["corrects"]) == (-1452, "INV-000001")
        anew = invoices.issue_invoice(session, LICENSEE, "USD")
        assert (anew.reads, anew.total_minor) == ("INV-000002", 1452)
        assert [x.invoice_id for x in session.exec(select(OpenInvoice))] == [anew.id]
        assert payments.balance(session, "licensee:receivable", "USD") == 0
        assert payments.balance(session, "tax:vat:NL:output", "USD") == -252
        assert check(session).first_difference is None

    def test_a_credit_note_is_not_credited(self, session):
        both(session)
        a_charge(session, "1")
        invoice = invoices.issue_invoice(session, LICENSEE, "USD")
        note = invoices.credit_invoice(session, invoice, reason="no")
        with pytest.raises(InvoiceNotCreditable):
            invoices.credit_invoice(session, note, reason="no")


class TestSelfBill:
    def test_bills_the_operator_in_the_payees_name(self, session):
        a_profile(session, OPERATOR)
        a_profile(session, "P1", vat_rate="0.09", withholding_rate="0.15")
        a_charge(session, "1")
        bill = invoices.issue_self_bill(session, "performer:P1:payable", "USD")
        assert (bill.supplier_id, bill.customer_id, bill.reads) == ("P1", OPERATOR, "SB-000001")
        assert (bill.net_minor, bill.tax_minor, bill.withheld_minor) == (1080, 97, 162)
        assert posted(session, bill) == (
            Line("tax:vat:NL:input", "USD", 97),
            Line("performer:P1:payable", "USD", 65),
            Line("tax:withholding", "USD", -162),
        )
        owed = payments.balance(session, "performer:P1:payable", "USD")
        assert -owed == bill.total_minor == 1015
        assert check(session).first_difference is None

    def test_does_not_withhold_what_the_contract_withheld(self, session):
        a_profile(session, OPERATOR)
        a_profile(session, "P1", vat_id=None, vat_rate=None, withholding_rate="0.15")
        a_charge(session, "1", withholding={"rate": "0.30", "base": "gross_share"})
        a_charge(session, "2")
        bill = invoices.issue_self_bill(session, "performer:P1:payable", "USD")
        assert bill.document["withholding"]["base_minor"] == 1080
        assert bill.withheld_minor == 162

    def test_every_payee_has_numbers_of_their_own_and_credits_are_taken_back(self, session):
        a_profile(session, OPERATOR)
        for party in ("P1", "AG1"):
            a_profile(session, party, vat_id=None, vat_rate=None)
        a_charge(session, "1")
        one = invoices.issue_self_bill(session, "performer:P1:payable", "USD")
        other = invoices.issue_self_bill(session, "agent:AG1:payable", "USD")
        assert (one.reads, other.reads, other.net_minor) == ("SB-000001", "SB-000001", 120)
        note = invoices.credit_invoice(session, one, reason="the name was wrong")
        assert (note.reads, note.net_minor) == ("SBC-000001", -1080)
        assert invoices.issue_self_bill(session, "performer:P1:payable", "USD").number == 2
        assert check(session).first_difference is None

    @pytest.mark.parametrize("account", ["platform:fee", "fund:AFTRA:payable", "performer:P1"])
    def test_only_payees_are_billed_for(self, session, account):
        with pytest.raises(NothingToInvoice, match="no payee's account"):
            invoices.issue_self_bill(session, account, "USD")


def refused(session: Session, statement: str) -> str:
    try:
        with session.begin_nested():
            session.execute(sa.text(statement))
    except DBAPIError as error:
        return str(error)
    return "accepted"


class TestTheDatabase:
    @pytest.fixture
    def invoice(self, session):
        both(session)
        a_charge(session, "1")
        paid_in(session, 100)
        invoice = invoices.issue_invoice(session, LICENSEE, "USD")
        session.commit()
        return invoice

    def test_lets_documents_only_grow(self, session, invoice):
        for table in GROWING:
            column = sa.inspect(session.connection()).get_columns(table)[0]["name"]
            assert "append-only" in refused(session, f"UPDATE {table} SET {column} = {column}")
            assert "append-only" in refused(session, f"DELETE FROM {table}")

    @pytest.mark.parametrize("number", [1, 3, 0])
    def test_refuses_a_number_that_is_not_the_next(self, session, invoice, number):
        values = invoice.model_dump() | {"id": "inv_x", "number": number}
        with pytest.raises(DBAPIError, match=r"no gap|append-only"), session.begin_nested():
            session.execute(sa.insert(Invoice), [values])

    def test_refuses_to_bill_twice_or_to_take_back_what_is_not_billed(self, session, invoice):
        (line,) = session.exec(select(InvoiceLine)).all()
        for sign, account in ((1, line.account), (-1, "performer:P1:payable")):
            values = line.model_dump() | {"line": 9, "sign": sign, "account": account}
            with pytest.raises(DBAPIError, match="billed once"), session.begin_nested():
                session.execute(sa.insert(InvoiceLine), [values])

    def test_an_invoice_that_is_rolled_back_leaves_no_gap(self, session, invoice):
        a_charge(session, "2")
        session.commit()
        invoices.issue_invoice(session, LICENSEE, "USD")
        session.rollback()
        assert invoices.issue_invoice(session, LICENSEE, "USD").number == 2


EDITS = [
    ("invoice", "net_minor = 1, total_minor = 1 + tax_minor", "should be"),
    ("invoice", "number = 5", "INV 1 is missing"),
    ("invoice", "document_sha256 = 'x'", "not that of its digest"),
    ("invoice_line", "net_minor = 1", "its lines are not"),
    ("invoice_line", "account = 'platform:fee'", "which moved 0"),
    ("invoice_line", "sign = -1", "which moved 1200"),
    ("invoice_payment", "amount_minor = 99", "should be"),
    ("open_invoice", "outstanding_minor = 1", "the cache says something else"),
    ("open_invoice_contract", "contract_id = 'con_2'", "of the contracts it is open under"),
]


class TestCheckFindsWhatTriggersDidNotStop:
    """Planted fault: the owner of the database drops a trigger and edits a row."""

    def test_every_kind_of_edit_is_found(self, session, monkeypatch):
        from app.ledger import check as books

        monkeypatch.setitem(
            books.SOURCES,
            "paid-in",
            lambda *_: (
                Line("bank:clearing", "USD", 100),
                Line(payments.prepaid_account(LICENSEE), "USD", -100),
            ),
        )
        both(session)
        a_charge(session, "1")
        paid_in(session, 100)
        invoices.issue_invoice(session, LICENSEE, "USD")
        assert check(session).first_difference is None
        for table, edit, named in EDITS:
            with session.begin_nested() as savepoint:
                if not table.startswith("open_invoice"):
                    name = f"{table}_never_updated"
                    if session.get_bind().dialect.name == "postgresql":
                        name = f"{table}_append_only ON {table}"
                    session.execute(sa.text(f"DROP TRIGGER {name}"))
                session.execute(sa.text(f"UPDATE {table} SET {edit}"))
                assert named in (check(session).first_difference or f"not found: {edit}")
                savepoint.rollback()
            session.expire_all()


class TestAtOnce:
    def test_two_invoices_of_one_licensee_bill_each_charge_once(self, session, database):
        """Both databases: the second waits for the first, and finds nothing left to bill."""
        from concurrent.futures import ThreadPoolExecutor

        both(session)
        a_charge(session, "1")
        a_charge(session, "2", licensee="org_2")
        a_profile(session, "org_2")
        session.commit()

        def issue(organization_id: str) -> str:
            try:
                with db.writing() as mine:
                    return invoices.issue_invoice(mine, organization_id, "USD").reads
            except NothingToInvoice:
                return "nothing"

        with ThreadPoolExecutor(4) as pool:
            said = sorted(pool.map(issue, [LICENSEE, LICENSEE, "org_2", "org_2"]))
        assert said == ["INV-000001", "INV-000002", "nothing", "nothing"]
        assert check(session).first_difference is None
