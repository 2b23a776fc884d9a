"""The agency's desk: whom it represents, what is asked of them, and answers to many at once."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Response
from sqlmodel import Session

from app import db
from app.access import may
from app.errors import AppError
from app.gateway import previews
from app.language import _
from app.licensing.contracts import handing_on, roster, service
from app.licensing.contracts.models import Contract
from app.licensing.document import contract as documents
from app.licensing.words.plain_words import WORDS
from app.web.clocks import clocks_of
from app.web.pages import PageRoute, Posted, Visit, Visitor, page
from app.web.seats import Seat, acting_seat, principal_of, seat_of

router = APIRouter(prefix="/agency", include_in_schema=False, route_class=PageRoute)
PER_PAGE = 25
Place = Annotated[str | None, Query(max_length=40)]


@router.get("")
@may("bureau")
def show_requests(visit: Visitor, place: Place = None) -> Response:
    """Show what is asked of everybody the agency represents, what lapses first at the top."""
    with db.reading() as session:
        return _requests(session, visit, seat_of(session, visit, "agency"), place)


@router.post("/requests")
@may("bureau")
def answer_many(
    visit: Posted,
    do: Annotated[str, Form(pattern="^(decline|hand-on)$")],
    chosen: Annotated[list[str], Form(max_length=PER_PAGE)],
    note: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Decline what was chosen, or hand it on to the performers' own desks. Nothing is signed here.

    Each by the service of one, on its own: what cannot be answered any more is named, and stops
    none of the others.
    """
    said = note.replace("\x00", "").strip()
    with db.writing() as session:
        seat = acting_seat(session, visit, "agency")
        key = principal_of(session, seat).api_key_id

        def decline(contract: Contract) -> None:
            service.decline_offer(
                session, contract, seat.organization.id, note=said, api_key_id=key
            )

        def hand_on(contract: Contract) -> None:
            handing_on.hand_on(session, contract, seat.organization.id)

        act = decline if do == "decline" else hand_on
        done, refused = 0, []
        for contract_id in _in_order(session, seat, chosen):
            reason = _one(session, seat, contract_id, act)
            done += not reason
            refused += [(contract_id, reason)] if reason else []
        return _requests(session, visit, seat, None, do=do, done=done, refused=refused)


def _in_order(session: Session, seat: Seat, chosen: list[str]) -> list[str]:
    """Put what was chosen in the order of performers, in which all who write lock them."""

    def performer_first(contract_id: str) -> tuple[str, str]:
        contract = roster.request_to(session, seat.organization.id, contract_id)
        return contract.performer_id if contract else "", contract_id

    return sorted({each[:40] for each in chosen}, key=performer_first)


def _one(
    session: Session, seat: Seat, contract_id: str, act: Callable[[Contract], object]
) -> str:  # fmt: skip
    """Answer one request in a savepoint of its own; return why not, or nothing."""
    contract = roster.request_to(session, seat.organization.id, contract_id)
    if contract is None:
        return _("nothing waits under this id any more")
    try:
        with session.begin_nested():
            act(contract)
    except AppError as refusal:
        return refusal.detail or refusal.code
    return ""


def _requests(
    session: Session, visit: Visit, seat: Seat, place: str | None, **answered: Any
) -> Response:
    found = roster.requests_to(session, seat.organization.id, place=place, limit=PER_PAGE)
    looks = previews.looks_of(session, seat.organization.id)
    return page(
        visit,
        "agency_requests.html",
        here="/agency",
        seat=seat,
        looks=looks,
        clocks=clocks_of(session, {each.preview.contract_id for each in looks}),
        requests=[(each, documents.recorded(each.contract.document.encode())) for each in found],
        words=WORDS,
        more=found[-1].contract.id if len(found) == PER_PAGE else None,
        **{"do": "", "done": 0, "refused": [], **answered},
    )


@router.get("/roster")
@may("bureau")
def show_roster(
    visit: Visitor,
    name: Annotated[str, Query(max_length=100)] = "",
    show: Annotated[str, Query(pattern="^(all|waiting|paused)$")] = "all",
    after: Place = None,
) -> Response:
    """Show whom the agency represents, a page at a time, by name and by what is the matter."""
    with db.reading() as session:
        seat = seat_of(session, visit, "agency")
        found = roster.represented(
            session,
            seat.organization.id,
            name=name.replace("\x00", ""),
            show=show,
            after=after,
            limit=PER_PAGE,
        )
        more = found[-1].performer.id if len(found) == PER_PAGE else None
    return page(
        visit, "agency_roster.html", here="/agency/roster", seat=seat, found=found, name=name,
        show=show, more=more,
    )  # fmt: skip
