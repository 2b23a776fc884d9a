"""Files for the bank: valid, the same each time, and never a second payment."""

import csv
import io
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from sepaxml import validation
from sepaxml.validation import ValidationError
from sqlmodel import select

from app.ledger.errors import PayoutStands, ProfileMissing
from app.ledger.payouts import order_payouts, return_payout, settle_payout
from app.ledger.receivables.models import OPERATOR
from app.payments import transfer
from app.payments.details import bank_account, details_in_force, open_account
from app.payments.errors import BankAccountRefused, CurrencyNotTransferable, DebtorMissing
from app.vault import VaultOpening
from tests.ledger.receivables.billing import a_profile
from tests.payments.payouts import HOLDER, IBAN, RISK, a_payee, an_order

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
DEBTOR = "DE89370400440532013000"
NAMES = {"": "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"}


def text(root: ET.Element, path: str) -> str | None:
    return root.findtext(f".//{path}", namespaces=NAMES)


@ONE_DATABASE
class TestPain001:
    def test_is_valid_and_the_same_each_time_and_names_the_payouts(self, session):
        a_payee(session)
        a_profile(session, OPERATOR, iban=DEBTOR)
        made = an_order(session)
        (payout,) = made.payouts
        xml = transfer.pain_001(session, made.order)
        assert xml == transfer.pain_001(session, made.order)
        validation.try_valid_xml(xml, transfer.SCHEMA)
        root = ET.fromstring(xml)
        assert text(root, "MsgId") == transfer.reference(made.order.id)
        assert text(root, "EndToEndId") == transfer.reference(payout.id)
        assert text(root, "CdtTrfTxInf/Amt/InstdAmt") == "56.25"
        assert text(root, "GrpHdr/CtrlSum") == "56.25"
        assert text(root, "CdtrAcct/Id/IBAN") == IBAN
        assert text(root, "DbtrAcct/Id/IBAN") == DEBTOR
        assert text(root, "Cdtr/Nm") == "Jager Zonen Delft"  # the characters every bank takes
        assert text(root, "DbtrAgt/FinInstnId/Othr/Id") == "NOTPROVIDED"
        opened = session.exec(select(VaultOpening.subject_id)).all()
        assert list(opened) == [made.order.id] * 2, "each making opened the account, on record"

    def test_that_the_schema_refuses_is_never_handed_out(self, session, monkeypatch):
        """Planted fault: an id longer than the schema lets it be."""
        a_payee(session)
        a_profile(session, OPERATOR, iban=DEBTOR)
        made = an_order(session)
        monkeypatch.setattr(transfer, "reference", lambda id_: id_ * 2)
        with pytest.raises(ValidationError):
            transfer.pain_001(session, made.order)

    def test_is_for_euro_alone(self, session):
        a_payee(session)
        a_profile(session, OPERATOR, iban=DEBTOR)
        made = an_order(session)
        made.order.currency = "USD"
        with pytest.raises(CurrencyNotTransferable, match="use the CSV"):
            transfer.pain_001(session, made.order)
        session.expunge(made.order)


@ONE_DATABASE
class TestFiles:
    def test_go_from_the_operators_account_or_not_at_all(self, session):
        a_payee(session)
        made = an_order(session)
        with pytest.raises(ProfileMissing):
            transfer.pain_001(session, made.order)
        a_profile(session, OPERATOR)
        with pytest.raises(DebtorMissing, match="party set operator"):
            transfer.pain_001(session, made.order)

    def test_leave_out_what_settled_or_came_back(self, session):
        payee = a_payee(session)
        details = payee.names(session)
        a_profile(session, OPERATOR, iban=DEBTOR)
        made = order_payouts(
            session,
            name="two",
            currency="EUR",
            risk_carrier=RISK,
            pay_to=lambda _: details.id,
            held={},
        )
        agent, performer = made.payouts
        assert len(_rows(transfer.as_csv(session, made.order))) == 2
        settle_payout(session, agent.id)
        (row,) = _rows(transfer.as_csv(session, made.order))
        assert row["payout_id"] == performer.id
        return_payout(session, performer.id, note="no such account")
        for make in (transfer.as_csv, transfer.pain_001):
            with pytest.raises(PayoutStands, match="every payout of it"):
                make(session, made.order)

    def test_in_csv_say_who_carries_the_risk_and_run_nothing(self, session):
        payee = a_payee(session, named=False)
        payee.names(session)
        made = an_order(session, risk="=HYPERLINK(evil)")
        (row,) = _rows(transfer.as_csv(session, made.order))
        assert (row["amount"], row["amount_minor"], row["holder"]) == ("56.25", "5625", HOLDER)
        assert row["risk_carrier"].startswith("'=")


class TestAccounts:
    def test_are_read_as_people_write_them_and_show_nowhere(self):
        account = bank_account(" The Girl ", "nl91 abna 0417 1643 00", "abnanl2a")
        assert (account.iban, account.bic) == (IBAN, "ABNANL2A")
        assert "NL91" not in f"{account!r} {account} {[account]}"

    @pytest.mark.parametrize(
        ("holder", "iban", "bic"),
        [
            ("", IBAN, ""),
            ("&", IBAN, ""),
            ("a\nb", IBAN, ""),
            ("A", "NL91ABNA0417164301", ""),
            ("A", "NL91", ""),
            ("A", "0" * 60, ""),
            ("A", IBAN, "ABNA"),
        ],
    )
    def test_that_are_mistyped_are_refused_without_repeating_them(self, holder, iban, bic):
        with pytest.raises(BankAccountRefused) as refusal:
            bank_account(holder, iban, bic)
        assert "0417" not in refusal.value.detail

    @ONE_DATABASE
    def test_are_sealed_on_disk_and_open_again(self, session, data_dir):
        payee = a_payee(session)
        session.commit()
        assert_on_no_disk(data_dir)
        details = details_in_force(session, payee.story.scene.performer.id)
        assert open_account(session, details, subject_id="x") == bank_account(HOLDER, IBAN)
        leak = data_dir / "objects" / "leak"
        leak.write_text(f"paid to {IBAN}")  # planted fault: the look at the disk can fail
        with pytest.raises(AssertionError, match="leak"):
            assert_on_no_disk(data_dir)


def assert_on_no_disk(directory: Path) -> None:
    """Insist that no file below holds the account, or the account without its check digits."""
    for path in filter(Path.is_file, directory.rglob("*")):
        assert IBAN[4:].encode() not in path.read_bytes(), path


def _rows(text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.decode())))
