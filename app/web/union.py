"""The union's desk: reports of use, the strike switch, and what was refused or kept too long."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Query, Response
from sqlmodel import Session, col, select

from app import clock, db, language
from app.access import may
from app.identity.api_keys import AT_A_PAGE
from app.identity.models import ApiKey, Organization
from app.language import _
from app.licensing.errors import StrikeInstantRefused
from app.licensing.strikes import persons
from app.licensing.strikes import service as strikes
from app.licensing.strikes.models import StrikeSwitch
from app.payments import paper, statements
from app.registry.models import Performer
from app.unions import evidence, service
from app.unions.scope import agreements_of
from app.web.pages import HEADERS, PageRoute, Posted, Visitor, page, see
from app.web.seats import acting_seat, principal_of, seat_of

router = APIRouter(prefix="/union", include_in_schema=False, route_class=PageRoute)
PER_PAGE = 25
Place = Annotated[str | None, Query(max_length=40)]


@router.get("")
@may("officer")
def show_desk(visit: Visitor, start: Annotated[int, Query(ge=0, le=10**6)] = 0) -> Response:
    """Show each agreement, whether it is on strike, and what waits for a second person.

    On strike are all that are; of the rest a page shows those from `start` on.
    """
    with db.reading() as session:
        seat = seat_of(session, visit, "union")
        turned = strikes.switches_of(session, seat.organization.id, limit=PER_PAGE)
        at = clock.now()
        called = strikes.spans(strikes.confirmed(session))
        running = {each.agreement: each for each in called if each.runs(at)}
        kept = agreements_of(session, seat.organization)
        shown: dict[str, Any] = {
            "seat": seat,
            "agreements": kept[start : start + PER_PAGE],
            "strikes": [each for each in kept if each in running],
            "kept": len(kept),
            "more": start + PER_PAGE if len(kept) > start + PER_PAGE else None,
            "running": running,
            "waiting": [each for each in turned if each.state(at) == "proposed"],
            "mine": _mine(session, seat.person.id, turned),
            "turned": [(each, each.state(at)) for each in turned if each.state(at) != "proposed"],
            "breaches": len(service.breaches(session, seat.organization, limit=PER_PAGE)),
            "per_page": PER_PAGE,
            "zone": language.zone(),
        }
    return page(visit, "union_desk.html", here="/union", **shown)


def _mine(session: Session, person_id: str, turned: Sequence[StrikeSwitch]) -> set[str]:
    """Name the proposals this person made, and those an API key made: neither is theirs to add."""
    ids = {each.proposed_by for each in turned}
    names = dict(session.exec(select(ApiKey.id, ApiKey.name).where(col(ApiKey.id).in_(ids))).all())
    return {
        each.id
        for each in turned
        if names[each.proposed_by] == f"{person_id}{AT_A_PAGE}"
        or not names[each.proposed_by].endswith(AT_A_PAGE)
    }


@router.post("/strikes")
@may("officer")
def propose(
    visit: Posted,
    agreement: Annotated[str, Form(min_length=1, max_length=300)],
    act: Annotated[str, Form(pattern="^(suspend|lift)$")],
    at: Annotated[str, Form(pattern=r"^(\d{4}-\d\d-\d\dT\d\d:\d\d)?$")] = "",
    zone: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """Propose a strike or its end; a second person confirms. Wants a passkey used minutes ago."""
    with db.writing() as session:
        visit.fresh(session)
        seat = acting_seat(session, visit, "union")
        persons.propose(
            session,
            principal_of(session, seat),
            seat.membership,
            agreement=agreement,
            act=act,
            takes_effect_at=_instant(at, zone),
        )
    return see("/union")


def _instant(text: str, zone: str) -> datetime | None:
    """Read what a browser's field for day and time holds, by the clock its label named, else UTC.

    Nothing: at once. Of an hour that comes twice the first; whoever confirms reads what it became.
    Raises StrikeInstantRefused for an hour that clocks leap over there.
    """
    if not text:
        return None
    by = ZoneInfo(language.zone_of(zone))
    try:
        here = datetime.fromisoformat(text)
        at = here.replace(tzinfo=by).astimezone(UTC)
        leapt = at.astimezone(by).replace(tzinfo=None) != here
    except (ValueError, OverflowError):  # 31 February, or the year 1
        return datetime(1, 1, 1, tzinfo=UTC)  # refused as gone by, in words
    if leapt:
        raise StrikeInstantRefused(
            _(
                "clocks go forward that night and leap over this time: there is no %(time)s in "
                "%(clock)s then; choose an earlier or a later one",
                time=here.strftime("%H:%M"),
                clock=language.clock_of(language.zone_of(zone)),
            )
        )
    return at


@router.post("/strikes/{strike_id}/confirmation")
@may("officer")
def confirm(visit: Posted, strike_id: str) -> Response:
    """Confirm what another person proposed: in force when this answers. Wants a fresh passkey."""
    with db.writing() as session:
        visit.fresh(session)
        seat = acting_seat(session, visit, "union")
        persons.confirm(session, principal_of(session, seat), seat.membership, strike_id)
    return see("/union")


@router.get("/reports")
@may("officer")
def show_reports(visit: Visitor, before: Place = None) -> Response:
    """Show who was used, how often and for how long, by production and period; to download."""
    with db.reading() as session:
        seat = seat_of(session, visit, "union")
        found = statements.statements_for(
            session, seat.organization.id, before=before, limit=PER_PAGE
        )
        shown: dict[str, Any] = {
            "seat": seat,
            "reports": [(each, json.loads(each.document)) for each in found],
            "more": found[-1].id if len(found) == PER_PAGE else None,
        }
    return page(visit, "union_reports.html", here="/union/reports", **shown)


@router.get("/reports/{statement_id}.{kind}")
@may("officer")
def download_report(visit: Visitor, statement_id: str, kind: str) -> Response:
    """Give one report to keep: as a PDF, as a table, or as data."""
    with db.reading() as session:
        seat = seat_of(session, visit, "union")
        found = statements.statement_of(session, seat.organization.id, statement_id)
    if kind == "pdf":
        content, media_type = paper.as_pdf(found), "application/pdf"
    elif kind == "csv":
        content, media_type = paper.as_csv(found).encode(), "text/csv; charset=utf-8"
    else:
        content, media_type, kind = found.document.encode(), "application/json", "json"
    name = {"Content-Disposition": f'attachment; filename="{found.id}.{kind}"'}
    return Response(content, 200, HEADERS | name, media_type=media_type)


@router.get("/findings")
@may("officer")
def show_findings(
    visit: Visitor,
    what: Annotated[str, Query(pattern="^(denials|overrides|breaches)$")] = "denials",
    place: Annotated[str | None, Query(max_length=80)] = None,
) -> Response:
    """Show what the rules refused, what a person let go on, or what is kept too long."""
    with db.reading() as session:
        seat = seat_of(session, visit, "union")
        union = seat.organization
        found: Sequence[Any]
        if what == "denials":
            found = service.denials(session, union, before=place, limit=PER_PAGE)
            last = found[-1].decision_id if found else None
        elif what == "overrides":
            found = service.overrides(session, union, before=place, limit=PER_PAGE)
            last = found[-1].review_id if found else None
        else:
            found = service.breaches(session, union, after=place, limit=PER_PAGE)
            last = found[-1].place if found else None
        shown: dict[str, Any] = {
            "seat": seat,
            "what": what,
            "found": found,
            "names": _names(session, found),
            "more": last if len(found) == PER_PAGE else None,
        }
    return page(visit, "union_findings.html", here="/union/findings", **shown)


@router.get("/evidence.zip")
@may("officer")
def export(visit: Visitor) -> Response:
    """Give all of it as one archive, with a SHA-256 of each file."""
    with db.reading() as session:
        union = seat_of(session, visit, "union").organization
        packed = evidence.evidence(session, union)
    name = {"Content-Disposition": f'attachment; filename="evidence-{union.id}.zip"'}
    return Response(packed, 200, HEADERS | name, media_type="application/zip")


def _names(session: Session, found: Sequence[Any]) -> dict[str, str]:
    """Return the names of the performers and productions on the page. Two queries."""
    people: set[str] = set()
    for each in found:
        people |= set(getattr(each, "performer_ids", ()) or ())
        people |= {getattr(each, "performer_id", "")}
    houses = {getattr(each, "production_id", "") for each in found}
    named = select(Performer.id, Performer.name).where(col(Performer.id).in_(people))
    others = select(Organization.id, Organization.name).where(col(Organization.id).in_(houses))
    return dict([*session.exec(named), *session.exec(others)])
