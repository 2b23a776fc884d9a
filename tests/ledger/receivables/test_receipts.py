"""Bank statements: read whole or not at all, taken in once, matched by what the payer wrote."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from app import clock
from app.ledger import funding
from app.ledger.check import check
from app.ledger.errors import ReceiptAssigned, StatementRefused
from app.ledger.receivables import invoices, payments, receipts
from app.ledger.receivables.camt import read_statements
from app.ledger.receivables.models import OPERATOR, OpenInvoice, OpenInvoiceContract
from app.ledger.receivables.models_receipts import BankReceipt, BankStatement, ReceiptAssignment
from app.ledger.receivables.references import creditor_reference
from tests.ledger.factories import a_licensee
from tests.ledger.receivables.billing import LICENSEE, a_charge, a_profile, both
from tests.ledger.receivables.statements import IBAN, a_statement, an_entry

BOMB = '<!DOCTYPE Document [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
THIEF = '<!DOCTYPE Document [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
CALLER = '<!DOCTYPE Document SYSTEM "http://127.0.0.1:9/evil.dtd">'
DEEP = b"<a>" * 50_000 + b"</a>" * 50_000


def take(session, data):
    """Import a file as the command does; return what is new."""
    return receipts.take_statements(session, read_statements(data)).new


class TestReadStatements:
    @pytest.mark.parametrize("version", ["02", "08"])
    def test_reads_what_came_in_and_counts_the_rest(self, version):
        data = a_statement(
            an_entry("12.34", "INV-000001", structured="RF18539007547034", version=version),
            an_entry("5.00", reference="R2", side="DBIT", version=version),
            an_entry("9.99", reference="R3", status="PDNG", version=version),
            an_entry("2.00", reference="R4", side="DBIT", reversal=True, version=version),
            moved="5.34",
            version=version,
        )
        (statement,) = read_statements(data)
        assert (statement.opening_minor, statement.closing_minor) == (10000, 10534)
        assert [(x.reference, x.amount_minor) for x in statement.receipts] == [
            ("R1", 1234),
            ("R4", -200),
        ]
        assert statement.receipts[0].payer == "Nightglass"
        assert statement.receipts[0].said == "RF18539007547034\nINV-000001\nE2E"
        assert statement.paid_out == 1

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            (b"", "schema"),
            (b"<a/>", "no camt.053"),
            (a_statement(version="03"), "no camt.053"),
            (a_statement().replace(b"urn:iso:std:iso", b"urn:evil"), "no camt.053"),
            (DEEP, "schema"),
            (a_statement(currency="XXX"), "not an ISO 4217 currency"),
            (a_statement().replace(b"-11-26</Dt></Dt>", b"-02-30</Dt></Dt>"), "schema"),
            (a_statement(an_entry("1.00"), moved="2.00"), "does not add up"),
            (a_statement(an_entry("1.00", currency="EUR"), moved="1.00"), "entry in EUR"),
            (a_statement(an_entry("1.001"), moved="1.001"), "no amount of USD"),
            (a_statement(iban="NL00ABNA0417164300"), "no account with an IBAN"),
            (a_statement().replace(b"OPBD", b"XPCD"), "opening or closing"),
            (a_statement().replace(b"<Id>S1</Id>", b""), "schema"),
            (a_statement(an_entry("1e3")), "schema"),
            (a_statement(an_entry("1.00", "&b;"), moved="1.00", prolog=BOMB), "schema"),
            (a_statement(an_entry("1.00", "&a;"), moved="1.00", prolog=THIEF), "schema"),
            (a_statement(prolog=CALLER), "schema"),
        ],
    )
    def test_what_is_not_whole_is_refused(self, data, said):
        with pytest.raises(StatementRefused, match=said):
            read_statements(data)

    def test_an_entry_is_known_again_by_what_it_says(self):
        def marks(*entries, **options):
            (statement,) = read_statements(a_statement(*entries, **options))
            return [x.fingerprint for x in statement.receipts]

        bare = an_entry("1.00", "one", reference="NONREF")
        first = marks(bare, bare, moved="2.00")
        assert len(set(first)) == 2
        later = an_entry("3.00", reference="R0")
        assert marks(later, bare, moved="4.00", reference="S2", opening="0")[1] == first[0]
        for other in ("two", "one\nR1"):
            assert marks(an_entry("1.00", other, reference="NONREF"), moved="1.00")[0] not in first
        assert marks(an_entry("1.00", "one", reference="R1"), moved="1.00")[0] not in first

    def test_an_upload_without_end_is_refused(self):
        with pytest.raises(StatementRefused, match="split the file"):
            read_statements(b" " * (17 << 20))


class TestImport:
    @pytest.fixture
    def invoice(self, session):
        both(session)
        a_charge(session, "1")
        return invoices.issue_invoice(session, LICENSEE, "USD")

    def test_pays_the_invoice_its_payer_named_and_keeps_the_rest(self, session, invoice):
        reference = invoice.document["reference"]
        data = a_statement(an_entry("20.00", structured=reference), moved="20.00")
        (receipt,) = take(session, data)
        assert session.exec(select(OpenInvoice)).all() == []
        assert payments.prepaid(session, LICENSEE, "USD") == 548
        assert payments.balance(session, "bank:clearing", "USD") == 2000
        assert payments.balance(session, "receipts:unassigned", "USD") == 0
        assert funding.received(session, LICENSEE, "USD") == receipt.amount_minor
        assert check(session).first_difference is None

    @pytest.mark.parametrize(
        "said", ["Rechnung INV-000001", "inv-000001/2", "RF {reference} spaced out"]
    )
    def test_finds_the_invoice_in_plain_text(self, session, invoice, said):
        text = said.format(reference=invoice.document["reference"][2:])
        data = a_statement(an_entry("14.52", text), moved="14.52")
        take(session, data)
        assert session.exec(select(OpenInvoice)).all() == []

    def test_a_licensees_own_reference_pays_in(self, session):
        both(session)
        licensee = a_licensee(session, "org_01JD3Z6N8Q4C0R2T5V7X9Y1B3D")
        data = a_statement(an_entry("7.00", creditor_reference(licensee.id)), moved="7.00")
        take(session, data)
        assert payments.prepaid(session, licensee.id, "USD") == 700

    def test_a_second_time_takes_nothing(self, session, invoice):
        data = a_statement(an_entry("14.52", "INV-000001"), moved="14.52")
        assert len(take(session, data)) == 1
        assert take(session, data) == []
        assert payments.balance(session, "bank:clearing", "USD") == 1452
        other = a_statement(an_entry("1.00", reference="R9"), moved="1.00")
        with pytest.raises(StatementRefused, match="other balances"):
            take(session, other)

    @pytest.mark.parametrize("reference", ["R1", "NONREF"])
    def test_an_entry_in_two_overlapping_statements_is_booked_once(
        self, session, invoice, reference, monkeypatch
    ):
        entry = an_entry("14.52", "INV-000001", reference=reference)
        day = a_statement(entry, moved="14.52")
        week = a_statement(
            an_entry("3.00", reference="R0"), entry, an_entry("2.00", reference="R2"),
            moved="19.52", reference="W1",
        )  # fmt: skip
        take(session, day)
        taken = receipts.take_statements(session, read_statements(week))
        assert ([x.amount_minor for x in taken.new], taken.known) == ([300, 200], 1)
        assert payments.balance(session, "bank:clearing", "USD") == 1952
        assert payments.prepaid(session, LICENSEE, "USD") == 0
        assert len(session.exec(select(BankStatement)).all()) == 2
        # planted: whoever does not look it up is stopped by the database
        monkeypatch.setattr(receipts, "_is_booked", lambda *_: False)
        with pytest.raises(DBAPIError, match=r"bank_receipt|append-only"), session.begin_nested():
            take(session, day)

    def test_a_number_of_last_year_is_another_statement(self, session, invoice):
        take(session, a_statement(an_entry("1.00"), moved="1.00"))
        older = a_statement(an_entry("5.00"), moved="5.00").replace(b"2026-11", b"2025-11")
        assert [x.amount_minor for x in take(session, older)] == [500]

    def test_money_on_an_account_that_is_not_ours_is_none_of_ours(self, session, invoice):
        data = a_statement(
            an_entry("14.52", "INV-000001"), moved="14.52", iban="DE89370400440532013000"
        )
        with pytest.raises(StatementRefused, match="no profile of the operator"):
            take(session, data)
        a_profile(session, OPERATOR, iban="DE89370400440532013000", valid_from=clock.now().date())
        assert len(take(session, data)) == 1  # every account it ever named stays ours
        assert take(session, a_statement(iban=IBAN)) == []

    def test_money_in_another_currency_is_kept_and_pays_no_invoice(self, session, invoice):
        data = a_statement(
            an_entry("14.52", "INV-000001", currency="EUR"), moved="14.52", currency="EUR"
        )
        take(session, data)
        assert payments.prepaid(session, LICENSEE, "EUR") == 1452
        (still,) = session.exec(select(OpenInvoice)).all()
        assert (still.currency, still.outstanding_minor) == ("USD", 1452)

    def test_a_refused_statement_leaves_nothing_of_its_file(self, session, invoice):
        good = a_statement(an_entry("14.52", "INV-000001"), moved="14.52").decode()
        bad = a_statement(an_entry("1.00"), moved="2.00", reference="S2").decode()
        both_in_one = good.replace(
            "</Stmt>", "</Stmt>" + bad[bad.index("<Stmt>") : bad.index("</BkTo")]
        )
        with pytest.raises(StatementRefused, match="S2 does not add up"):
            take(session, both_in_one.encode())
        assert session.exec(select(BankReceipt)).all() == []

    @pytest.mark.parametrize("said", ["", "INV-000009", "our INV-1", "INV-000001 and INV-000002"])
    def test_in_doubt_it_is_nobodys_until_the_operator_says(self, session, invoice, said):
        a_charge(session, "2", licensee="org_2")
        a_profile(session, "org_2")
        invoices.issue_invoice(session, "org_2", "USD")
        (receipt,) = take(session, a_statement(an_entry("14.52", said), moved="14.52"))
        assert receipts.unassigned(session) == [receipt]
        assert payments.balance(session, "receipts:unassigned", "USD") == -1452
        assert funding.funded(session, [invoice.document["lines"][0]["entry_id"]]) == frozenset()
        one = receipts.assign_receipt(session, receipt, LICENSEE, note="called them")
        again = receipts.assign_receipt(session, receipt, LICENSEE, note="twice")
        assert one.id == again.id
        with pytest.raises(ReceiptAssigned):
            receipts.assign_receipt(session, receipt, "org_2", note="no")
        assert receipts.unassigned(session) == []
        entry_id = invoice.document["lines"][0]["entry_id"]
        assert funding.funded(session, [entry_id]) == {entry_id}
        assert check(session).first_difference is None

    def test_what_the_bank_takes_back_is_nobodys_and_no_credit(self, session, invoice):
        data = a_statement(
            an_entry("1.00", "INV-000001", side="DBIT", reversal=True), moved="-1.00"
        )
        (receipt,) = take(session, data)
        assert receipts.unassigned(session) == [receipt]
        receipts.assign_receipt(session, receipt, LICENSEE, note="their debit bounced")
        assert funding.received(session, LICENSEE, "USD") == -100
        assert check(session).first_difference is None

    def test_what_the_bank_takes_back_opens_the_invoice_again(self, session, invoice):
        def back(amount: str, number: int) -> None:
            entry = an_entry(amount, reference=f"B{number}", side="DBIT", reversal=True)
            data = a_statement(entry, moved=f"-{amount}", reference=f"B{number}")
            (receipt,) = take(session, data)
            receipts.assign_receipt(session, receipt, LICENSEE, note="their debit bounced")

        def left() -> list[tuple[str, int, Any]]:
            every = session.exec(select(OpenInvoice)).all()
            contracts = session.exec(select(OpenInvoiceContract.contract_id)).all()
            assert contracts == ["con_1"] * len(every)
            assert check(session).first_difference is None
            return [(x.invoice_id, x.outstanding_minor, x.due_at) for x in every]

        at_first = left()
        take(session, a_statement(an_entry("20.00", "INV-000001"), moved="20.00"))
        assert left() == []
        back("5.48", 1)  # what was prepaid beside it goes first
        assert left() == []
        back("4.52", 2)
        assert left() == [(invoice.id, 452, invoice.due_at)]
        back("10.00", 3)
        assert left() == at_first
        back("1.00", 4)  # and no more than was paid on it
        assert left() == at_first
        assert payments.prepaid(session, LICENSEE, "USD") == -100
        paid = a_statement(an_entry("15.52", "INV-000001"), moved="15.52", reference="S9")
        take(session, paid)
        assert left() == []

    def test_what_the_bank_takes_back_opens_no_invoice_that_was_credited(self, session, invoice):
        take(session, a_statement(an_entry("14.52", "INV-000001"), moved="14.52"))
        invoices.credit_invoice(session, invoice, reason="the wrong take")
        entry = an_entry("14.52", reference="B1", side="DBIT", reversal=True)
        (receipt,) = take(session, a_statement(entry, moved="-14.52", reference="B1"))
        receipts.assign_receipt(session, receipt, LICENSEE, note="their debit bounced")
        assert session.exec(select(OpenInvoice)).all() == []
        assert check(session).first_difference is None

    def test_a_statement_that_is_missing_between_two_is_named(self, session, invoice):
        def named(opening: str, moved: str, reference: str) -> list[str]:
            entry = an_entry(moved, reference=reference)
            data = a_statement(entry, opening=opening, moved=moved, reference=reference)
            take(session, data)
            return receipts.missing_statements(session)

        assert named("100.00", "1.00", "S1") == []
        (missing,) = named("103.00", "1.00", "S3")
        assert "before S3" in missing
        assert "103.00" in missing
        assert "101.00" in missing
        assert named("101.00", "2.00", "S2") == []


class TestTheDatabase:
    def test_lets_receipts_only_grow_and_check_finds_an_edit(self, session):
        both(session)
        a_charge(session, "1")
        invoices.issue_invoice(session, LICENSEE, "USD")
        data = a_statement(an_entry("14.52", "INV-000001"), moved="14.52")
        take(session, data)
        session.flush()
        for table in ("bank_statement", "bank_receipt", "receipt_assignment"):
            for statement in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}"):
                with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
                    session.execute(sa.text(statement))
        for table, edit in (
            ("bank_receipt", "amount_minor = 1453"),
            ("receipt_assignment", "organization_id = 'org_2'"),
        ):
            a_licensee(session, "org_2")
            with session.begin_nested() as savepoint:
                name = f"{table}_never_updated"
                if session.get_bind().dialect.name == "postgresql":
                    name = f"{table}_append_only ON {table}"
                session.execute(sa.text(f"DROP TRIGGER {name}"))
                session.execute(sa.text(f"UPDATE {table} SET {edit}"))
                assert "should be" in (check(session).first_difference or f"not found: {edit}")
                savepoint.rollback()
        assert len(session.exec(select(BankReceipt)).all()) == 1
        assert len(session.exec(select(ReceiptAssignment)).all()) == 1
