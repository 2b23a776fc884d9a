"""Acts on payouts, and their payees told of them in the same transaction."""

from collections.abc import Mapping
from functools import partial

from sqlmodel import Session

from app.ledger import payouts as ledger
from app.ledger.models_payouts import Payout, PayoutEvent, PayoutOrder
from app.ledger.payouts import Ordered, ToPay
from app.ledger.receivables.invoices import party_of
from app.notices import service as notices
from app.payments import bank_files
from app.payments.details import paid_to
from app.payments.parties import readers_of


def order(
    session: Session,
    *,
    name: str,
    currency: str,
    held: Mapping[str, str],
    risk_carrier: str = "",
    as_shown: str | None = None,
) -> Ordered:
    """Order payouts as `ledger.order_payouts`, to the accounts that payees named."""
    made = ledger.order_payouts(
        session,
        name=name,
        currency=currency,
        pay_to=partial(paid_to, session),
        held=held,
        risk_carrier=risk_carrier,
        as_shown=as_shown,
    )
    for payout in made.payouts:
        _tell(session, payout, "sent")
    return made


def plan(
    session: Session, *, currency: str, held: Mapping[str, str], at_risk: bool = False
) -> tuple[list[ToPay], dict[str, str]]:
    """Say who `order` would pay what now, and who waits for what; nothing is ordered."""
    return ledger.plan_payouts(
        session, currency, pay_to=partial(paid_to, session), held=held, at_risk=at_risk
    )


def settle(session: Session, payout_id: str, *, note: str = "") -> PayoutEvent:
    """Say that the bank paid it; as `ledger.settle_payout`.

    Raises PayoutStands, too, where no file of its order was ever handed out: no bank has it.
    """
    payout = session.get(Payout, payout_id)
    if payout is not None:
        bank_files.check_handed_out(session, session.get_one(PayoutOrder, payout.order_id))
    event = ledger.settle_payout(session, payout_id, note=note)
    _tell(session, session.get_one(Payout, payout_id), event.state)
    return event


def give_back(session: Session, payout_id: str, *, note: str) -> PayoutEvent:
    """Say that it came back; as `ledger.return_payout`."""
    event = ledger.return_payout(session, payout_id, note=note)
    _tell(session, session.get_one(Payout, payout_id), event.state)
    return event


def _tell(session: Session, payout: Payout, state: str) -> None:
    kind = payout.account.partition(":")[0]
    for organization_id in readers_of(session, kind, party_of(payout.account)):
        notices.tell(
            session,
            f"payout-{state}",
            payout.id,
            organization_id=organization_id,
            once=f"payout:{payout.id}:{state}:{organization_id}",
        )
