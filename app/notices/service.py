"""Tell an organization or a person something: written in the transaction of what it tells."""

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import clock, egress_mail
from app.identity.models_people import Membership
from app.notices import words
from app.notices.models import Contact, Notice, NoticeDelivery, NoticeSeen

READS_ONLY = "auditor"  # is not told: looks when there is reason to


def tell(
    session: Session,
    kind: str,
    subject_id: str,
    *,
    organization_id: str | None = None,
    person_id: str | None = None,
    alarms_id: str | None = None,
    due_at: datetime | None = None,
    once: str | None = None,
) -> Notice | None:
    """Tell everybody of an organization, or one person, on every verified channel and at /notices.

    Where it reaches nobody, `alarms_id` is told so. None where `once` was said before. What is sent
    is sent after the caller's commit; a transaction that rolls back tells nothing.
    """
    words.sentence_of(kind)  # a kind without words is a defect, found where it is told
    if once is not None and session.exec(select(Notice.id).where(Notice.once == once)).first():
        return None
    notice = Notice(
        kind=kind,
        subject_id=subject_id,
        organization_id=organization_id,
        person_id=person_id,
        alarms_id=alarms_id if alarms_id != organization_id else None,
        due_at=due_at,
        once=once,
    )
    session.add(notice)
    session.flush()
    session.add_all(
        NoticeDelivery(
            notice_id=notice.id, contact_id=contact.id, message_id=egress_mail.new_message_id()
        )
        for contact in _contacts(session, notice)
    )
    session.flush()
    return notice


def tell_others(
    session: Session, kind: str, subject_id: str, *, to: Collection[str | None], by: str
) -> None:
    """Tell each of some organizations but the one that acted."""
    for organization_id in sorted({each for each in to if each not in (None, by)}, key=str):
        tell(session, kind, subject_id, organization_id=organization_id, alarms_id=by)


def was_said(once: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Return the condition that a notice was written under this `once`, to be said in a query."""
    return sa.exists().where(col(Notice.once) == once)


def notices_for(
    session: Session,
    organization_ids: Collection[str],
    *,
    person_id: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> Sequence[Notice]:
    """List what these organizations, and this person, were told, newest first."""
    to: list[sa.ColumnElement[bool]] = [
        col(Notice.organization_id) == each for each in organization_ids
    ]
    if person_id is not None:
        to.append(col(Notice.person_id) == person_id)
    # The newest of each, and of those the newest: none of them is read to its end.
    newest = [sa.select(col(Notice.id)).where(each) for each in to]
    if before is not None:
        newest = [each.where(col(Notice.id) < before) for each in newest]
    pages = [each.order_by(col(Notice.id).desc()).limit(limit).subquery() for each in newest]
    if not pages:
        return []
    ids = sa.union_all(*(sa.select(each.c.id) for each in pages))
    page = select(Notice).where(col(Notice.id).in_(ids))
    return session.exec(page.order_by(col(Notice.id).desc()).limit(limit)).all()


def deliveries_of(
    session: Session, notices: Sequence[Notice]
) -> dict[str, list[tuple[NoticeDelivery, str]]]:
    """Return how each notice is on its way, with its channel; by the notice's id."""
    found: dict[str, list[tuple[NoticeDelivery, str]]] = {each.id: [] for each in notices}
    rows = session.exec(
        select(NoticeDelivery, Contact.channel)
        .join(Contact, col(Contact.id) == col(NoticeDelivery.contact_id))
        .where(col(NoticeDelivery.notice_id).in_(found))
        .order_by(col(NoticeDelivery.id))
    )
    for delivery, channel in rows:
        found[delivery.notice_id].append((delivery, channel))
    return found


def seen_of(session: Session, notices: Sequence[Notice]) -> dict[str, list[NoticeSeen]]:
    """Return who had each notice on their page; by the notice's id."""
    found: dict[str, list[NoticeSeen]] = {each.id: [] for each in notices}
    rows = session.exec(
        select(NoticeSeen)
        .where(col(NoticeSeen.notice_id).in_(found))
        .order_by(col(NoticeSeen.seen_at), col(NoticeSeen.person_id))
    )
    for each in rows:
        found[each.notice_id].append(each)
    return found


def note_seen(session: Session, notices: Sequence[Notice], person_id: str) -> None:
    """Put down that a person has these on their page now; the first time counts."""
    seen = {
        notice_id
        for notice_id, rows in seen_of(session, notices).items()
        if any(each.person_id == person_id for each in rows)
    }
    session.add_all(
        NoticeSeen(notice_id=each.id, person_id=person_id, seen_at=clock.now())
        for each in notices
        if each.id not in seen
    )
    session.flush()


def reached(session: Session, notices: Sequence[Notice]) -> dict[str, list[str]]:
    """Return what proves of each notice that it arrived; nothing where nothing does.

    A mail server's answer to the whole mail, or a person who had it on their page. A mail that is
    on its way, was refused or came back proves nothing.
    """
    deliveries, seen = deliveries_of(session, notices), seen_of(session, notices)
    return {
        each.id: [
            *(
                f"{channel} {delivery.settled_at:%Y-%m-%dT%H:%M:%SZ}: {delivery.reply}"
                for delivery, channel in deliveries[each.id]
                if delivery.state == "sent"
            ),
            *(f"in-app {row.seen_at:%Y-%m-%dT%H:%M:%SZ}" for row in seen[each.id]),
        ]
        for each in notices
    }


def _contacts(session: Session, notice: Notice) -> Sequence[Contact]:
    standing = select(Contact).where(
        col(Contact.verified_at).is_not(None), col(Contact.ended_at).is_(None)
    )
    if notice.person_id is not None:
        theirs = standing.where(Contact.person_id == notice.person_id)
    else:
        theirs = standing.join(
            Membership, col(Membership.person_id) == col(Contact.person_id)
        ).where(
            Membership.organization_id == notice.organization_id,
            col(Membership.ended_at).is_(None),
            Membership.role != READS_ONLY,
        )
    return session.exec(theirs.distinct().order_by(col(Contact.id))).all()
