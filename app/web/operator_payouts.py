"""Where operators pay out: what can be paid, an order, its file for the bank, what became of it.

All of it goes through the services of `understudy payouts`, and is put down under the operator's
id. A file opens bank accounts: one operator asks for it, another agrees at /account/two-people.
"""

from collections.abc import Collection
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Response
from sqlmodel import Session, col, select

from app import db
from app.access import may
from app.cases.holds import held_entries
from app.identity.models import Organization
from app.identity.models_people import Person
from app.language import _
from app.ledger import payouts as ledger
from app.ledger.errors import PayoutNotFound
from app.ledger.models_payouts import Payout, PayoutOrder
from app.ledger.receivables.invoices import party_of
from app.payments import bank_files, paying
from app.registry.models import Performer
from app.twofold import service as twofold
from app.web.operator import insist_operator, note, note_with
from app.web.pages import HEADERS, PageRoute, Posted, Visitor, page, see

router = APIRouter(prefix="/operator/payouts", include_in_schema=False, route_class=PageRoute)
HERE = "/operator/payouts"
PER_PAGE = 25
MEDIA = {"pain.001": ("xml", "application/xml"), "csv": ("csv", "text/csv; charset=utf-8")}
Currency = Annotated[str, Form(pattern="^[A-Z]{3}$")]
Risk = Annotated[str, Form(max_length=100)]
Place = Annotated[str, Query(max_length=40)]
Again = Annotated[bool, Form()]
OnePayout = Annotated[str, Form(max_length=40)]


@router.get("")
@may("operator")
def show_orders(visit: Visitor, before: Place = "") -> Response:
    """List orders of payouts, newest first, and where their money stands."""
    with db.reading() as session:
        insist_operator(session, visit.person(session))
        found = ledger.orders(session, before=before, limit=PER_PAGE)
        standing = ledger.standing_of_each(session, found)
    more = found[-1].id if len(found) == PER_PAGE else None
    return page(
        visit, "operator_payouts.html", here=HERE, orders=found, standing=standing, more=more
    )


@router.post("/plan")
@may("operator")
def show_plan(visit: Posted, currency: Currency, risk_carrier: Risk = "") -> Response:
    """Say who an order would pay what now, and who waits for what; nothing is kept.

    It reads every open line, as the order does.
    """
    risk = risk_carrier.strip()
    with db.reading() as session:
        insist_operator(session, visit.person(session))
        due, waiting = paying.plan(
            session, currency=currency, held=_held(session), at_risk=bool(risk)
        )
        names = _names(session, [*(each.account for each in due), *waiting])
    return page(
        visit,
        "operator_payouts_plan.html",
        here=HERE,
        currency=currency,
        risk_carrier=risk,
        due=due,
        as_shown=ledger.digest_of(due),
        total_minor=sum(each.amount_minor for each in due),
        waiting=waiting,
        names=names,
    )


@router.post("")
@may("operator")
def order_payouts(
    visit: Posted,
    name: Annotated[str, Form(pattern=r"\S", max_length=60)],
    currency: Currency,
    as_shown: Annotated[str, Form(pattern="^[0-9a-f]{64}$")],
    risk_carrier: Risk = "",
) -> Response:
    """Order a payout for every payee that can be paid; the same name again orders nothing.

    `as_shown` is the digest of what the plan showed: nothing else is ordered. Wants a passkey used
    minutes ago.
    """
    person_id = note(visit, ("payouts", "order"))
    with db.writing() as session:
        made = paying.order(
            session,
            name=name.strip(),
            currency=currency,
            held=_held(session),
            risk_carrier=risk_carrier.strip(),
            as_shown=as_shown,
        )
        if made.is_new:  # with the order, whose row says in what currency and at whose risk
            note_with(session, person_id, ("payouts", "ordered"), made.order.id)
    return see(f"{HERE}/{made.order.id}")


@router.get("/{order_id}")
@may("operator")
def show_order(visit: Visitor, order_id: str, after: Place = "") -> Response:
    """Show an order: its payouts with what became of each, and its files for the bank."""
    with db.reading() as session:
        insist_operator(session, visit.person(session))
        order = ledger.order_of(session, order_id)
        found = ledger.payouts_of(session, order, after=after, limit=PER_PAGE)
        standing = ledger.standing_of_each(session, [order])[order.id]
        shown: dict[str, Any] = {
            "order": order,
            "standing": standing,
            "files": _files(session, order) if "sent" in standing else [],
            "handed_out": _handed_out(session, order),
            "payouts": found,
            "events": ledger.events_of_each(session, found),
            "names": _names(session, [each.account for each in found]),
            "more": found[-1].id if len(found) == PER_PAGE else None,
        }
    return page(visit, "operator_payouts_order.html", here=HERE, **shown)


