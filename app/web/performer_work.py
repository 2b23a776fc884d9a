"""The performer's work and money: every output to play, its clause, earnings, statements, data."""

import json
from datetime import UTC
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from sqlmodel import Session

from app import clock, db
from app.access import may
from app.gateway import holding, previews, takes
from app.gateway import shown as work
from app.gateway.api_files import Wanted, play_output
from app.gateway.errors import OutputNotReleased
from app.gateway.models import Generation
from app.language import _, day, marked, money, month
from app.ledger import earnings
from app.ledger import service as ledger
from app.ledger.clauses import clauses_of
from app.licensing.contracts.models import Contract
from app.licensing.document import contract as documents
from app.licensing.words.plain_words import WORDS
from app.payments import paper, statements
from app.registry.models import Performer
from app.web import chart
from app.web import clauses as clauses_said
from app.web.pages import PageRoute, Visitor, page
from app.web.performer import desk_of

router = APIRouter(prefix="/performer", include_in_schema=False, route_class=PageRoute)
PER_PAGE = 12
MONTHS = 12
STATEMENTS = 24
NOT_SHOWN = {
    "refused": marked("It was stopped before its release: nobody is shown it."),
    "quarantined": marked(
        "It was held back: what came back is not surely what was agreed. Nobody is shown it, and "
        "the operator looks at what was found."
    ),
    "failed": marked("Something failed while it was made: there is nothing to show."),
    "awaiting-preview": marked("It is finished, and waits to be looked at before its release."),
}
Before = Annotated[str | None, Query(max_length=40)]


@router.get("/work")
@may("desk")
def show_work(visit: Visitor, before: Before = None) -> Response:
    """List every output with this performer in it, newest first, with what it brought."""
    with db.reading() as session:
        seat, performers = desk_of(session, visit)
        found = work.outputs_of(session, _ids(performers), before=before, limit=PER_PAGE)
        shown: dict[str, Any] = {
            "seat": seat,
            "outputs": found,
            "words": WORDS,
            "brought": _brought(session, performers, found),
            "more": found[-1].generation.id if len(found) == PER_PAGE else None,
        }
    return page(visit, "performer_work.html", here="/performer/work", **shown)


@router.get("/work/{generation_id}")
@may("desk")
def show_output(visit: Visitor, generation_id: str) -> Response:
    """Show one output: the film, the clause that allows it, and the money with its clauses."""
    with db.reading() as session:
        seat, performers = desk_of(session, visit)
        found = work.output_of(session, _ids(performers), generation_id)
        contract = session.get_one(Contract, found.contract_id)
        terms = documents.recorded(contract.document.encode())
        said = clauses_said.said_by(session, contract)
        account = f"performer:{found.performer_id}:payable"
        brought = earnings.by_output(session, account, [generation_id]).get(generation_id, [])
        clauses = []
        if terms.compensation is not None and brought:
            event = holding.usage_event(found.generation, found.use)
            clauses = [
                (pointer, said.get(pointer, ""))
                for pointer in clauses_of(terms.compensation, event, account)
            ]
        shown: dict[str, Any] = {
            "seat": seat,
            "output": found,
            "contract": contract,
            "tz": terms.grant.term.tz,
            "words": WORDS,
            "allowed": clauses_said.allowed(said),
            "brought": brought,
            "clauses": clauses,
            "not_shown": _not_shown(found.generation),
            "looks": [
                (each, each.state(clock.now()), each.opened_by)
                for each in previews.previews_on(session, seat.organization.id, generation_id)
            ],
        }
    return page(visit, "performer_output.html", here="/performer/work", **shown)


@router.get("/work/{generation_id}/film")
@may("desk")
def play_film(visit: Visitor, generation_id: str, wanted: Wanted = "") -> Response:
    """Play the released film to the performer who is in it, as long as it is kept.

    Each span a player asks for is checked anew.
    """
    with db.reading() as session:
        _seat, performers = desk_of(session, visit)
        found = work.output_of(session, _ids(performers), generation_id).generation
        if why := _not_shown(found):
            raise OutputNotReleased(why)
    return play_output(found, wanted)


