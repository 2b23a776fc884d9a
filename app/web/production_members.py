"""Who is what in a production: listed to its members, and changed by its administrators."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Response

from app import db
from app.access import may
from app.identity import people
from app.identity.models_people import ROLES
from app.recovery import service as recovery
from app.web.pages import PageRoute, Posted, Visitor, page, see
from app.web.seats import seat_of

router = APIRouter(prefix="/production", include_in_schema=False, route_class=PageRoute)
PER_PAGE = 20
HERE = "/production/members"


@router.get("/members")
@may("office")
def show_members(
    visit: Visitor,
    of: Annotated[Literal["members", "invitations"], Query()] = "members",
    after: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """List who is what here; to an administrator, open invitations and what may be changed too.

    `of` names the one list that goes on behind `after`.
    """
    with db.reading() as session:
        seat = seat_of(session, visit, "production")
        house = seat.organization.id
        behind = {of: after}
        found = people.members_in(session, house, after=behind.get("members", ""), limit=PER_PAGE)
        open_ = (
            people.open_invitations(
                session, seat.person, house, after=behind.get("invitations", ""), limit=PER_PAGE
            )
            if seat.membership.is_admin
            else []
        )
        shown: dict[str, Any] = {
            "seat": seat,
            "members": found,
            "invitations": open_,
            "more_invitations": open_[-1].id if len(open_) == PER_PAGE else None,
            "roles": ROLES["production"][::-1],  # first what may least
            "more": found[-1][0].id if len(found) == PER_PAGE else None,
        }
    return page(visit, "production_members.html", here=HERE, **shown)


@router.post("/members/{membership_id}/role")
@may("administrator")
def change_role(
    visit: Posted,
    membership_id: str,
    role: Annotated[str, Form(max_length=40)],
    is_admin: Annotated[bool, Form()] = False,
) -> Response:
    """Make a member something else from now on. Wants a passkey used minutes ago."""
    with db.writing() as session:
        person = visit.fresh(session)
        recovery.check_may_bind(session, person.id)
        people.change_role(session, person, membership_id, role=role, is_admin=is_admin)
    return see(HERE)
