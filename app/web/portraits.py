"""The portrait of a performer in the catalogue: chosen by them, shown to productions, put away."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Response

from app import db
from app.access import may
from app.errors import NotFound
from app.language import _
from app.recovery import service as recovery
from app.registry import listing, portraits
from app.registry import service as registry
from app.sandbox import private_directory
from app.web.pages import PageRoute, Posted, Visitor, see
from app.web.performer import desk_of
from app.web.seats import acting_seat, principal_of, seat_of

router = APIRouter(include_in_schema=False, route_class=PageRoute)
PerformerId = Annotated[str, Form(max_length=40)]


class PortraitNotShown(NotFound):
    """No portrait is shown here: nobody chose to, or not any more."""

    code = "portrait-not-shown"


@router.post("/performer/catalogue/portrait")
@may("desk")
def choose_portrait(
    visit: Posted, performer_id: PerformerId, shown: Annotated[bool, Form()] = False
) -> Response:
    """Show a still of my portrait in the catalogue, or put it away at once."""
    if shown:
        with private_directory() as directory:
            picture = directory / "portrait"
            with db.writing() as session:
                recovery.check_may_bind(session, visit.person(session).id)
                house = acting_seat(session, visit, "performer").organization.id
                performer = registry.performer_in_place(session, house, performer_id)
                portraits.take_out(session, performer, picture)
            still = portraits.make_still(picture)
    with db.writing() as session:
        seat = acting_seat(session, visit, "performer")
        performer = registry.performer_in_place(
            session, seat.organization.id, performer_id, stops=not shown
        )
        if shown:
            listing.show_portrait(session, performer, still, by=principal_of(session, seat))
        else:
            listing.hide_portrait(session, performer)
    return see(f"/performer/catalogue?of={performer_id}")


@router.get("/performer/catalogue/portrait")
@may("desk")
def show_own(visit: Visitor, of: Annotated[str, Query(max_length=40)]) -> Response:
    """Show a performer what productions are shown of them."""
    with db.writing() as session:
        seat, performers = desk_of(session, visit)
        chosen = next((listing.listing_of(session, p.id) for p in performers if p.id == of), None)
        if chosen is None or chosen.portrait_object_id is None:
            raise PortraitNotShown(_("productions are shown no portrait of yours"))
        still = portraits.open_still(
            session, chosen.portrait_object_id, viewer_id=seat.organization.id
        )
    return Response(still, media_type="image/jpeg")


@router.get("/production/catalogue/{performer_id}/portrait")
@may("office")
def show_portrait(visit: Visitor, performer_id: str) -> Response:
    """Show a production the still that somebody of the catalogue lets be shown, and keep that."""
    with db.writing() as session:
        seat = seat_of(session, visit, "production")
        found = listing.listed_performer(session, performer_id)
        if found is None or found[1].portrait_object_id is None:
            raise PortraitNotShown(
                _("no portrait is shown of whoever has the id %(id)s", id=performer_id[:64])
            )
        still = portraits.open_still(
            session, found[1].portrait_object_id, viewer_id=seat.organization.id
        )
    return Response(still, media_type="image/jpeg")
