"""The operator's commands about payouts, as they are typed; and killed in between."""

import os
import signal
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from app import config, db
from app.cli import app
from app.errors import AppError
from app.ledger.check import check
from app.ledger.errors import PayoutStands
from app.ledger.receivables.models import OPERATOR
from app.payments import transfer
from app.twofold.errors import SecondPersonNeeded
from app.vault import VaultOpening
from tests.ledger.receivables.billing import a_profile
from tests.payments.payouts import IBAN, RISK, a_payee
from tests.people.agreeing import agreed, by_two, make_two_operators
from tests.people.visiting import everything

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def said(*words: str) -> str:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def payee(database):
    make_two_operators()
    with db.writing() as session:
        a_profile(session, OPERATOR, iban="DE89370400440532013000")
        return a_payee(session)


ORDER = ("payouts", "order", "2026-12", "--risk", RISK)


def test_from_the_order_to_what_came_back(payee, tmp_path):
    ordered = said(*ORDER)
    assert f"{payee.account}  56.25 EUR" in ordered
    assert ordered.splitlines()[-1].endswith("names no bank account")  # the agent
    payout = ordered.splitlines()[1].split()[0]
    assert said(*ORDER).splitlines()[:2] == ordered.splitlines()[:2]
    file, sheet = tmp_path / "pain.xml", tmp_path / "payouts.csv"
    file.write_text("old")
    file.chmod(0o644)
    by_two("payouts", "file", "2026-12", "--out", str(file))
    first = file.read_bytes()
    assert IBAN.encode() in first
    assert file.stat().st_mode & 0o777 == 0o600, "readable by nobody else, whatever was there"
    another = ("payouts", "file", ordered.split()[0], "--out", str(file))
    with pytest.raises(PayoutStands, match="handed out already"):
        said(*another)
    by_two(*another, "--again")
    assert file.read_bytes() == first
    by_two("payouts", "file", "2026-12", "--csv", "--again", "--out", str(sheet))
    assert f"{IBAN},,56.25,5625,EUR" in sheet.read_text()
    assert said("payouts", "settled", payout) == f"{payout}: settled\n" == said(
        "payouts", "settled", payout
    )  # fmt: skip
    assert "returned" in said("payouts", "returned", payout, "--reason", "account closed")
    assert f"{payout}  {payee.account}  56.25 EUR  returned  account closed" in said(
        "payouts", "list", "2026-12"
    )
    assert IBAN[4:] not in said("payouts", "list")
    assert said("ledger", "check").endswith("the books are right\n")


def test_one_alone_opens_no_account_and_another_file_is_agreed_to_anew(payee, tmp_path):
    """Planted fault of the last: what two agreed to is written as another file."""
    said(*ORDER)
    openings = len(everything(VaultOpening))
    to = tmp_path / "pain.xml"
    for _ in range(2):
        with pytest.raises(SecondPersonNeeded):
            said("payouts", "file", "2026-12", "--out", str(to))
    agreed("payouts", "file", "2026-12", "--out", str(to))
    with pytest.raises(SecondPersonNeeded):
        said("payouts", "file", "2026-12", "--csv", "--out", str(to))
    assert not to.exists()
    assert len(everything(VaultOpening)) == openings
    said("payouts", "file", "2026-12", "--out", str(to))
    assert len(everything(VaultOpening)) == openings + 1


def test_a_file_of_other_payouts_than_two_agreed_to_is_not_written(payee, tmp_path, monkeypatch):
    """Planted fault: what is under way changes between the asking and the making."""
    said(*ORDER)
    to, openings = tmp_path / "pain.xml", len(everything(VaultOpening))
    asked = ("payouts", "file", "2026-12", "--out", str(to))
    agreed(*asked)
    reckoned = transfer.to_agree_to
    more = iter(({}, {"payouts_sha256": "of fewer"}))
    with monkeypatch.context() as between:
        between.setattr(transfer, "to_agree_to", lambda *of: reckoned(*of) | next(more))
        with pytest.raises(PayoutStands):
            said(*asked)
    assert not to.exists()
    assert len(everything(VaultOpening)) == openings
    said(*asked)  # what they agreed to was not used up


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["order", "2026-12"], "nothing-to-pay"),
        (["file", "none", "--out", "x"], "payout-not-found"),
        (["settled", "pyo_none"], "payout-not-found"),
        (["returned", "pyo_none", "--reason", "r"], "payout-not-found"),
        (["list", "none"], "payout-not-found"),
    ],
)
def test_refusals_say_their_code(database, words, code):
    with pytest.raises(AppError) as refusal:
        CliRunner().invoke(app, ["payouts", *words], catch_exceptions=False)
    assert refusal.value.code == code


KILLED = """
import os, signal, sys
from pathlib import Path
from app import cli_payouts
from app.cli import app
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
where = sys.argv.pop(1)
if where == "ordered":
    cli_payouts.print = die  # committed, and nobody was told
else:
    Path.replace = die  # written, and not yet in its place
app()
"""


def killed(where: str, *words: str) -> None:
    """Run a command that is killed at a place, as `kill -9` does it."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, where, *words],
        env=os.environ | {"UNDERSTUDY_DATA_DIR": str(config.settings().data_dir)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert IBAN[4:].encode() not in done.stdout + done.stderr
    assert b"pyo_" not in done.stdout, "nobody was told"


def test_killed_between_order_and_file_nothing_is_lost_and_nothing_is_paid_twice(payee, tmp_path):
    to = tmp_path / "pain.xml"
    killed("ordered", *ORDER)
    ordered = said(*ORDER)  # who retries learns what holds
    assert "1 payouts" in ordered
    assert payee.account in ordered
    asked = ("payouts", "file", "2026-12", "--out", str(to))
    agreed(*asked)
    killed("filed", *asked)
    assert not to.exists(), "a file is whole, or it is not there"
    by_two(*asked, "--again")  # the accounts were opened: two agree to it anew
    assert to.read_bytes().count(b"<EndToEndId>") == 1
    with db.reading() as session:
        assert payee.owed(session) == 0
        assert check(session).ok
