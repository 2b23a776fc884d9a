"""The agency brings many in: a table and photos in, every bad row named, and who has answered."""

import base64
import hmac
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session
from starlette.datastructures import FormData

from app import db, egress_mail
from app.access import may
from app.config import settings
from app.identity.errors import FileMissing, FormRefused
from app.identity.principal import Principal
from app.identity.uploads import limited_form
from app.language import _, translated
from app.payments.paper import table
from app.registry.imports import sending, service, words
from app.registry.imports.api import MOST_FILES, sent_in
from app.registry.imports.models import OPEN, STATES, RosterEntry
from app.registry.imports.photos import MOST_PHOTOS
from app.registry.imports.table import COLUMNS, MOST_ROWS, Bad
from app.web.pages import (
    PageRoute,
    Posted,
    Visit,
    Visitor,
    check_sent_from_here,
    page,
    see,
)
from app.web.seats import Seat, acting_seat, principal_of, seat_of

router = APIRouter(prefix="/agency/import", include_in_schema=False, route_class=PageRoute)
PER_PAGE, MOST_SHOWN, ALL = 25, 50, 10_000
PROBLEMS = ("line", "column", "problem", "what_to_do", *COLUMNS)
WAITS = ("reference", "name", "email", "photo", "problem", "what_to_do")
LINKS = ("reference", "name", "email", "link", "until")

SHOWS = {"all": OPEN, "problems": ("no-photo", "unfit"), "invited": ("invited",)}


@router.get("")
@may("bureau")
def show_import(
    visit: Visitor,
    show: Annotated[str, Query(pattern="^(all|problems|invited)$")] = "all",
    after: Annotated[str | None, Query(max_length=40)] = None,
) -> Response:
    """Ask for a table and photos; show who waits, for what, and how many have answered."""
    with db.reading() as session:
        return _shown(session, visit, seat_of(session, visit, "agency"), show=show, after=after)


@router.post("")
@may("bureau")
async def take_in(request: Request, visit: Visitor) -> Response:
    """Take in what was sent, as far as it is good, and name every bad row. Nobody is registered.

    Who asks is known before the files are read.
    """
    check_sent_from_here(request)
    by = await run_in_threadpool(_acting, visit)
    async with limited_form(request, settings().import_limit_bytes, files=MOST_FILES) as form:
        token = form.get("form_token")
        if not isinstance(token, str) or not hmac.compare_digest(
            token.encode(), visit.form_token.encode()
        ):
            raise FormRefused(_("this page is out of date: load it again, and send it once more"))
        report = await run_in_threadpool(_take, form, by)
        with db.reading() as session:
            return _shown(session, visit, seat_of(session, visit, "agency"), report=report)


def _acting(visit: Visit) -> Principal:
    with db.writing() as session:
        return principal_of(session, acting_seat(session, visit, "agency"))


def _take(form: FormData, by: Principal) -> sending.Report:
    table, photos = sent_in(form)
    if not table and not photos:
        raise FileMissing(_("you have not chosen a file; go back and choose one"))
    return sending.take(table, photos, by=by)


@router.get("/problems.csv")
@may("bureau")
def download_problems(visit: Visitor) -> Response:
    """Give everybody whose row waits for the agency, with the reason, as CSV."""
    with db.reading() as session:
        seat = seat_of(session, visit, "agency")
        found = service.entries_of(session, seat.organization.id, states=OPEN, limit=ALL)
        rows = [
            {**_cells(each), "problem": said[0], "what_to_do": said[1]}
            for each in found
            if (said := _wrong(each)) is not None
        ]
    return _csv("problems", table(WAITS, rows))


@router.get("/links.csv")
@may("bureau")
def download_links(visit: Visitor) -> Response:
    """Give the links of everybody who is invited, where this installation sends no mail.

    Where it does, a link goes to its address, and nobody at the agency sees it.
    """
    with db.reading() as session:
        seat = acting_seat(session, visit, "agency")
        found = service.entries_of(
            session, seat.organization.id, states=("invited",), mail="by-hand", limit=ALL
        )
        rows = [
            {
                **_cells(each),
                "link": service.link_of(each),
                "until": f"{each.expires_at:%Y-%m-%dT%H:%MZ}",
            }
            for each in found
        ]
    return _csv("links", table(LINKS, [{name: row[name] for name in LINKS} for row in rows]))


@router.post("/{entry_id}/retraction")
@may("bureau")
def take_back(visit: Posted, entry_id: str) -> Response:
    """Take one row back: its link opens nothing any more, its photo is destroyed."""
    with db.writing() as session:
        seat = acting_seat(session, visit, "agency")
        service.take_back(session, seat.organization.id, entry_id)
    return see("/agency/import")


def _shown(
    session: Session,
    visit: Visit,
    seat: Seat,
    *,
    show: str = "all",
    after: str | None = None,
    report: sending.Report | None = None,
) -> Response:
    agency_id = seat.organization.id
    found = service.entries_of(session, agency_id, states=SHOWS[show], after=after, limit=PER_PAGE)
    counted = service.counts_of(session, agency_id)
    bad = [] if report is None else [(each, _why(each.code)) for each in report.bad]
    return page(
        visit,
        "agency_import.html",
        here="/agency/import",
        seat=seat,
        found=[(each, _wrong(each)) for each in found],
        counts={state: counted.get(state, 0) for state in STATES},
        show=show,
        more=found[-1].id if len(found) == PER_PAGE else None,
        report=report,
        bad=bad[:MOST_SHOWN],
        photos_bad=[] if report is None else [
            (each.name, _why(each.code)) for each in report.photos_bad[:MOST_SHOWN]
        ],
        bad_csv=_bad_csv(report),
        mails=egress_mail.is_open(),
        columns=COLUMNS,
        most_rows=MOST_ROWS,
        most_photos=MOST_PHOTOS,
        limit=f"{settings().import_limit_bytes >> 20} MB",
    )  # fmt: skip


def _why(code: str) -> tuple[str, str]:
    why, todo = words.why(code)
    return translated(why), translated(todo)


def _wrong(entry: RosterEntry) -> tuple[str, str] | None:
    """Say what a row that waits lacks from the agency, and what to do; or nothing."""
    code = words.problem_of(entry)
    return _why(code) if code else None


def _cells(entry: RosterEntry) -> dict[str, str]:
    return {
        "reference": entry.reference,
        "name": entry.name,
        "email": service.address_of(entry),
        "photo": entry.photo,
    }


def _bad_csv(report: sending.Report | None) -> str:
    """Return every bad row of an upload as a link that holds the file: it is kept nowhere."""
    if report is None or not (report.bad or report.photos_bad):
        return ""
    rows = [_bad_row(each) for each in report.bad]
    for each in report.photos_bad:
        why, todo = _why(each.code)
        said = {"column": "photo", "problem": why, "what_to_do": todo, "photo": each.name}
        rows.append(dict.fromkeys(PROBLEMS, "") | said)
    written = base64.b64encode(table(PROBLEMS, rows).encode("utf-8-sig")).decode()
    return f"data:text/csv;charset=utf-8;base64,{written}"


def _bad_row(bad: Bad) -> dict[str, str]:
    why, todo = _why(bad.code)
    row = bad.row
    return {
        "line": str(row.line),
        "column": bad.column,
        "problem": why,
        "what_to_do": todo,
        "reference": row.reference,
        "name": row.name,
        "email": row.email,
        "photo": row.photo,
    }


def _csv(name: str, text: str) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.csv"',
        "Cache-Control": "no-store",
    }
    return Response(text.encode("utf-8-sig"), headers=headers, media_type="text/csv; charset=utf-8")
