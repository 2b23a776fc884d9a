"""The agency's money: one statement over everybody it represents, by period and currency."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from app import db, language
from app.access import may
from app.payments import consolidated
from app.web.pages import PageRoute, Visitor, page
from app.web.seats import seat_of

router = APIRouter(prefix="/agency/statements", include_in_schema=False, route_class=PageRoute)
PER_PAGE = 50
PeriodId = Annotated[str, Query(max_length=40)]


@router.get("")
@may("bureau")
def show_statements(
    visit: Visitor, period: PeriodId = "", start: Annotated[int, Query(ge=0, le=100_000)] = 0
) -> Response:
    """Show the newest period, or the one asked for: sums of everybody, and a page of lines."""
    language.read_by(language.NOBODYS)  # a period ends when it does on the papers, whoever reads
    with db.reading() as session:
        seat = seat_of(session, visit, "agency")
        periods = consolidated.periods_of(session, seat.organization.id)
        found = None
        if period or periods:
            found = consolidated.consolidate(session, seat.organization.id, period or periods[0].id)
    longest = max((len(sheet.lines) for sheet in found.sheets), default=0) if found else 0
    return page(
        visit,
        "agency_statements.html",
        here="/agency/statements",
        seat=seat,
        periods=periods,
        found=found,
        start=start,
        end=start + PER_PAGE,
        more=start + PER_PAGE if longest > start + PER_PAGE else None,
    )


@router.get("/download")
@may("bureau")
def download_statements(
    visit: Visitor, period: PeriodId, kind: Annotated[str, Query(pattern="^(pdf|csv|json)$")]
) -> Response:
    """Give one period's sheets to keep: as a PDF to read, as a table, or as JSON."""
    with db.reading() as session:
        seat = seat_of(session, visit, "agency")
        found = consolidated.consolidate(session, seat.organization.id, period)
    if kind == "pdf":
        content, media_type = consolidated.as_pdf(found, seat.organization.name), "application/pdf"
    elif kind == "csv":
        content, media_type = consolidated.as_csv(found).encode(), "text/csv; charset=utf-8"
    else:
        content, media_type = consolidated.as_json(found).encode(), "application/json"
    name = {
        "Content-Disposition": f'attachment; filename="statements-{found.period.number}.{kind}"'
    }
    return Response(content, 200, name, media_type=media_type)
