"""The operator's commands about money in, as they are typed."""

import json

import pytest
from typer.testing import CliRunner

from app import db
from app.cli import app
from app.errors import AppError
from app.ledger.models import JournalEntry
from app.ledger.receivables.models import OPERATOR
from tests.ledger.factories import a_licensee
from tests.ledger.receivables.billing import LICENSEE, a_charge
from tests.ledger.receivables.statements import IBAN, a_statement, an_entry

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
PROFILE = {
    "valid_from": "2026-01-01",
    "name": "N",
    "address": ["Delft"],
    "country": "NL",
    "vat_id": "NL123456789B01",
    "vat_rate": "0.21",
}


def said(*words: str) -> str:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_from_credit_to_an_invoice_and_back(database, tmp_path):
    with db.writing() as session:
        a_licensee(session, credit_minor=0)
    assert "up to 20.00 USD" in said("credit", "approve", LICENSEE, "--amount", "20.00",
                                     "--currency", "USD", "--note", "a good name")  # fmt: skip
    assert "available 20.00 USD" in said("funds", LICENSEE)
    with db.writing() as session:
        entry: JournalEntry = a_charge(session, "1")
    assert entry.id
    file = tmp_path / "profile.json"
    for party, account in ((OPERATOR, IBAN), (LICENSEE, None)):
        file.write_text(json.dumps(PROFILE | {"iban": account}))
        assert "from 2026-01-01" in said("party", "set", party, str(file))
    assert '"vat_rate": "0.21"' in said("party", "show", LICENSEE, "--on", "2026-02-01")
    issued = said("invoice", "issue", LICENSEE, "--currency", "USD")
    assert "INV-000001 invoice org_1 14.52 USD" in issued
    funds = json.loads(said("funds", LICENSEE, "--json"))
    assert [x["available_minor"] for x in funds if x["currency"] == "USD"] == [2000 - 1452]
    assert "CN-000001" in said("invoice", "credit", issued.split()[0], "--reason", "a slip")
    assert len(said("invoice", "list", LICENSEE).splitlines()) == 2
    assert said("ledger", "check").endswith("the books are right\n")


def test_from_a_bank_statement_to_whose_money_it_is(database, tmp_path):
    with db.writing() as session:
        a_licensee(session)
        a_charge(session, "1")
    profile, statement = tmp_path / "profile.json", tmp_path / "statement.xml"
    for party, account in ((OPERATOR, IBAN), (LICENSEE, None)):
        profile.write_text(json.dumps(PROFILE | {"iban": account}))
        said("party", "set", party, str(profile))
    said("invoice", "issue", LICENSEE, "--currency", "USD")
    statement.write_bytes(
        a_statement(
            an_entry("10.00", "part of INV-000001"),
            an_entry("6.00", "the rest", reference="R2"),
            moved="16.00",
        )
    )
    first = said("bank", "import", str(statement))
    assert "2 new receipts, 0 booked before" in first
    assert "6.00 USD Nightglass: the rest E2E; assign it" in " ".join(first.split())
    assert "0 new receipts, 2 booked before" in said("bank", "import", str(statement))
    receipt_id = said("bank", "list").split()[0]
    assert LICENSEE in said("bank", "assign", receipt_id, LICENSEE, "--note", "they called")
    assert said("bank", "list") == ""
    found = json.loads(said("funds", LICENSEE, "--json"))
    (funds,) = [each for each in found if each["currency"] == "USD"]
    assert (funds["prepaid_minor"], funds["invoiced_minor"]) == (148, 0)  # overpaid, and kept
    assert said("ledger", "check").endswith("the books are right\n")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["bank", "assign", "rcp_1", "org_1", "--note", "n"], "receipt-not-found"),
        (["invoice", "issue", "org_1"], "nothing-to-invoice"),
        (["invoice", "credit", "inv_1", "--reason", "r"], "invoice-not-found"),
        (["invoice", "self-bill", "platform:fee"], "nothing-to-invoice"),
        (["party", "show", "org_1"], "profile-missing"),
        (["credit", "approve", "org_1", "--amount", "1"], "credit-refused"),
    ],
)
def test_refusals_say_their_code(database, words, code):
    with pytest.raises(AppError) as refusal:
        CliRunner().invoke(app, words, catch_exceptions=False)
    assert refusal.value.code == code


def test_an_amount_that_is_none_is_pointed_out(database):
    result = CliRunner().invoke(app, ["credit", "approve", "org_1", "--amount", "1,000"])
    assert result.exit_code == 2
