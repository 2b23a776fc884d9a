"""The operator's page: what works, what waits, what needs a person, and when keys end.

What is done here goes through the services of the command line, and is put down under the
operator's id.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, NamedTuple

import sqlalchemy as sa
from fastapi import APIRouter, Form, Query, Response
from sqlmodel import Session, col, select

from app import clock, db, trail
from app.access import may
from app.config import settings
from app.gateway import buying, vendor_copies
from app.gateway.models import UNDER_WAY, Generation
from app.gateway.models_vendor_jobs import VendorJob
from app.gateway.models_webhooks import WebhookDelivery
from app.gateway.reviews import service as reviews
from app.heartbeat import WorkerBeat
from app.identity import api_keys, operators, people
from app.identity.errors import NotAllowed
from app.identity.models import OPERATORS
from app.identity.models_people import Person
from app.language import _, ngettext
from app.licensing.decisions import rulebook
from app.licensing.decisions.models_policies import PolicyPublication
from app.notices.models import NoticeDelivery
from app.provenance import certificate_files
from app.recovery import service as recovery
from app.registry import resemblance
from app.transparency.models import LogOutbox
from app.web.pages import PageRoute, Posted, Visit, Visitor, page, see
from app.web.public import parts

router = APIRouter(prefix="/operator", include_in_schema=False, route_class=PageRoute)
MOST = 25  # lines of each list on a page; the command line lists all
SOON_DAYS = 60


@router.get("")
@may("operator")
def show_installation(
    visit: Visitor,
    of: Annotated[str, Query(max_length=20)] = "",
    after: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """Show what works, what waits, what needs a person, keys and their ends, and the rules.

    `of` names the one list that goes on behind `after`.
    """
    with db.reading() as session:
        insist_operator(session, visit.person(session))
        shown: dict[str, Any] = {
            "parts": [*parts(session), _workers(session)],
            "more": {},
            "queues": _queues(session),
            "today": rulebook.today().digest,
            "from_start": not after,
        }
        for name, read in LISTS.items():
            found = read(session, after=after if name == of else "", limit=MOST)
            shown[name] = found
            shown["more"][name] = _place(found[-1]) if len(found) == MOST else None
    return page(visit, "operator.html", here="/operator", **shown)


def _place(row: Any) -> str:
    """Name where a list goes on: behind this line."""
    for kind, name in ((VendorJob, "generation_id"), (PolicyPublication, "digest")):
        if isinstance(row, kind):
            return str(getattr(row, name))
    return str(row.id)


@router.get("/members")
@may("operator")
def show_operators(visit: Visitor) -> Response:
    """List who runs this installation and who did, since when and let in by whom."""
    with db.reading() as session:
        person = insist_operator(session, visit.person(session))
        found = operators.operators(session)
        seat = next(each for each, house in people.memberships_of(session, person.id)
                    if house.kind == OPERATORS)  # fmt: skip
        shown: dict[str, Any] = {
            "seat": seat,
            "operators": [each for each in found if each.membership.ended_at is None],
            "former": [each for each in found if each.membership.ended_at is not None][:MOST],
            "invitations": people.open_invitations(session, person, seat.organization_id)
            if seat.is_admin
            else [],
        }
    return page(visit, "operators.html", here="/operator/members", **shown)


@router.post("/jobs/{generation_id}/found")
@may("operator")
def found(
    visit: Posted,
    generation_id: str,
    reference: Annotated[str, Form(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")],
) -> Response:
    """Go on with a job that a person found at the vendor's. Wants a passkey used minutes ago."""
    note(visit, ("generators", "jobs", "found"), generation_id)
    buying.settle_found(generation_id, reference)
    return see("/operator")


@router.post("/jobs/{generation_id}/absent")
@may("operator")
def absent(visit: Posted, generation_id: str) -> Response:
    """Say that the vendor has no such job: its hold is let go. Wants a passkey used minutes ago."""
    note(visit, ("generators", "jobs", "absent"), generation_id)
    with db.writing() as session:
        buying.settle_absent(session, generation_id)
    return see("/operator")


def insist_operator(session: Session, person: Person) -> Person:
    """Return a person who is an operator at this moment. Raises NotAllowed."""
    if not operators.is_operator(session, person.id):
        raise NotAllowed(
            _("this page is for who runs this installation; one of them lets you in by a link")
        )
    return person


