"""Who may act for whom: given, read and ended by people, in plain words, with a passkey."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlmodel import Session, col, select

from app import clock, db
from app.access import may
from app.identity import people
from app.identity.models import Organization
from app.identity.models_people import Person
from app.language import marked, reads, translated
from app.licensing.contracts.models import Contract
from app.licensing.mandates import giving, service
from app.licensing.words.plain_mandate import ACTS, ROLES
from app.registry import mandates
from app.registry.models import Performer
from app.registry.models_mandates import Mandate
from app.web.clauses import worded
from app.web.pages import PageRoute, Posted, Visitor, page, see, site
from app.web.people import Proven
from app.web.signing import asked_to_sign, keep_signed

router = APIRouter(include_in_schema=False, route_class=PageRoute)
HERE = "/mandates"
STATES = {
    "standing": ("yes", marked("✓ stands")),
    "waiting": ("wait", marked("? not yet")),
    "revoked": ("none", marked("– ended")),
    "expired": ("none", marked("– over")),
    "broken": ("no", marked("✕ altered, grants nothing")),
}


@router.get("/mandates")
@may("person")
def show_mandates(visit: Visitor) -> Response:
    """List who may act for the performers of one's houses, and for whom one's houses may."""
    with db.reading() as session:
        person = visit.person(session)
        shown = _mandates(session, person)
        may_give = giving.givers(session, person)
    return page(
        visit,
        "mandates.html",
        here=HERE,
        given=[each for each in shown if not each["held"]],
        held=[each for each in shown if each["held"]],
        givers=may_give,
    )


def _mandates(session: Session, person: Person) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for membership, house in people.memberships_of(session, person.id):
        if house.kind not in giving.KINDS:
            continue
        for each in service.mandates_of(session, house.id, limit=service.MOST):
            ends = giving.may_end(membership, house, each)
            known = found.setdefault(each.id, _in_words(session, each) | {"may_end": False})
            known["held"] = known.get("held", False) or each.holder_id == house.id
            known["may_end"] = known["may_end"] or ends
    return [found[id_] for id_ in sorted(found, reverse=True)]


def _in_words(session: Session, mandate: Mandate) -> dict[str, Any]:
    return {
        "id": mandate.id,
        "performer": session.get_one(Performer, mandate.performer_id).name,
        "holder": session.get_one(Organization, mandate.holder_id).name,
        "role": ROLES[mandate.role],
        "acts": ", ".join(translated(ACTS[act]) for act in mandates.ACTS if act in mandate.acts),
        "contract_id": mandate.contract_id,
        "starts_at": mandate.starts_at,
        "ends_at": mandate.ends_at,
        "state": service.state_of(mandate, at=clock.now()),
        "say": STATES[service.state_of(mandate, at=clock.now())],
    }


@dataclass(frozen=True)
class Wish:
    """What somebody is about to give, as the form has it; empty until it is filled in."""

    performer: str
    holder: str
    role: str
    acts: list[str]
    contract: str
    until: date | None

    @property
    def is_whole(self) -> bool:
        """Whether all is said that a mandate needs."""
        return bool(self.performer and self.holder and self.role and self.acts and self.until)


def _wish(request: Request, until: date | None = None) -> Wish:
    said = request.query_params
    performer, holder, role, contract = (
        said.get(name, "").strip()[:40] for name in ("performer", "holder", "role", "contract")
    )
    return Wish(performer, holder, role, said.getlist("acts")[:5], contract, until)


Wished = Annotated[Wish, Depends(_wish)]


@router.get("/mandates/new")
@may("person")
def show_new(visit: Visitor, wish: Wished) -> Response:
    """Ask what is to be given; once all is said, show it in plain words, and ask the passkey."""
    with db.writing() as session:
        person = visit.person(session)
        if not wish.is_whole or wish.until is None:
            shown = _to_fill_in(session, giving.givers(session, person))
            return page(visit, "mandate_new.html", here=HERE, **shown)
        giver = giving.giver_of(session, person, wish.performer)
        document = giving.document_of(
            giver,
            holder_id=wish.holder,
            role=wish.role,
            acts=wish.acts,
            contract_id=wish.contract,
            last_day=wish.until,
        )
        about = giving.to_sign(
            session, giver, person, document, origin=site().origin, tongue=reads()
        )
        return page(
            visit,
            "sign_words.html",
            here=HERE,
            action=HERE,
            **worded(lambda tongue: [giving.in_words(session, giver, document, tongue=tongue)]),
            **asked_to_sign(session, visit, person, about),
        )


def _to_fill_in(session: Session, givers: list[giving.Giver]) -> dict[str, Any]:
    ids = [each.performer.id for each in givers]
    theirs = select(Contract.series_id).where(col(Contract.performer_id).in_(ids)).distinct()
    agents = sorted(
        {each.performer.agent_organization_id for each in givers} - {None}  # type: ignore[type-var]
    )
    return {
        "givers": givers,
        "roles": [(role, ROLES[role], _powers(role)) for role in giving.GIVEN],
        "acts": list(ACTS.items()),
        "contracts": sorted(session.exec(theirs)),
        "known": [session.get_one(Organization, str(each)) for each in agents],
    }


def _powers(role: str) -> str:
    return ", ".join(translated(ACTS[act]) for act in mandates.ACTS if act in mandates.POWERS[role])


@router.post("/mandates")
@may("person")
def give_mandate(visit: Posted, proof: Proven) -> Response:
    """Keep the mandate that the passkey signed; it counts at once."""
    keep_signed(
        visit,
        proof,
        lambda session, person, used, about: giving.give(
            session, person, used, about=about, answer=proof.answer
        ),
    )
    return see(HERE)


@router.post("/mandates/{mandate_id}/end")
@may("person")
def end_mandate(visit: Posted, mandate_id: str) -> Response:
    """End a mandate at once; what was done under it stands. It stops, so no passkey is asked."""
    with db.writing() as session:
        giving.end(session, visit.person(session), mandate_id)
    return see(HERE)
