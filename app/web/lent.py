"""The page of somebody who has no account here: what they agreed to lend, and how to take it back.

Whoever holds the link may: it was made for the one person, and all it can do is stop.
"""

from fastapi import APIRouter, Response
from sqlmodel import Session

from app import db
from app.access import may
from app.gateway.materials import consents
from app.identity.api_edge import limited
from app.identity.models import Organization
from app.web.pages import PageRoute, Posted, Visit, Visitor, page

router = APIRouter(include_in_schema=False, route_class=PageRoute)
STRANGERS = [limited("lookups")]


@router.get("/lent/{link}", dependencies=STRANGERS)
@may("link")
def show_lent(visit: Visitor, link: str) -> Response:
    """Show what was lent, to whom; a program that opens every link takes nothing back."""
    with db.reading() as session:
        return _shown(session, visit, link)


@router.post("/lent/{link}", dependencies=STRANGERS)
@may("link")
def take_back(visit: Posted, link: str) -> Response:
    """Take it back, for good: nothing that uses it is released from this commit on."""
    with db.writing() as session:
        consents.withdraw_by_link(session, link)
        return _shown(session, visit, link)


def _shown(session: Session, visit: Visit, link: str) -> Response:
    consent, material, said = consents.behind(session, link)
    return page(
        visit,
        "lent.html",
        link=link,
        consent=consent,
        said=said,
        driven=material.role == "driving",
        house=session.get_one(Organization, material.organization_id).name,
        gone=material.deleted_at is not None,
    )
