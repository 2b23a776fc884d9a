"""Pages of cases: say that an output or a file is wrong, follow it, answer, accept, take back."""

import secrets
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Response
from sqlmodel import Session

from app import clock, db
from app.access import may
from app.cases import opening, reading
from app.cases import service as cases
from app.cases.errors import CaseNotFound
from app.cases.models import ASKED, GROUNDS, Case
from app.identity.api_edge import limited
from app.identity.errors import NotAllowed
from app.language import _
from app.web.clocks import clocks_of_outputs
from app.web.pages import PageRoute, Posted, Visit, Visitor, page, see
from app.web.seats import Seat, principal_of, seats_of
from app.web.spoken import spoken

router = APIRouter(prefix="/cases", include_in_schema=False, route_class=PageRoute)
PER_PAGE = 25
Word = Annotated[str, Form(min_length=1, max_length=40)]
Words = Annotated[str, Form(min_length=1, max_length=2000)]
ACTS_IN_A_CASE = {
    "answers": cases.answer,
    "acceptance": cases.accept,
    "withdrawal": cases.take_back,
}


@dataclass(frozen=True)
class Said:
    """A form of ours about something that is wrong."""

    complaint: opening.Complaint
    secret: str


def _said(  # noqa: PLR0917 - FastAPI fills them in by name
    ground: Annotated[str, Form(pattern=f"^({'|'.join(GROUNDS)})$")],
    asked: Annotated[str, Form(pattern=f"^({'|'.join(ASKED)})$")],
    words: Words,
    secret: Annotated[str, Form(pattern="^[A-Za-z0-9_-]{43}$")],
    output: Annotated[str, Form(max_length=40)] = "",
    file: Annotated[str, Form(pattern="^([0-9a-f]{64})?$")] = "",
    hold: Annotated[str, Form(max_length=3)] = "",
) -> Said:
    return Said(
        opening.Complaint(
            ground=ground,
            asked=asked,
            words=words.replace("\x00", " "),
            generation_id=output.replace("\x00", " "),
            file_sha256=file,
            hold_payouts=hold == "yes",
        ),
        secret,
    )


@router.get("")
@may("person")
def list_cases(
    visit: Visitor, before: Annotated[str | None, Query(max_length=40)] = None
) -> Response:
    """List the cases of every house whoever is signed in belongs to, newest first."""
    with db.reading() as session:
        found = {
            each.id: each
            for seat in seats_of(session, visit)
            for each in reading.cases_of(
                session, seat.organization.id, before=before, limit=PER_PAGE
            )
        }
        listed = sorted(found.values(), key=lambda each: each.id, reverse=True)[:PER_PAGE]
        shown: dict[str, Any] = {
            "cases": [(each, reading.state_of(each, clock.now())) for each in listed],
            "clocks": clocks_of_outputs(session, {each.generation_id or "" for each in listed}),
            "more": listed[-1].id if len(listed) == PER_PAGE else None,
        }
    return page(visit, "cases.html", here="/cases", grounds=GROUNDS, asked=ASKED, **shown)


@router.get("/new")
@may("anyone")
def show_form(
    visit: Visitor,
    output: Annotated[str, Query(max_length=40)] = "",
    file: Annotated[str, Query(pattern="^([0-9a-f]{64})?$")] = "",
) -> Response:
    """Ask what is wrong, about one output or one file; nobody needs an account."""
    with db.reading() as session:
        seats = seats_of(session, visit) if visit.known(session) else []
    return page(
        visit,
        "case_new.html",
        grounds=GROUNDS,
        asked=ASKED,
        output=output,
        file=file,
        seats=seats,
        secret=secrets.token_urlsafe(32),
    )


@router.post("", dependencies=[limited("files")])
@may("anyone")
def open_case(visit: Posted, said: Annotated[Said, Depends(_said)]) -> Response:
    """Open a case: for a house of whoever is signed in, else for a visitor with a link."""
    with db.writing() as session:
        acting = (
            [seat for seat in seats_of(session, visit) if seat.may_act]
            if visit.known(session)
            else []
        )
        if acting:
            seat = _concerned(session, acting, said.complaint.generation_id)
            made = opening.open_case(session, said.complaint, principal_of(session, seat))
            return see(f"/cases/{made.id}")
        if not _is_open(session, said.secret):  # the form was sent twice
            opening.open_for_visitor(session, said.complaint, secret=said.secret)
    return see(f"/cases/link/{said.secret}")


