"""By which clock a page goes: the one a person chose, kept with them; and that of a contract."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Form, Response
from sqlmodel import Session, col, select

from app import db
from app.access import may
from app.gateway.models import GenerationReplica
from app.identity import people
from app.language import _, marked, place, zones
from app.licensing.contracts.models import Contract
from app.licensing.document import contract as documents
from app.web.pages import HERE, PageRoute, Posted, see

router = APIRouter(include_in_schema=False, route_class=PageRoute)
PARTS = {
    "Africa": marked("Africa"),
    "America": marked("America"),
    "Antarctica": marked("Antarctica"),
    "Arctic": marked("Arctic"),
    "Asia": marked("Asia"),
    "Atlantic": marked("Atlantic"),
    "Australia": marked("Australia"),
    "Europe": marked("Europe"),
    "Indian": marked("Indian Ocean"),
    "Pacific": marked("Pacific"),
}


@router.get("/static/zone.js")
@may("anyone", at_any_time=True)
def show_script() -> Response:
    """Give the script that tells by which clock a browser goes, in a cookie."""
    text = (HERE / "static" / "zone.js").read_text("utf-8")
    headers = {"Cache-Control": "public, max-age=3600"}
    return Response(text, media_type="text/javascript", headers=headers)


@router.post("/account/zone")
@may("person")
def choose_zone(visit: Posted, zone: Annotated[str, Form(max_length=64)] = "") -> Response:
    """Keep by whose clock this person reads from now on; empty: by their browser's."""
    with db.writing() as session:
        people.choose_zone(session, visit.person(session), zone)
    return see("/account")


def choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """List all zones for a form: (part of the world, [(zone, its place)]), as the reader sorts."""
    kept = {name: place(name) for name in set(zones().values())}
    return [
        (
            _(words),
            sorted(
                ((name, said) for name, said in kept.items() if name.startswith(f"{part}/")),
                key=lambda each: each[1],
            ),
        )
        for part, words in PARTS.items()
    ]


def clock_of(contract: Contract) -> str:
    """Return the zone a contract goes by, to stand `beside` the reader's."""
    return documents.recorded(contract.document.encode()).grant.term.tz


def clocks_of(session: Session, contract_ids: Collection[str]) -> dict[str, str]:
    """Return by which zone each of these contracts goes, with one question."""
    found = session.exec(select(Contract).where(col(Contract.id).in_(contract_ids)))
    return {each.id: clock_of(each) for each in found}


def clocks_of_series(session: Session, series_ids: Collection[str]) -> dict[str, str]:
    """Return by which zone each of these contracts goes, with one question.

    That of its newest executed document, else of its newest; none where that cannot be read: one
    document that was tampered with does not take a whole list down.
    """
    theirs = select(Contract).where(col(Contract.series_id).in_(series_ids))
    ordered = theirs.order_by(col(Contract.executed_at).is_not(None), col(Contract.version))
    found = {each.series_id: each for each in session.exec(ordered)}  # the last one stays
    return _legible(found)


def clocks_of_outputs(session: Session, generation_ids: Collection[str]) -> dict[str, str]:
    """Return by which zone the contract of each of these outputs goes, with one question.

    Where several performers are in one, that of the contract that was made first; none where its
    document cannot be read.
    """
    under = (
        select(GenerationReplica.generation_id, Contract)
        .join(Contract, col(Contract.id) == col(GenerationReplica.contract_id))
        .where(col(GenerationReplica.generation_id).in_(generation_ids))
        .order_by(col(Contract.id).desc())  # the last one stays
    )
    return _legible(dict(session.exec(under).all()))


def _legible(contracts: Mapping[str, Contract]) -> dict[str, str]:
    """Return the zones of those whose document can be read."""
    found = {}
    for key, contract in contracts.items():
        with suppress(documents.DocumentRefused):
            found[key] = clock_of(contract)
    return found
