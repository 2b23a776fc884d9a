"""Where a performer's money is: what is owed and what it waits for, what was paid, and to where."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Response
from sqlmodel import Session

from app import db
from app.access import may
from app.cases.holds import held_entries
from app.ledger.payouts import events_of_each
from app.payments import details
from app.payments.due import due_to
from app.payments.payees import payouts_for
from app.recovery import service as recovery
from app.registry.models import Performer
from app.twofold import service as twofold
from app.web.pages import PageRoute, Posted, Visitor, page, see
from app.web.performer import desk_of
from app.web.seats import acting_seat, principal_of

router = APIRouter(prefix="/performer/payouts", include_in_schema=False, route_class=PageRoute)
HERE = "/performer/payouts"
PER_PAGE = 12
Line = Annotated[str, Form(max_length=70)]


@router.get("")
@may("desk")
def show_payouts(
    visit: Visitor, before: Annotated[str | None, Query(max_length=40)] = None
) -> Response:
    """Say what is owed and what it waits for, where it is paid, and what was paid when."""
    with db.reading() as session:
        seat, performers = desk_of(session, visit)
        accounts = {f"performer:{each.id}:payable": each for each in performers}
        held = set(held_entries(session))
        found = payouts_for(session, seat.organization.id, before=before, limit=PER_PAGE)
        events = events_of_each(session, found)
        shown: dict[str, Any] = {
            "seat": seat,
            "due": [
                (accounts[each.account], each) for each in due_to(session, list(accounts), held)
            ],
            "payees": [
                (each, _paid_to(session, seat.organization.id, each)) for each in performers
            ],
            "payouts": [
                {
                    "payout": each,
                    "name": accounts[each.account].name if each.account in accounts else "",
                    "events": events[each.id],
                    "state": events[each.id][-1].state,
                }
                for each in found
            ],
            "more": found[-1].id if len(found) == PER_PAGE else None,
        }
    return page(visit, "performer_payouts.html", here="/performer/earnings", **shown)


def _paid_to(session: Session, organization_id: str, performer: Performer) -> dict[str, Any]:
    """Say since when an account counts, and which waits for a second person; never the account."""
    counts = details.details_in_force(session, performer.id)
    asked = next(
        (
            act
            for act in twofold.acts_of(session, organization_id, details.KIND)
            if act.subject_id == performer.id and twofold.state_of(session, act) == "proposed"
        ),
        None,
    )
    since: datetime | None = None if counts is None else counts.from_at
    return {"since": since, "asked": asked}


@router.post("/account")
@may("desk")
def propose_account(
    visit: Posted,
    performer_id: Annotated[str, Form(max_length=40)],
    holder: Line,
    iban: Line,
    bic: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Propose where a performer is paid; it counts once two people agreed to it.

    Wants a passkey used minutes ago.
    """
    account = details.bank_account(holder, iban, bic)
    with db.writing() as session:
        recovery.check_may_bind(session, visit.fresh(session).id)
        seat = acting_seat(session, visit, "performer")
        act = details.propose_account(session, principal_of(session, seat), performer_id, account)
    return see(f"/account/two-people/{act.id}")
