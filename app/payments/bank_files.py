"""A file for the bank at the operators' pages: one asks for it, another agrees, it is handed out.

As `understudy payouts file`, whose acts these are: what was asked for here may be written there,
and the other way round. Each agreement is good for one file.
"""

from collections.abc import Callable
from typing import Any, Literal

from sqlmodel import Session

from app.identity import operators
from app.identity.errors import NotAllowed
from app.ledger.models_payouts import PayoutOrder
from app.ledger.payouts import hold_still
from app.payments import transfer
from app.twofold import service
from app.twofold.errors import SecondPersonNeeded
from app.twofold.models import TwofoldAct

KIND = "vault-access"
Form = Literal["pain.001", "csv"]
WRITES: dict[str, Callable[[Session, PayoutOrder], bytes]] = {
    "pain.001": transfer.pain_001,
    "csv": transfer.as_csv,
}


def asked_of(session: Session, order: PayoutOrder, form: Form) -> dict[str, Any]:
    """Say what a file of an order would hold, for operators to agree to. Raises PayoutStands."""
    return {"as": form} | transfer.to_agree_to(session, order)


def waiting_file(
    session: Session, order: PayoutOrder, form: Form, *, lock: bool = False
) -> TwofoldAct | None:
    """Return what was asked for of just this file and is not handed out yet, if it still counts.

    Once settled, it counts while those who agreed are operators. Raises PayoutStands.
    """
    asked = asked_of(session, order, form)
    act = service.undone(session, _house(session), KIND, order.id, asked, lock=lock)
    if act is None or (act.settled_at is not None and not service.holds(session, act)):
        return None
    return act


def ask_for_file(session: Session, order: PayoutOrder, form: Form, *, person_id: str) -> TwofoldAct:
    """Propose a file, with the word of the operator who asks where theirs counts as one of two.

    What was asked for already is not proposed again. Expects the person to have been verified
    minutes ago. Raises PayoutStands, TooManyProposals.
    """
    found = waiting_file(session, order, form, lock=True)
    if found is not None:
        return found
    asked = asked_of(session, order, form)
    act = service.propose(session, KIND, order.id, asked, organization_id=_house(session))
    if service.may_agree(session, act, person_id):
        service.agree(session, act.id, person_id)
    return act


def hand_out(session: Session, order: PayoutOrder, form: Form) -> bytes:
    """Return the file that two operators agreed to, once; opening each account is on record.

    Raises SecondPersonNeeded where they have not agreed to just this one, PayoutStands where
    nothing is under way any more, and what `transfer` raises.
    """
    hold_still(session)  # what is under way stays as they agreed to it
    act = waiting_file(session, order, form, lock=True)
    if act is None or act.settled_at is None:
        raise SecondPersonNeeded(
            f"the file ({form}) of {order.name} opens bank accounts and takes two operators, and "
            "they have not agreed to just this one; nothing was opened. Ask for it, and have "
            "another operator agree"
        )
    content = WRITES[form](session, order)
    service.note_done(session, act)
    return content


def _house(session: Session) -> str:
    house = operators.house_of(session)
    if house is None:
        raise NotAllowed("there are no operators: `understudy operators invite` lets in the first")
    return house.id
