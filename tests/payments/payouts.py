"""A story whose performer can be paid: a closed period, an account, an order."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlmodel import Session

from app import clock
from app.identity.principal import Principal
from app.ledger.payouts import Ordered, order_payouts
from app.ledger.receivables import receipts
from app.ledger.receivables.camt import read_statements
from app.ledger.receivables.models import OPERATOR
from app.ledger.receivables.profiles import profiles_of
from app.ledger.receivables.references import creditor_reference
from app.ledger.service import balances
from app.payments.details import bank_account, paid_to, propose_account, put_in_force
from app.payments.models_details import PayoutDetails
from app.twofold.models import TwofoldAct
from tests.ledger.receivables import statements
from tests.ledger.receivables.billing import a_profile
from tests.payments.stories import Story, a_story, closed

HOLDER, IBAN = "Jäger & Zonen_Delft", "NL91ABNA0417164300"
NET_MINOR, CHARGED_MINOR = 5625, 7563  # of one use: to the performer; from the licensee
RISK = "Nightglass Pictures"


@dataclass
class Payee:
    """A performer with one use behind them, in a closed period."""

    story: Story

    @property
    def account(self) -> str:
        return f"performer:{self.story.scene.performer.id}:payable"

    def owed(self, session: Session) -> int:
        return -balances(session).get((self.account, "EUR"), 0)

    def names(self, session: Session, iban: str = IBAN) -> PayoutDetails:
        desk = Principal(self.story.scene.desk.organization.id, "performer", None)
        account = bank_account(HOLDER, iban)
        act = propose_account(session, desk, self.story.scene.performer.id, account)
        return put_in_force(session, agreed(session, act))


def agreed(session: Session, act: TwofoldAct) -> TwofoldAct:
    """An act that two people agreed to."""
    act.settled_at = clock.now()
    session.add(act)
    return act


def a_payee(session: Session, *, named: bool = True, uses: int = 1) -> Payee:
    payee = Payee(a_story(session))
    for _ in range(uses):
        payee.story.use(session)
    closed(session)
    if named:
        payee.names(session)
    return payee


def an_order(session: Session, name: str = "2026-12", risk: str = RISK, **said: Any) -> Ordered:
    """Order what can be paid in euros; at somebody's risk unless said otherwise."""
    given = {"currency": "EUR", "pay_to": partial(paid_to, session), "held": {}, **said}
    return order_payouts(session, name=name, risk_carrier=risk, **given)


def receive(session: Session, payee: Payee, minor: int, number: str = "1") -> None:
    """The bank brings money of the licensee, who named its reference."""
    if not profiles_of(session, OPERATOR):
        a_profile(session, OPERATOR, iban=statements.IBAN)
    amount = f"{minor // 100}.{minor % 100:02d}"
    reference = creditor_reference(payee.story.scene.production.organization.id)
    entry = statements.an_entry(amount, reference, reference=f"R{number}", currency="EUR")
    data = statements.a_statement(entry, moved=amount, reference=f"S{number}", currency="EUR")
    (receipt,) = receipts.take_statements(session, read_statements(data)).new
    assert receipt.amount_minor == minor
