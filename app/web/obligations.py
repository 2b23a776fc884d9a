"""The page of what is owed: to whoever is signed in, for one of their houses at a time."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from sqlmodel import Session, col, select

from app import clock, db
from app.access import may
from app.identity.errors import NotAllowed
from app.language import _, marked
from app.obligations import service
from app.obligations.rows import Obligation
from app.registry.models import Performer
from app.web.clocks import clocks_of_series
from app.web.pages import PageRoute, Visitor, page
from app.web.seats import Seat, seats_of

router = APIRouter(prefix="/obligations", include_in_schema=False, route_class=PageRoute)
PER_PAGE = 25
BY = {
    "performer": marked("the performer"),
    "agent": marked("the agent"),
    "licensee": marked("the production"),
    "operator": marked("whoever runs this installation"),
    "guardian": marked("the guardian"),
    "estate": marked("the estate"),
    "union": marked("the union"),
}
WHAT = {
    ("approval", "use"): marked("An answer: may this be made?"),
    ("approval", "content"): marked("An answer: may this be shown?"),
    ("approval", "sublicensee"): marked("An answer: may it be passed on?"),
    ("approval", "transferee"): marked("An answer: may the license go to somebody else?"),
    ("approval", "training"): marked("An answer: may a machine learn from it?"),
    "preview": marked("A look at a finished film, before anybody else sees it"),
    "label": marked("A label that people see, in the European Union: this was made with AI"),
    ("deletion", "draft"): marked("A draft that nobody chose is deleted"),
    ("deletion", "vendor-copy"): marked("A copy of a likeness is deleted where it was sent"),
    ("deletion", "likeness-data"): marked(
        "What was kept of a likeness is deleted after the contract"
    ),
    "report": marked("A report of who was used, and for how long"),
    ("payout", "sent"): marked("Money is on its way"),
    ("payout", "balance"): marked("Money that was earned, with the next payout"),
    "invoice": marked("An invoice is paid"),
    ("case", "takedown"): marked("A word on a case: should it come down?"),
    ("case", "reversal"): marked("A word on a case: is the money given back?"),
    ("case", "correction"): marked("A word on a case: is the record put right?"),
}
State = Annotated[str, Query(pattern="^(open|done|missed|lasting)$")]


@router.get("")
@may("person")
def show_obligations(
    visit: Visitor,
    state: State = "open",
    house: Annotated[str | None, Query(max_length=40)] = None,
    after: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """Show what is owed by one house of whoever is signed in, and to it; what is due first."""
    with db.reading() as session:
        seats = seats_of(session, visit)
        seat = _seat(seats, house)
        found = service.owed(
            session, seat.organization.id, state=state, after=after, limit=PER_PAGE
        )
        shown: dict[str, Any] = {
            "seat": seat,
            "seats": seats,
            "state": state,
            "owed": [(each, in_words(each), by_whom(each)) for each in found],
            "names": _names(session, found),
            "clocks": clocks_of_series(session, {each.contract_id or "" for each in found}),
            "at": clock.now(),
            "more": service.mark(found[-1]) if len(found) == PER_PAGE else None,
        }
    return page(visit, "obligations.html", here="/obligations", **shown)


def _seat(seats: list[Seat], house: str | None) -> Seat:
    """Return the seat in the house asked for, else the first. Raises NotAllowed."""
    for seat in seats:
        if house is None or seat.organization.id == house:
            return seat
    raise NotAllowed(
        _("you belong to no such house; open the link that one of its members sends you")
    )


def in_words(obligation: Obligation) -> str:
    """Say what is owed."""
    return WHAT.get((obligation.kind, obligation.what)) or WHAT[obligation.kind]


def by_whom(obligation: Obligation) -> str:
    """Say who owes it; a vendor by its name."""
    return " and ".join(BY.get(each, each.replace("_", " ")) for each in obligation.owed_by)


def _names(session: Session, found: Any) -> dict[str, str]:
    ids = {each.performer_id for each in found if each.performer_id}
    named = select(Performer.id, Performer.name).where(col(Performer.id).in_(ids))
    return dict(session.exec(named).all())
