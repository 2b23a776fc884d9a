"""The postman: takes what waits, hands it over outside any transaction, and keeps what was said.

A delivery is claimed for a while, sent, and settled, each by a commit of its own. Whoever is killed
in between leaves a claim that runs out: the mail is sent again under the same message id. At least
once, never twice to a reader whose program knows a message by its id.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from email import policy
from email.parser import BytesParser

import structlog
from sqlmodel import Session, col, select

from app import clock, db, egress_mail
from app.config import settings
from app.egress_mail import Mail, MailFailed, MailRefused
from app.identity.models import Organization
from app.notices import contacts, links, service, words
from app.notices.models import Contact, Notice, NoticeDelivery

BACKOFF = tuple(
    timedelta(minutes=each) for each in (1, 5, 15, 60, 240, 720)
)  # after the last one it has failed
CLAIMED_FOR = timedelta(minutes=1)  # longer than a server may take to answer
AT_ONCE = 20
logger = structlog.get_logger()

# (to, subject, text, message_id) handed over: returns the other side's answer. Raises MailRefused
# for good, MailFailed for now. SMS and push are put in here by whoever operates them.
Carrier = Callable[[Mail], str]
CARRIERS: Mapping[str, Carrier | None] = {"email": egress_mail.send, "sms": None, "push": None}


def send_waiting() -> int:
    """Send what is due; return how many were handed over. For a thread that may wait."""
    with db.reading() as session:
        due = session.exec(
            select(NoticeDelivery.id)
            .where(NoticeDelivery.state == "waiting", NoticeDelivery.next_at <= clock.now())
            .order_by(col(NoticeDelivery.next_at))
            .limit(AT_ONCE)
        ).all()
    return sum(_send(delivery_id) for delivery_id in due)


def _send(delivery_id: str) -> bool:
    # 1. Claim it, so that no other worker sends it meanwhile.
    with db.writing() as session:
        claimed = _claim(session, delivery_id)
    if claimed is None:
        return False
    channel, mail = claimed
    # 2. Hand it over, outside any transaction.
    carrier = CARRIERS[channel]
    try:
        if carrier is None:
            raise MailRefused(f"nobody carries {channel} here")
        reply, ended = carrier(mail), "sent"
    except MailRefused as refusal:
        reply, ended = refusal.detail, "failed"
    except MailFailed as failure:
        reply, ended = failure.detail, "waiting"
    # 3. Keep what was said.
    with db.writing() as session:
        delivery = session.get_one(NoticeDelivery, delivery_id, with_for_update=True)
        if delivery.state == "waiting":
            _settle(session, delivery, ended, reply)
    return ended == "sent"


def _claim(session: Session, delivery_id: str) -> tuple[str, Mail] | None:
    delivery = session.get(NoticeDelivery, delivery_id, with_for_update=True)
    if delivery is None or delivery.state != "waiting" or delivery.next_at > clock.now():
        return None
    contact = session.get_one(Contact, delivery.contact_id)
    notice = session.get_one(Notice, delivery.notice_id)
    if contact.ended_at is not None:
        _settle(session, delivery, "failed", "the address was taken away")
        return None
    delivery.attempts += 1
    delivery.next_at = clock.now() + CLAIMED_FOR
    session.add(delivery)
    session.flush()
    text = _text(session, notice, contact)
    return contact.channel, Mail(
        contacts.address_of(contact), words.SUBJECT, text, delivery.message_id
    )


def _text(session: Session, notice: Notice, contact: Contact) -> str:
    if notice.kind == contacts.CONFIRMS:
        return words.confirmation_of(contacts.link_of(contact))
    house = None
    if notice.organization_id is not None:
        house = session.get_one(Organization, notice.organization_id).kind
    stop = ""
    if house in ("performer", "agency"):
        stop = f"{settings().origin}/pause/{links.sealed('pause', contact.id)}"
    return words.mail_of(notice.kind, page=f"{settings().origin}/notices", stop=stop)


def _settle(session: Session, delivery: NoticeDelivery, ended: str, reply: str) -> None:
    if ended == "waiting":
        if delivery.attempts > len(BACKOFF):
            ended = "failed"
        else:
            delivery.next_at = clock.now() + BACKOFF[delivery.attempts - 1]
    delivery.state, delivery.reply = ended, reply[: egress_mail.REPLY_CHARS]
    delivery.settled_at = None if ended == "waiting" else clock.now()
    session.add(delivery)
    session.flush()
    logger.info("notice-delivery", delivery=delivery.id, state=ended, attempts=delivery.attempts)
    if ended == "failed":
        alarm(session, session.get_one(Notice, delivery.notice_id))


def alarm(session: Session, notice: Notice) -> Notice | None:
    """Tell who waits for an answer that their question reached nobody; once for each notice.

    Nothing where something proves that it arrived, or is still on its way elsewhere.
    """
    if notice.alarms_id is None or service.reached(session, [notice])[notice.id]:
        return None
    ways = service.deliveries_of(session, [notice])[notice.id]
    if any(delivery.state == "waiting" for delivery, _ in ways):
        return None
    return service.tell(
        session,
        "notice-failed",
        notice.subject_id,
        organization_id=notice.alarms_id,
        due_at=notice.due_at,
        once=f"failed:{notice.id}",
    )


def take_bounce(session: Session, report: bytes) -> NoticeDelivery | None:
    """Take a report of non-delivery (RFC 3464) that came to UNDERSTUDY_MAIL_FROM.

    The mail it names counts as failed, whatever its server had said. None for what is no such
    report, or of no mail of ours: the message id is known only to who had the mail.
    """
    said = BytesParser(policy=policy.default).parsebytes(report)
    if said.get_content_type() != "multipart/report":
        return None
    parts = {part.get_content_type(): part for part in said.walk()}
    status, returned = parts.get("message/delivery-status"), None
    for kind in ("message/rfc822", "text/rfc822-headers"):
        returned = returned or parts.get(kind)
    if status is None or returned is None or "action: failed" not in str(status).lower():
        return None
    ids = [str(part["Message-ID"]).strip() for part in returned.walk() if part["Message-ID"]]
    if returned.get_content_type() == "text/rfc822-headers":
        ids += [
            line.partition(":")[2].strip()
            for line in str(returned.get_payload()).splitlines()
            if line.lower().startswith("message-id:")
        ]
    found = session.exec(
        select(NoticeDelivery).where(col(NoticeDelivery.message_id).in_(ids)).with_for_update()
    ).first()
    if found is not None and found.state != "failed":
        _settle(session, found, "failed", "it came back: the reader's server could not deliver it")
    return found