def note(visit: Visit, words: Sequence[str], *subjects: str) -> str:
    """Put down who is about to do what, in a transaction of its own: by the command's words.

    Returns the operator's id. Wants a passkey used minutes ago. Raises NotAllowed, NotFresh.
    """
    with db.writing() as session:
        person = insist_operator(session, visit.fresh(session))
        recovery.check_may_bind(session, person.id)
        note_with(session, person.id, words, *subjects)
        return person.id


def note_with(session: Session, person_id: str, words: Sequence[str], *subjects: str) -> None:
    """Put down who did what, in the very transaction that does it."""
    trail.note_act(session, " ".join(words), subjects, name=person_id + api_keys.AT_A_PAGE)


def _workers(session: Session) -> tuple[str, str, str]:
    living = session.scalar(sa.select(sa.func.count()).select_from(WorkerBeat)) or 0
    if not living:
        return "no", _("Workers"), _("none: nothing goes on")
    said = ngettext("%(num)s is at work", "%(num)s began and were not found dead", living)
    return "yes", _("Workers"), said


def _queues(session: Session) -> list[tuple[str, int]]:
    """Count what is under way or waits, each in one question."""

    def count(model: Any, *which: Any) -> int:
        return session.scalar(sa.select(sa.func.count()).select_from(model).where(*which)) or 0

    states = session.execute(
        sa.select(col(Generation.state), sa.func.count())
        .where(col(Generation.state).in_(UNDER_WAY))
        .group_by(col(Generation.state))
        .order_by(col(Generation.state))
    )
    return [
        *(
            (_("outputs: %(state)s", state=state.replace("-", " ")), number)
            for state, number in states
        ),
        (_("entries for the log"), count(LogOutbox, col(LogOutbox.leaf_index).is_(None))),
        (_("notices to hand over"), count(NoticeDelivery, col(NoticeDelivery.state) == "waiting")),
        (_("notices that failed"), count(NoticeDelivery, col(NoticeDelivery.state) == "failed")),
        (_("calls to webhooks"), count(WebhookDelivery, col(WebhookDelivery.state) == "waiting")),
    ]


def _quarantined(session: Session, *, after: str, limit: int) -> Sequence[Generation]:
    held = select(Generation).where(Generation.state == "quarantined")
    if after:
        held = held.where(col(Generation.id) < after)
    return session.exec(held.order_by(col(Generation.id).desc()).limit(limit)).all()


def _sets(session: Session, *, after: str, limit: int) -> Sequence[PolicyPublication]:
    """List the rules that were in force, newest first."""
    place = (col(PolicyPublication.published_at), col(PolicyPublication.digest))
    newest = select(PolicyPublication).order_by(*(each.desc() for each in place))
    behind = session.get(PolicyPublication, after)
    if behind is not None:
        newest = newest.where(sa.tuple_(*place) < (behind.published_at, behind.digest))
    return session.exec(newest.limit(limit)).all()


class Certificate(NamedTuple):
    """One that is neither revoked nor over; its id is its place among those."""

    id: int
    tone: str
    name: str
    ends_at: datetime
    days: int


def _keys(_session: Session, *, after: str, limit: int) -> Sequence[Certificate]:
    """List the certificates that are neither revoked nor over, the next to end first."""
    at = clock.now()
    listed = sorted(
        (each.certificate.not_valid_after_utc, each.name)
        for each in certificate_files.every(settings().keys_dir)
        if each.revocation is None and each.certificate.not_valid_after_utc > at
    )
    start = int(after) + 1 if after.isdecimal() else 0
    return [
        Certificate(place, "wait" if (ends_at - at).days < SOON_DAYS else "yes", name, ends_at,
                    (ends_at - at).days)
        for place, (ends_at, name) in enumerate(listed)
    ][start : start + limit]  # fmt: skip


LISTS: dict[str, Callable[..., Sequence[Any]]] = {
    "unknown": buying.unsettled,
    "reviews": reviews.waiting,
    "holds": resemblance.waiting,
    "copies": vendor_copies.unconfirmed,
    "quarantined": _quarantined,
    "keys": _keys,
    "sets": _sets,
}
