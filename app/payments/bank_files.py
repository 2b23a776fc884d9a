"""A file for the bank at the operators' pages: one asks for it, another agrees, it is handed out.

As `understudy payouts file`, whose acts these are: what was asked for here may be written there,
and the other way round. Each agreement is good for one file.
"""

from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Any, Literal

from sqlmodel import Session, col, select

from app.identity import operators
from app.identity.errors import NotAllowed
from app.language import _
from app.ledger.errors import PayoutStands
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
    """Say what a file of an order would hold, for operators to agree to, and what left before it.

    Once a file is handed out, what was agreed to of another is agreed to no more. Raises
    PayoutStands.
    """
    before = [{"as": each.asked["as"], "at": _said_at(each)} for each in handed_out(session, order)]
    return {"as": form, "handed_out": before} | transfer.to_agree_to(session, order)


def handed_out(session: Session, order: PayoutOrder) -> Sequence[TwofoldAct]:
    """List what was agreed to and done of an order's files, first to last: its bank has them."""
    done = select(TwofoldAct).where(
        TwofoldAct.kind == KIND,
        TwofoldAct.subject_id == order.id,
        col(TwofoldAct.done_at).is_not(None),
    )
    return session.exec(done.order_by(col(TwofoldAct.done_at), col(TwofoldAct.id))).all()


def check_handed_out(session: Session, order: PayoutOrder) -> None:
    """Do nothing where a file of an order was handed out. Raises PayoutStands: no bank has it."""
    if not handed_out(session, order):
        raise PayoutStands(
            _(
                "no file of %(name)s was handed out, so no bank paid any of it; ask for the file "
                "first",
                name=order.name,
            )
        )


def check_wanted_again(session: Session, order: PayoutOrder, *, again: bool) -> None:
    """Do nothing for the first file of an order, or another that is said to be one.

    What is under way was in the file before, whatever its form: a bank that takes both pays twice.
    Raises PayoutStands.
    """
    if handed_out(session, order) and not again:
        raise PayoutStands(
            _(
                "a file of %(name)s was handed out already, and a bank that takes two pays twice; "
                "nothing was asked for. Where the bank does not have the first, say that you want "
                "another one (at the page, or with --again)",
                name=order.name,
            )
        )


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


def ask_for_file(
    session: Session, order: PayoutOrder, form: Form, *, person_id: str, again: bool = False
) -> TwofoldAct:
    """Propose a file, with the word of the operator who asks where theirs counts as one of two.

    What was asked for already is not proposed again. Expects the person to have been verified
    minutes ago. Raises PayoutStands, also of another file that nobody said is one (`again`), and
    TooManyProposals.
    """
    check_wanted_again(session, order, again=again)
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
    act = waiting_file(session, order, form, lock=True)
    if act is None or act.settled_at is None:
        raise SecondPersonNeeded(
            f"the file ({form}) of {order.name} opens bank accounts and takes two operators, and "
            "they have not agreed to just this one; nothing was opened. Ask for it, and have "
            "another operator agree"
        )
    content = write(session, order, form, act.asked)
    service.note_done(session, act)
    return content


def write(session: Session, order: PayoutOrder, form: Form, asked: dict[str, Any]) -> bytes:
    """Write the file that two operators agreed to, by the page as by the command.

    Under the lock of payouts, until this commits: what is under way stays as they agreed to it,
    and no other file of it is handed out meanwhile. Expects the lock of the act. Raises
    PayoutStands where it is another file by now.
    """
    hold_still(session)
    none = {service.ACCOUNT: None}
    if asked_of(session, order, form) | none != asked | none:
        raise PayoutStands(
            f"what is under way of {order.id}, or its files, changed this moment, and nothing was "
            "written; ask again: two operators agree to the file that is left"
        )
    return WRITES[form](session, order)


def _said_at(act: TwofoldAct) -> str:
    return act.done_at.astimezone(UTC).isoformat(timespec="seconds") if act.done_at else ""


def _house(session: Session) -> str:
    house = operators.house_of(session)
    if house is None:
        raise NotAllowed("there are no operators: `understudy operators invite` lets in the first")
    return house.id
