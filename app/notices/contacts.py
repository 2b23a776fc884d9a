"""Addresses of people: added by whoever is signed in, used once confirmed by a link."""

import re
from collections.abc import Sequence
from datetime import timedelta

from sqlmodel import Session, col, select

from app import clock, egress_mail, vault_text
from app.config import settings
from app.identity.models_people import Person
from app.notices import links, service
from app.notices.errors import ContactNotFound, ContactRefused
from app.notices.models import Contact, Notice, NoticeDelivery

CONFIRM_WITHIN = timedelta(days=7)
MOST = 5  # of one person, that stand or wait
CONFIRMS = "contact-confirmation"  # not a notice: the one mail to an address nobody confirmed
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,180}\.[A-Za-z]{2,24}")


def add_contact(session: Session, person: Person, address: str) -> Contact:
    """Keep a mail address, sealed, and send it a link; no notice goes there until it is opened.

    Those that stand are told. Raises ContactRefused.
    """
    if not egress_mail.is_open():
        raise ContactRefused(
            "this installation sends no mail: its operator has named no server. Notices stand on "
            "your page of notices"
        )
    if not ADDRESS.fullmatch(address):
        raise ContactRefused("that is no mail address of plain letters; look at it again")
    theirs = contacts_of(session, person.id)
    if any(address_of(each) == address for each in theirs):
        raise ContactRefused("that address is on your list; open the link that was sent to it")
    if len(theirs) >= MOST:
        raise ContactRefused(f"you have {MOST} addresses; take one away first")
    service.tell(session, "contact-added", person.id, person_id=person.id)
    contact = Contact(person_id=person.id, channel="email", sealed="")
    contact.sealed = vault_text.seal_text(person.id, contact.channel, address)
    session.add(contact)
    session.flush()
    _send_link(session, contact)
    return contact


def contacts_of(session: Session, person_id: str) -> Sequence[Contact]:
    """List the addresses of a person that stand, or wait to be confirmed; oldest first."""
    found = session.exec(
        select(Contact)
        .where(Contact.person_id == person_id, col(Contact.ended_at).is_(None))
        .order_by(col(Contact.id))
    )
    return [each for each in found if each.stands or _may_confirm(each)]


def address_of(contact: Contact) -> str:
    """Open an address."""
    return vault_text.open_text(contact.person_id, contact.channel, contact.sealed)


def contact_behind(session: Session, link: str, *, lock: bool = False) -> Contact:
    """Return the address a link was sent to, while it may be confirmed. Raises ContactNotFound."""
    id_ = links.opened("confirm", link)
    found = None if id_ is None else session.get(Contact, id_, with_for_update=lock)
    if found is None or found.ended_at is not None or not (found.stands or _may_confirm(found)):
        raise ContactNotFound("this link is too old or unknown; add the address once more")
    return found


def confirm(session: Session, link: str) -> Contact:
    """Confirm an address: who holds the link reads its mail. Harmless to repeat."""
    contact = contact_behind(session, link, lock=True)
    contact.verified_at = contact.verified_at or clock.now()
    session.add(contact)
    session.flush()
    return contact


def end_contact(session: Session, person: Person, contact_id: str) -> None:
    """Send nothing there any more, and tell the others so. Raises ContactNotFound."""
    contact = session.get(Contact, contact_id, with_for_update=True)
    if contact is None or contact.person_id != person.id or contact.ended_at is not None:
        raise ContactNotFound("you have no such address")
    if contact.stands:
        service.tell(session, "contact-ended", person.id, person_id=person.id)
    contact.ended_at = clock.now()
    session.add(contact)
    session.flush()


def link_of(contact: Contact) -> str:
    """Return the address at which a mail address is confirmed."""
    return f"{settings().origin}/contacts/{links.sealed('confirm', contact.id)}"


def _may_confirm(contact: Contact) -> bool:
    until = contact.created_at + CONFIRM_WITHIN
    return clock.has_been(contact.created_at) and clock.now() < until


def _send_link(session: Session, contact: Contact) -> None:
    asked = Notice(kind=CONFIRMS, subject_id=contact.id, person_id=contact.person_id)
    session.add(asked)
    session.flush()
    session.add(
        NoticeDelivery(
            notice_id=asked.id, contact_id=contact.id, message_id=egress_mail.new_message_id()
        )
    )
    session.flush()