@router.get("/link/{secret}", dependencies=[limited("lookups")])
@may("link")
def follow_case(visit: Visitor, secret: str) -> Response:
    """Show a visitor how their case stands: its dates, and what came of it. No party's words."""
    with db.reading() as session:
        case = reading.case_behind(session, secret)
        told = reading.shown_to(session, case, "visitor", None).events
    return page(
        visit,
        "case.html",
        case=case,
        state=reading.state_of(case, clock.now()),
        events=told,
        grounds=GROUNDS,
        asked=ASKED,
        seat=None,
        may_accept=False,
        is_mine=False,
        is_link=True,
        beside="",  # of a contract a visitor learns nothing, nor by which clock it goes
    )


@router.get("/{case_id}")
@may("person")
def show_case(visit: Visitor, case_id: str) -> Response:
    """Show a case to a side of it: what is wrong, what is asked, everything said, what is held."""
    with db.reading() as session:
        seat, case = _seat_in(session, visit, case_id)
        mine = reading.side_of(session, case, seat.organization.id)
        shown: dict[str, Any] = {
            "case": case,
            "state": reading.state_of(case, clock.now()),
            "events": reading.shown_to(session, case, mine.side, seat.organization.id).events,
            "seat": seat,
            "beside": clocks_of_outputs(session, [case.generation_id or ""]).get(
                case.generation_id or "", ""
            ),
            "may_accept": mine.must_accept and _may_bind(seat) and case.closed_at is None,
            "is_mine": case.organization_id == seat.organization.id and case.closed_at is None,
        }
    return page(
        visit, "case.html", here="/cases", grounds=GROUNDS, asked=ASKED, is_link=False, **shown
    )


@router.post("/{case_id}/{act}")
@may("person")
def act_in_case(visit: Posted, case_id: str, act: str, words: Words) -> Response:
    """Answer, accept what is asked, or take the case back, as a side of it."""
    if act not in ACTS_IN_A_CASE:
        raise CaseNotFound(_("a case is answered, accepted or taken back, nothing else"))
    with db.writing() as session:
        seat, case = _seat_in(session, visit, case_id)
        if not seat.may_act:
            raise NotAllowed(
                _(
                    "as %(role)s of %(house)s you look and do not act",
                    role=spoken(seat.membership.role),
                    house=seat.organization.name,
                )
            )
        if act != "answers":
            visit.fresh(session)
        if act == "acceptance" and not _may_bind(seat):
            raise NotAllowed(_("what is asked is for ever: a production_approver accepts it"))
        by = principal_of(session, seat)
        ACTS_IN_A_CASE[act](session, case.id, words.replace("\x00", " "), by)
    return see(f"/cases/{case.id}")


def _concerned(session: Session, seats: list[Seat], generation_id: str) -> Seat:
    """Return the seat in a house that the output concerns; else the first one."""
    sides = opening.sides_of(session, generation_id)
    return next((seat for seat in seats if seat.organization.id in sides), seats[0])


def _seat_in(session: Session, visit: Visit, case_id: str) -> tuple[Seat, Case]:
    """Return where whoever is signed in sits in a case. Raises NotSignedIn, CaseNotFound."""
    for seat in seats_of(session, visit):
        try:
            return seat, reading.case_of(session, seat.organization.id, case_id)
        except CaseNotFound:
            continue
    raise CaseNotFound(_("no case you are a side of has the id %(id)s", id=case_id[:64]))


def _may_bind(seat: Seat) -> bool:
    """Whether this person may accept what cannot be undone: of a production, an approver."""
    return seat.may_act and seat.membership.role != "production_member"


def _is_open(session: Session, secret: str) -> bool:
    try:
        reading.case_behind(session, secret)
    except CaseNotFound:
        return False
    return True
