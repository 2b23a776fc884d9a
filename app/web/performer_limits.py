"""What a performer never does, is asked about, or allows: one grid, tried out before it counts."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from pydantic import ValidationError
from sqlmodel import Session

from app import db
from app.access import may
from app.language import _, marked
from app.licensing.boundaries import service as boundaries
from app.licensing.contracts import listing
from app.licensing.document.limits import Limits
from app.licensing.standing import service as standing
from app.licensing.words.plain_words import WORDS
from app.problems import InvalidRequest
from app.registry.models import Performer
from app.web.pages import PageRoute, Posted, Visit, Visitor, page, see
from app.web.performer import desk_of, nobody_enrolled
from app.web.seats import acting_seat, principal_of

router = APIRouter(prefix="/performer/limits", include_in_schema=False, route_class=PageRoute)
LEVELS = ("never", "ask", "allowed")
ROWS: Mapping[str, tuple[str, ...]] = {
    "purposes": (
        "film_scene",
        "trailer",
        "advertising",
        "videogame_dialogue",
        "dubbing",
        "documentary_scene",
        "political_campaign",
        "*",
    ),
    "content": (
        "nudity",
        "simulated_sex",
        "sexually_explicit",
        "graphic_violence",
        "political_endorsement",
        "religious_endorsement",
        "product_endorsement",
        "smoking",
        "drug_use",
        "criminal_act",
        "hate_speech",
        "medical_advice",
    ),
    "territories": ("EU", "NORTH_AMERICA", "WORLD"),
}
NAMED = {
    **WORDS,
    "*": marked("anything else"),
    "political_campaign": marked("political campaigns"),
    "EU": marked("in the European Union"),
    "NORTH_AMERICA": marked("in North America"),
    "WORLD": marked("anywhere else"),
    "training": marked("teach AI models how I look and sound"),
}
HEADINGS = {
    "purposes": marked("What it may be for"),
    "content": marked("What it may show"),
    "territories": marked("Where it may be shown"),
}


async def _chosen(request: Request) -> dict[str, str]:
    """Read the grid as it was sent: `kind/name` to a level."""
    form = await request.form()
    return {
        name: str(value)
        for name, value in form.items()
        if name.partition("/")[0] in (*ROWS, "training")
    }


Chosen = Annotated[dict[str, str], Depends(_chosen)]


@router.get("")
@may("desk")
def show_limits(
    visit: Visitor, of: Annotated[str | None, Query(max_length=40)] = None, saved: bool = False
) -> Response:
    """Show the grid as it stands."""
    with db.reading() as session:
        _, performer = _performer(session, visit, of)
        stands = boundaries.current(session, performer.id)
        levels = {} if stands is None else _flat(boundaries.limits_of(stands))
        return _grid(visit, performer, levels, number=stands.number if stands else 0, saved=saved)


@router.post("")
@may("desk")
def set_or_try(
    visit: Posted,
    chosen: Chosen,
    of: Annotated[str, Form(max_length=40)] = "",
    do: Annotated[str, Form(max_length=10)] = "try",
) -> Response:
    """Say what the grid would do to today's contracts; or make it count from now on."""
    limits = _limits(chosen)
    if do != "save":
        with db.reading() as session:
            _, performer = _performer(session, visit, of or None)
            return _tried(session, visit, performer, limits)
    with db.writing() as session:
        seat = acting_seat(session, visit, "performer")
        _, performer = _performer(session, visit, of or None)
        stands = boundaries.current(session, performer.id)
        boundaries.set_boundaries(
            session,
            performer,
            limits,
            published=stands is not None and stands.published,
            by=principal_of(session, seat),
        )
    return see("/performer/limits?saved=true")


def _performer(session: Session, visit: Visit, of: str | None) -> tuple[Any, Performer]:
    seat, performers = desk_of(session, visit)
    found = [each for each in performers if of in (None, each.id)]
    if not found:
        raise nobody_enrolled(seat)
    return seat, found[0]


def _tried(session: Session, visit: Visit, performer: Performer, limits: Limits) -> Response:
    crossing, _ = boundaries.consequences(session, performer, limits, before=None, limit=200)
    offers = standing.crossing_offers(session, performer, limits, limit=200)
    contracts = [contract for contract, _ in crossing]
    return _grid(
        visit,
        performer,
        _flat(limits),
        tried=True,
        crossing=[(each, listing.state_now(each), found) for each, found in crossing],
        offers=offers,
        names=listing.licensees_of(session, contracts),
    )


def _grid(visit: Visit, performer: Performer, levels: Mapping[str, str], **more: Any) -> Response:
    rows = [
        (HEADINGS[kind], [(f"{kind}/{name}", NAMED.get(name, name.replace("_", " ")))
                          for name in _names(kind, levels)])
        for kind in ROWS
    ]  # fmt: skip
    rows.append(("Training", [("training", NAMED["training"])]))
    shown: dict[str, Any] = {
        "tried": False,
        "saved": False,
        "number": 0,
        "crossing": [],
        "offers": [],
        "names": {},
        **more,
    }
    return page(
        visit,
        "performer_limits.html",
        here="/performer/limits",
        performer=performer,
        rows=rows,
        chosen={**levels},
        levels=LEVELS,
        **shown,
    )


def _names(kind: str, levels: Mapping[str, str]) -> list[str]:
    """Name the rows of one kind: those everybody has, and what this performer named besides."""
    own = [name.partition("/")[2] for name in levels if name.startswith(f"{kind}/")]
    return list(dict.fromkeys((*ROWS[kind], *own)))


def _flat(limits: Limits) -> dict[str, str]:
    said = {
        f"{kind}/{name}": level for kind in ROWS for name, level in getattr(limits, kind).items()
    }
    return {**said, "training": limits.training}


def _limits(chosen: Mapping[str, str]) -> Limits:
    """Read the grid as limits. Raises InvalidRequest for what no grid of ours sends."""
    document: dict[str, Any] = {"v": 1, "training": chosen.get("training", "never")}
    for kind in ROWS:
        document[kind] = {
            name.partition("/")[2]: level
            for name, level in chosen.items()
            if name.startswith(f"{kind}/")
        }
    try:
        return Limits.model_validate(document)
    except ValidationError:
        raise InvalidRequest(_("this is no grid of ours; load the page again")) from None
