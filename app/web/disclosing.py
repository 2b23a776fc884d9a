"""Who may learn more of what is made under a contract: granted with a passkey, ended at once."""

import json
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlmodel import Session

from app import clock, db
from app.access import may
from app.identity.models import Organization
from app.identity.models_people import Person
from app.language import _, marked, reads
from app.licensing.contracts.models import Contract
from app.licensing.disclosures import giving, service
from app.licensing.disclosures.models import DisclosureGrant
from app.licensing.disclosures.on_record import agreed_of
from app.licensing.document import contract as documents
from app.licensing.document.disclosure import Viewer, level_for
from app.licensing.words import plain_disclosure
from app.web.clauses import worded
from app.web.pages import PageRoute, Posted, Visitor, page, see, site
from app.web.people import Proven
from app.web.signing import asked_to_sign, keep_signed

router = APIRouter(include_in_schema=False, route_class=PageRoute)
PER_PAGE = 25
LEVELS = {
    "license": marked("that the replica is licensed, and if it still is"),
    "credit": marked("also who: the names of both sides, and the project"),
    "use": marked("also what: the work, where it may be shown, what is said in it, why it ended"),
    "terms": marked("also the whole contract, with what is paid"),
}
ROLES = {
    "broadcaster": marked("broadcaster"),
    "union": marked("union"),
    "court": marked("court"),
    "other": marked("somebody else"),
}
STATES = {
    "standing": ("yes", marked("✓ stands")),
    "revoked": ("none", marked("– ended")),
    "expired": ("none", marked("– over")),
    "void": ("no", marked("✕ shows nothing")),
}


@dataclass(frozen=True)
class Wish:
    """Whom somebody is about to show what, as the form has it; empty until it is filled in."""

    verifier: str
    role: str
    level: str
    until: date | None
    before: str  # where a list goes on


def _wish(request: Request, until: date | None = None) -> Wish:
    said = request.query_params
    verifier, role, level, before = (
        said.get(name, "").strip()[:40] for name in ("verifier", "role", "level", "before")
    )
    return Wish(verifier, role, level, until, before)


Wished = Annotated[Wish, Depends(_wish)]


@router.get("/contracts/{contract_id}/disclosure")
@may("member")
def show_disclosure(visit: Visitor, contract_id: str, wish: Wished) -> Response:
    """Show who learns what; once it is said who shall learn more, show what that does, and ask the
    passkey."""
    with db.writing() as session:
        person = visit.person(session)
        seat = giving.seat_of(session, person, contract_id)
        if wish.until is None:
            return page(visit, "disclosure.html", **_to_read(session, person, seat, wish.before))
        document = giving.document_of(
            seat, verifier=wish.verifier, role=wish.role, level=wish.level, last_day=wish.until
        )
        about = giving.to_sign(
            session, seat, person, document, origin=site().origin, tongue=reads()
        )
        return page(
            visit,
            "sign_words.html",
            here="",
            action=f"/contracts/{contract_id}/disclosure",
            **worded(lambda tongue: [giving.in_words(session, seat, document, tongue=tongue)]),
            **asked_to_sign(session, visit, person, about),
        )


@router.post("/contracts/{contract_id}/disclosure")
@may("member")
def grant_disclosure(visit: Posted, contract_id: str, proof: Proven) -> Response:
    """Keep the grant that the passkey signed."""
    keep_signed(
        visit,
        proof,
        lambda session, person, used, about: giving.give(
            session, person, used, contract_id, about=about, answer=proof.answer
        ),
    )
    return see(f"/contracts/{contract_id}/disclosure")


@router.post("/disclosure-grants/{grant_id}/end")
@may("member")
def end_grant(visit: Posted, grant_id: str) -> Response:
    """End a grant at once; what was told stays told. It stops, so no passkey is asked."""
    with db.writing() as session:
        ended = giving.end(session, visit.person(session), grant_id)
        return see(f"/contracts/{ended.series_id}/disclosure")


def _to_read(session: Session, person: Person, seat: giving.Seat, before: str) -> dict[str, Any]:
    contract, at = seat.contract, clock.now()
    says, _sides, levels = giving.says_of(contract)
    every = reversed(service.grants_on(session, [contract.series_id]))
    grants = [each for each in every if not before or each.id < before]
    agreed = [each.agreed for each in agreed_of(session, [contract.series_id], at)]
    ends = giving.sides_to_end(session, person, contract)
    return {
        "contract": contract,
        "seat": seat,
        "says": plain_disclosure.of_disclosure(documents.recorded(contract.document.encode())),
        "joint": says.granted_by == "both",
        "levels": [(each, LEVELS[each]) for each in levels],
        "roles": list(ROLES.items()),
        "grants": [
            _in_words(session, contract, each)
            | {
                "shown": LEVELS[level_for(agreed, Viewer(frozenset({each.verifier})), at)],
                "may_end": each.side in ends,
            }
            for each in grants[:PER_PAGE]
        ],
        "more": grants[PER_PAGE - 1].id if len(grants) > PER_PAGE else None,
    }


def _in_words(session: Session, contract: Contract, grant: DisclosureGrant) -> dict[str, Any]:
    state = service.state_of(session, contract, grant)
    named = session.get(Organization, grant.verifier)
    role = json.loads(grant.document)["verifier"]["role"]
    return {
        "id": grant.id,
        "who": named.name if named else _("whoever holds the key %(key)s", key=grant.verifier),
        "role": ROLES.get(role, role),
        "side": grant.side,
        "level": LEVELS.get(grant.level, grant.level),
        "ends_at": grant.ends_at,
        "stands": state == "standing",
        "say": STATES[state],
    }
