"""How far it is proven who a performer is: what stands, and a live check of their face."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from sqlmodel import Session

from app import clock, db, vault
from app.access import may
from app.identity.api_edge import limited
from app.identity.models import Organization
from app.language import _
from app.recovery import service as recovery
from app.registry import identities, live
from app.registry import service as registry
from app.registry.errors import LiveCheckNotFound
from app.registry.models import Performer
from app.registry.models_live import LiveCheck
from app.registry.poses import Still
from app.web.live import answer_live_check, show_live_check
from app.web.pages import PageRoute, Posted, Visit, Visitor, page, see
from app.web.performer import desk_of
from app.web.seats import acting_seat, principal_of

router = APIRouter(prefix="/performer/identity", include_in_schema=False, route_class=PageRoute)
HERE = "/performer/identity"


@router.get("")
@may("desk")
def show_identity(visit: Visitor) -> Response:
    """Say what is proven of each performer of the house, by whom, until when."""
    with db.reading() as session:
        seat, performers = desk_of(session, visit)
        living = [each for each in performers if not vault.is_erased(session, each.id)]
        shown = [(each, _proofs(session, each)) for each in living]
    return page(visit, "performer_identity.html", here=HERE, seat=seat, shown=shown)


def _proofs(session: Session, performer: Performer) -> list[dict[str, Any]]:
    found = identities.standing(session, performer.id, clock.now())
    return [
        {
            "level": each.level,
            "ends_at": each.ends_at,
            "by": each.organization_id and session.get_one(Organization, each.organization_id).name,
        }
        for each in found
    ]


@router.post("/checks")
@may("desk")
def begin_check(visit: Posted, performer_id: Annotated[str, Form(max_length=40)]) -> Response:
    """Ask for poses in a new order, five times a day. Wants a passkey used minutes ago."""
    with db.writing() as session:
        recovery.check_may_bind(session, visit.fresh(session).id)
        seat = acting_seat(session, visit, "performer")
        performer = registry.performer_of(
            session, seat.organization.id, performer_id, themselves=True
        )
        check = live.begin(session, performer, by=principal_of(session, seat))
    return see(f"{HERE}/checks/{check.id}")


@router.get("/checks/{live_check_id}")
@may("desk")
def show_check(visit: Visitor, live_check_id: str) -> Response:
    """Ask for a still of each pose, or say how it ended."""
    with db.reading() as session:
        check = _check_of(session, visit, live_check_id)
    return show_live_check(visit, check, HERE)


@router.post("/checks/{live_check_id}", dependencies=[limited("files")])
@may("desk")
async def answer_check(request: Request, visit: Visitor, live_check_id: str) -> Response:
    """Compare the stills with the portrait, and throw them away."""
    return await answer_live_check(
        request, visit, _CheckOfTheirs(visit, live_check_id), f"{HERE}/checks/{live_check_id}"
    )


@dataclass(frozen=True)
class _CheckOfTheirs:
    """A live check of whoever is signed in."""

    visit: Visit
    check_id: str

    def check(self, session: Session) -> LiveCheck:
        acting_seat(session, self.visit, "performer")
        return _check_of(session, self.visit, self.check_id)

    def keep(self, session: Session, seen: list[Still], sha256s: list[bytes], at: datetime) -> None:
        live.answer(session, self.check(session), seen, sha256s, at=at)


def _check_of(session: Session, visit: Visit, check_id: str) -> LiveCheck:
    _seat, performers = desk_of(session, visit)
    check = session.get(LiveCheck, check_id)
    mine = {each.id for each in performers}
    if check is None or check.recovery_id is not None or check.performer_id not in mine:
        raise LiveCheckNotFound(_("no live check of yours has the id %(id)s", id=check_id[:64]))
    return check