def _not_shown(generation: Generation) -> str:
    """Say why whoever is in it cannot play it now; empty where they can."""
    if generation.state != "released":
        waits = marked("It is not finished. Once it is released you can play it here.")
        return _(NOT_SHOWN.get(generation.state, waits))
    if generation.taken_down_at is not None:
        return _(
            "It was taken down on %(at)s: that is the outcome of a case. Nobody is shown it here.",
            at=day(generation.taken_down_at),
        )
    if takes.is_gone(generation):
        return _("It was a draft, and its days are over: the file is deleted.")
    return ""


@router.get("/earnings")
@may("desk")
def show_earnings(visit: Visitor, before: Before = None) -> Response:
    """Show what came in month by month, what is still owed, and the statements to keep.

    Of these a page shows the newest, or those before one of them.
    """
    with db.reading() as session:
        seat, performers = desk_of(session, visit)
        house = seat.organization.id
        kept = statements.statements_for(session, house, before=before, limit=STATEMENTS)
        shown: dict[str, Any] = {
            "seat": seat,
            "charts": _charts(session, performers),
            "statements": [(each, json.loads(each.document)["period"]["number"]) for each in kept],
            "more": kept[-1].id if len(kept) == STATEMENTS else None,
        }
    return page(visit, "performer_earnings.html", here="/performer/earnings", **shown)


@router.get("/statements/{statement_id}.{kind}")
@may("desk")
def download_statement(visit: Visitor, statement_id: str, kind: str) -> Response:
    """Give one statement to keep: as a PDF to read, as a table, or as the signed-for words."""
    with db.reading() as session:
        seat, _performers = desk_of(session, visit)
        found = statements.statement_of(session, seat.organization.id, statement_id)
        clauses = statements.clauses_in_words(session, found) if kind == "pdf" else {}
    if kind == "pdf":
        content, media_type = paper.as_pdf(found, clauses), "application/pdf"
    elif kind == "csv":
        content, media_type = paper.as_csv(found).encode(), "text/csv; charset=utf-8"
    else:
        content, media_type, kind = found.document.encode(), "application/json", "json"
    name = {"Content-Disposition": f'attachment; filename="{found.id}.{kind}"'}
    return Response(content, 200, name, media_type=media_type)


def _ids(performers: list[Performer]) -> list[str]:
    return [each.id for each in performers]


def _brought(
    session: Session, performers: list[Performer], found: list[work.Shown]
) -> dict[str, list[tuple[str, int]]]:
    brought: dict[str, list[tuple[str, int]]] = {}
    for performer in performers:
        theirs = [each.generation.id for each in found if each.performer_id == performer.id]
        account = f"performer:{performer.id}:payable"
        brought |= earnings.by_output(session, account, theirs)
    return brought


def _charts(session: Session, performers: list[Performer]) -> list[dict[str, Any]]:
    """Make one chart for each performer and currency: the last twelve months, empty ones too."""
    months = _last_months()
    made = []
    for performer in performers:
        account = f"performer:{performer.id}:payable"
        first = clock.now().astimezone(UTC).replace(
            year=months[0][0], month=months[0][1], day=1, hour=0, minute=0, second=0, microsecond=0
        )  # fmt: skip
        found = earnings.by_month(session, account, since=first)
        owed = {
            currency: -minor
            for (_account, currency), minor in ledger.balances(session, account=account).items()
        }
        for currency in sorted({each.currency for each in found} | owed.keys()):
            sums = {
                (each.year, each.month): each.amount_minor
                for each in found
                if each.currency == currency
            }
            values = [
                (month(each), sums.get((year, each), 0), money(sums.get((year, each), 0), currency))
                for year, each in months
            ]  # fmt: skip
            made.append(
                {
                    "performer": performer,
                    "currency": currency,
                    "earned": sum(sums.values()),
                    "owed": owed.get(currency, 0),
                    "bars": chart.bars(values),
                    "months": list(zip(months, values, strict=True)),
                }
            )
    return made


def _last_months() -> list[tuple[int, int]]:
    """Return the last twelve months, this one included, oldest first."""
    now = clock.now().astimezone(UTC)
    count = now.year * 12 + now.month - 1
    found = (divmod(each, 12) for each in range(count - MONTHS + 1, count + 1))
    return [(year, month + 1) for year, month in found]
