"""Where a union signs for the estate of a performer that nobody found, and takes it back.

The papers that say so are read for their hashes and kept nowhere here: the operator sees them.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session, col, select
from starlette.datastructures import FormData, UploadFile

from app import clock, db
from app.access import may
from app.config import settings
from app.identity.models import Organization
from app.identity.uploads import limited_form
from app.language import _, marked, reads
from app.licensing.contracts.models import Contract
from app.licensing.errors import MandateRefused
from app.licensing.mandates import declaring, service
from app.registry.models import Performer
from app.registry.models_mandates import Mandate, MandateDeclaration
from app.unions.scope import under
from app.web.clauses import worded
from app.web.mandates import STATES
from app.web.pages import (
    PageRoute,
    Posted,
    Visit,
    Visitor,
    check_sent_from_here,
    check_token,
    page,
    see,
    site,
    text_in,
)
from app.web.people import Proven
from app.web.seats import Seat, acting_seat, seat_of
from app.web.signing import asked_to_sign, keep_signed

router = APIRouter(prefix="/union/estates", include_in_schema=False, route_class=PageRoute)
HERE = "/union"
PATH = "/union/estates"
CHUNK_BYTES = 1 << 20
PER_PAGE = 25  # of what is over; the rest is at /mandates and with the operator
MOST_TO_CHOOSE_FROM = 100  # beyond that a performer is named by their id
PAPERS = {
    "death": marked("The paper that says they died"),
    "search": marked("The paper that says how you searched, and that you found nobody"),
}


@router.get("")
@may("officer")
def show_estates(visit: Visitor) -> Response:
    """Show for whom the union stands in, what waits for the operator, and the form."""
    with db.reading() as session:
        seat = seat_of(session, visit, "union")
        known = _known(session, seat.organization)
        few = len(known) <= MOST_TO_CHOOSE_FROM
        names = _names(session, known) if few else {}
        mine = select(Mandate).where(
            Mandate.holder_id == seat.organization.id, Mandate.role == declaring.ROLE
        )
        held = session.exec(mine.order_by(col(Mandate.id).desc()).limit(PER_PAGE)).all()
        declared = declaring.unfiled_of(session, seat.organization.id, limit=PER_PAGE)
        about = {each.performer_id for each in held} | {each.performer_id for each in declared}
        named = _names(session, about)
        return page(
            visit,
            "union_estates.html",
            here=HERE,
            seat=seat,
            known=bool(known),
            few=few,
            performers=sorted(names.items(), key=lambda each: (each[1], each[0])),
            papers=list(PAPERS.items()),
            declared=[_in_words(each, named) for each in declared],
            held=[
                {
                    "id": each.id,
                    "performer": named[each.performer_id],
                    "ends_at": each.ends_at,
                    "say": STATES[service.state_of(each, at=clock.now())],
                    "stands": service.state_of(each, at=clock.now()) in ("standing", "waiting"),
                }
                for each in held
            ],
        )


@router.post("/read")
@may("officer")
async def read_estate(request: Request, visit: Visitor) -> Response:
    """Show in plain words what would be signed, and ask the passkey. Nothing is kept of the papers.

    Who asks is known before they are read.
    """
    check_sent_from_here(request)
    await run_in_threadpool(_seat, visit)
    async with limited_form(request, settings().upload_limit_bytes, files=len(PAPERS)) as form:
        check_token(visit, form)
        return await run_in_threadpool(_to_sign, visit, form)


@router.post("")
@may("officer")
def sign_estate(visit: Posted, proof: Proven) -> Response:
    """Keep what the passkey signed, for the operator to file with the papers."""
    keep_signed(
        visit,
        proof,
        lambda session, _person, used, about: declaring.declare(
            session,
            acting_seat(session, visit, "union").organization,
            used,
            about=about,
            answer=proof.answer,
        ),
    )
    return see(PATH)


@router.post("/{declaration_id}/retraction")
@may("officer")
def take_back(visit: Posted, declaration_id: str) -> Response:
    """Take back what waits for the operator. It stops, so no passkey is asked."""
    with db.writing() as session:
        seat = acting_seat(session, visit, "union")
        declaring.take_back(session, seat.organization.id, declaration_id)
    return see(PATH)


def _seat(visit: Visit) -> Seat:
    with db.reading() as session:
        return acting_seat(session, visit, "union")


def _to_sign(visit: Visit, form: FormData) -> Response:
    papers = {kind: _sha256(form.get(kind)) for kind in declaring.PAPERS}
    died_on, last_day = _day(form, "died_on"), _day(form, "until")
    with db.writing() as session:
        seat = acting_seat(session, visit, "union")
        known = _known(session, seat.organization, only=text_in(form, "performer"))
        if not known:
            raise MandateRefused(_("you keep no agreement under which this performer worked"))
        performer = session.get_one(Performer, known[0])
        document = declaring.document_of(
            seat.organization, performer, died_on=died_on, last_day=last_day, papers=papers
        )
        union = seat.organization
        about = declaring.to_sign(
            session, union, performer, seat.person, document, origin=site().origin, tongue=reads()
        )
        return page(
            visit,
            "sign_words.html",
            here=HERE,
            action=PATH,
            **worded(
                lambda tongue: [declaring.in_words(union, performer, document, tongue=tongue)]
            ),
            **asked_to_sign(session, visit, seat.person, about),
        )


def _known(session: Session, union: Organization, *, only: str | None = None) -> Sequence[str]:
    """Name performers with a contract under the union's agreements: for those it stands in.

    No more than it takes to know that there are too many to choose from.
    """
    theirs = select(Contract.performer_id).where(under(session, union)).distinct()
    if only is not None:
        theirs = theirs.where(Contract.performer_id == only)
    return session.exec(theirs.limit(MOST_TO_CHOOSE_FROM + 1)).all()


def _names(session: Session, performer_ids: Collection[str]) -> dict[str, str]:
    named = select(Performer.id, Performer.name).where(col(Performer.id).in_(performer_ids))
    return dict(session.exec(named).all())


def _in_words(declared: MandateDeclaration, names: dict[str, str]) -> dict[str, Any]:
    said = json.loads(declared.document)
    return {
        "id": declared.id,
        "performer": names[declared.performer_id],
        "declared_at": declared.declared_at,
        "waits": declared.ended_at is None,
        "papers": said["papers"],
    }


def _sha256(sent: object) -> str:
    if not isinstance(sent, UploadFile) or not sent.size:
        raise MandateRefused(_("both papers are needed; go back and choose each"))
    digest = hashlib.sha256()
    while chunk := sent.file.read(CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def _day(form: FormData, field: str) -> date:
    try:
        return date.fromisoformat(text_in(form, field))
    except ValueError:
        raise MandateRefused(_("give both days, as the form asks for them")) from None
