"""Pages of notices: what I was told, where it is sent, and the link that confirms an address."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Response

from app import db, egress_mail
from app.access import may
from app.identity import people
from app.identity.api_edge import limited
from app.notices import contacts, service, words
from app.recovery import service as recovery
from app.web.pages import PageRoute, Posted, Visitor, page, see

router = APIRouter(include_in_schema=False, route_class=PageRoute)
PER_PAGE = 50
MailAddress = Annotated[str, Form(min_length=3, max_length=254)]


@router.get("/notices")
@may("person")
def show_notices(
    visit: Visitor, before: Annotated[str | None, Query(max_length=40)] = None
) -> Response:
    """List what this person and their organizations were told; having it here is evidence."""
    with db.writing() as session:  # that it was shown is put down
        person = visit.person(session)
        houses = {house.id: house for _, house in people.memberships_of(session, person.id)}
        found = service.notices_for(
            session, list(houses), person_id=person.id, before=before, limit=PER_PAGE
        )
        service.note_seen(session, found, person.id)
        deliveries = service.deliveries_of(session, found)
        shown: dict[str, Any] = {
            "notices": [
                {
                    "notice": each,
                    "says": words.sentence_of(each.kind),
                    "house": houses.get(each.organization_id or ""),
                    "path": words.path_of(
                        each.kind,
                        each.subject_id,
                        houses[each.organization_id].kind if each.organization_id else "",
                    ),
                    "deliveries": deliveries[each.id],
                }
                for each in found
            ],
            "contacts": [
                (each, contacts.address_of(each))
                for each in contacts.contacts_of(session, person.id)
            ],
            "mails": egress_mail.is_open(),
            "more": found[-1].id if len(found) == PER_PAGE else None,
        }
    return page(visit, "notices.html", here="/notices", **shown)


@router.post("/account/contacts")
@may("person")
def add_contact(visit: Posted, address: MailAddress) -> Response:
    """Send a link to a mail address; notices go there once it is opened."""
    with db.writing() as session:
        contacts.add_contact(session, visit.fresh(session), address.strip())
    return see("/notices")


@router.post("/account/contacts/{contact_id}/end")
@may("person")
def end_contact(visit: Posted, contact_id: str) -> Response:
    """Send nothing to an address any more."""
    with db.writing() as session:
        person = visit.fresh(session)
        for each in contacts.contacts_of(session, person.id):
            if each.id == contact_id:
                recovery.check_may_end(session, person.id, each.created_at)
        contacts.end_contact(session, person, contact_id)
    return see("/notices")


@router.get("/contacts/{link}", dependencies=[limited("lookups")])
@may("link")
def show_confirmation(visit: Visitor, link: str) -> Response:
    """Ask whoever opened the link in a mail whether notices may come there."""
    with db.reading() as session:
        contact = contacts.contact_behind(session, link)
    return page(visit, "contact.html", link=link, contact=contact)


@router.post("/contacts/{link}", dependencies=[limited("lookups")])
@may("link")
def confirm(visit: Posted, link: str) -> Response:
    """Confirm the address; nobody is signed in by it."""
    with db.writing() as session:
        contact = contacts.confirm(session, link)
    return page(visit, "contact.html", link=link, contact=contact)
