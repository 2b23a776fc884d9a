"""Whoever has not paid for what was made under a contract makes nothing more under it."""

import sqlalchemy as sa
from sqlmodel import Session

from app import clock
from app.ledger import check
from app.ledger import service as ledger
from app.ledger.receivables import invoices, receipts
from app.ledger.receivables.camt import read_statements
from app.ledger.receivables.models import OPERATOR, Invoice, OpenInvoiceContract
from app.ledger.usage import UsageEvent
from app.licensing.decisions import service as decisions
from app.licensing.decisions.explain import explain
from app.licensing.simulations.facts import from_contract
from tests import scenes
from tests.ledger.receivables.billing import a_profile
from tests.ledger.receivables.statements import IBAN, a_statement, an_entry

GENERATORS = {"local/puppet-1": False}


def a_scene(session: Session, *, grace_days: int | None = 0) -> scenes.Scene:
    """A scene whose contract gives these days of grace."""
    first = scenes.a_scene(session, signed=False)
    scene = scenes.offered(
        session, first, lambda document: document["compensation"].update(
            {} if grace_days is None else {"payment_grace_days": grace_days}
        ),
    )  # fmt: skip
    scenes.sign(session, scene)
    return scene


def invoiced(session: Session, scene: scenes.Scene) -> tuple[str, Invoice]:
    """Have one use permitted, used and invoiced, due at once; return its permit and the invoice."""
    permit, generation = scene.ask(session)
    assert generation is not None
    terms = decisions.compensation_of(scene.contract)
    ledger.capture_hold(session, generation.id, terms=terms, event=UsageEvent(seconds="5"))
    licensee = scene.production.organization.id
    a_profile(session, OPERATOR, iban=IBAN, due_days=0)
    a_profile(session, licensee)
    return permit.id, invoices.issue_invoice(session, licensee, "EUR")


def pay(session: Session, invoice: Invoice) -> None:
    amount = f"{invoice.total_minor / 100:.2f}"
    entry = an_entry(amount, invoice.reads, currency="EUR")
    data = a_statement(entry, moved=amount, currency="EUR")
    receipts.take_statements(session, read_statements(data))


class TestArrears:
    def test_stop_what_is_new_under_that_contract_until_the_bank_has_the_money(
        self, session: Session
    ) -> None:
        scene, other = a_scene(session), a_scene(session)
        permit_id, invoice = invoiced(session, scene)
        decision, generation = scene.ask(session)
        assert (decision.codes, generation) == (["LICENSEE_IN_ARREARS"], None)
        (said,) = decision.explanations
        assert said["clause"] == "/compensation/payment_grace_days"
        assert "licensee pays" in said["next_step"]
        assert "operator" in said["next_step"]
        (reason,) = explain(session, decision.id).reasons
        assert "unpaid 0 days after it was due" in reason.sentence
        assert "payment grace ends at" in dict(reason.facts)
        # what was permitted before is finished, and nobody else's contract stands still
        assert decisions.decide_release(session, permit_id, generators=GENERATORS).codes == []
        assert other.ask(session)[0].outcome == "permit"
        pay(session, invoice)
        assert scene.ask(session)[0].outcome == "permit"
        assert check.check(session).first_difference is None

    def test_begin_when_the_days_of_grace_are_over(self, session: Session) -> None:
        scene = a_scene(session, grace_days=None)
        invoiced(session, scene)
        assert scene.ask(session)[0].outcome == "permit"  # fourteen days are given

    def test_are_supposed_in_a_simulation_of_the_contract(self, session: Session) -> None:
        scene = a_scene(session)
        _, invoice = invoiced(session, scene)
        licensee, contract_id = scene.production.organization.id, scene.contract.id
        start = from_contract(session, licensee, contract_id, clock.now(), generators=GENERATORS)
        assert start.contract.unpaid_since == invoice.due_at

    def test_end_with_a_credit_note(self, session: Session) -> None:
        scene = a_scene(session)
        _, invoice = invoiced(session, scene)
        invoices.credit_invoice(session, invoice, reason="the wrong rate")
        assert scene.ask(session)[0].outcome == "permit"

    def test_are_missed_where_the_cache_was_emptied_and_the_check_says_so(
        self, session: Session
    ) -> None:
        """Planted fault: somebody deletes the row that every decision reads."""
        scene = a_scene(session)
        _, invoice = invoiced(session, scene)
        session.execute(sa.delete(OpenInvoiceContract))
        assert scene.ask(session)[0].outcome == "permit"
        assert f"{invoice.id}: the cache" in (check.check(session).first_difference or "")