@router.post("/{order_id}/proposal")
@may("operator")
def ask_for_file(
    visit: Posted, order_id: str, form: Annotated[bank_files.Form, Form()], again: Again = False
) -> Response:
    """Ask for a file for the bank; another operator agrees. Wants a passkey used minutes ago.

    `again`: one was handed out already, and this is another.
    """
    person_id = note(visit, ("payouts", "file", "ask", form), order_id)
    with db.writing() as session:
        order = ledger.order_of(session, order_id)
        bank_files.ask_for_file(session, order, form, person_id=person_id, again=again)
    return see(f"{HERE}/{order_id}")


@router.post("/{order_id}/file")
@may("operator")
def hand_out_file(
    visit: Posted, order_id: str, form: Annotated[bank_files.Form, Form()]
) -> Response:
    """Give the file that two operators agreed to, once. Wants a passkey used minutes ago."""
    note(visit, ("payouts", "file", "take", form), order_id)
    with db.writing() as session:
        order = ledger.order_of(session, order_id)
        content = bank_files.hand_out(session, order, form)
    ending, media_type = MEDIA[form]
    name = {"Content-Disposition": f'attachment; filename="{order.id}.{ending}"'}
    return Response(content, 200, HEADERS | name, media_type=media_type)


@router.post("/{order_id}/settled")
@may("operator")
def settle(visit: Posted, order_id: str, payout_id: OnePayout) -> Response:
    """Say that the bank paid one payout, or `all` of the order that are under way.

    Wants a passkey used minutes ago.
    """
    note(visit, ("payouts", "settled"), order_id, payout_id)
    with db.writing() as session:
        order = ledger.order_of(session, order_id)
        if payout_id == "all":  # said aloud: a field that got lost is not all
            listed = list(ledger.under_way(session, order))
        else:
            listed = [_payout_in(session, order, payout_id)]
        for each in listed:
            paying.settle(session, each.id)
    return see(f"{HERE}/{order_id}")


@router.post("/{order_id}/returned")
@may("operator")
def give_back(
    visit: Posted,
    order_id: str,
    payout_id: OnePayout,
    reason: Annotated[str, Form(min_length=1, max_length=200)],
) -> Response:
    """Say that a payout came back, and why: the payee reads it.

    Wants a passkey used minutes ago.
    """
    note(visit, ("payouts", "returned"), order_id, payout_id)
    with db.writing() as session:
        payout = _payout_in(session, ledger.order_of(session, order_id), payout_id)
        paying.give_back(session, payout.id, note=" ".join(reason.split()))
    return see(f"{HERE}/{order_id}")


def _payout_in(session: Session, order: PayoutOrder, payout_id: str) -> Payout:
    payout = session.get(Payout, payout_id)
    if payout is None or payout.order_id != order.id:
        raise PayoutNotFound(_("this order has no such payout; load its page again"))
    return payout


def _files(session: Session, order: PayoutOrder) -> list[dict[str, Any]]:
    """Say of each form of file whether it was asked for, and whether two agreed to it."""
    forms: list[bank_files.Form] = ["pain.001", "csv"] if order.currency == "EUR" else ["csv"]
    return [{"form": form, "act": bank_files.waiting_file(session, order, form)} for form in forms]


def _handed_out(session: Session, order: PayoutOrder) -> list[dict[str, Any]]:
    """Say of each file that was handed out its form, when, and who agreed to it."""
    acts = bank_files.handed_out(session, order)
    voices = {act.id: [each.who for each in twofold.voices_of(session, act)] for act in acts}
    every = {who for each in voices.values() for who in each}
    known = dict(
        session.exec(select(Person.id, Person.name).where(col(Person.id).in_(every))).all()
    )
    return [
        {
            "form": act.asked["as"],
            "at": act.done_at,
            "agreed": [known.get(who, who) for who in voices[act.id]],
        }
        for act in acts
    ]


def _held(session: Session) -> dict[str, str]:
    """Say which entries wait for which case, in words."""
    return {
        entry: _("held by %(case)s", case=case) for entry, case in held_entries(session).items()
    }


def _names(session: Session, accounts: Collection[str]) -> dict[str, str]:
    """Return whose each account is. Two queries."""
    parties = {account: party_of(account) for account in accounts}
    named = select(Performer.id, Performer.name).where(col(Performer.id).in_(parties.values()))
    houses = select(Organization.id, Organization.name).where(
        col(Organization.id).in_(parties.values())
    )
    known = {**dict(session.exec(named).all()), **dict(session.exec(houses).all())}
    return {account: known.get(party, account) for account, party in parties.items()}
