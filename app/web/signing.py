"""The page on which a person reads a contract in plain words, and signs it with a passkey."""

import json
from collections.abc import Callable, Collection
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Form, Response
from sqlmodel import Session

from app import db
from app.access import may
from app.identity import passkeys
from app.identity.errors import PasskeyCloned, PasskeyRefused
from app.identity.models import Organization
from app.identity.models_people import Passkey, Person
from app.language import _, reads
from app.licensing.boundaries import service as boundaries
from app.licensing.contracts import service, signing
from app.licensing.contracts.signing import Seat
from app.licensing.document import contract as documents
from app.licensing.errors import ContractNotFound
from app.licensing.paper import service as paper
from app.web.clauses import worded
from app.web.pages import PageRoute, Posted, Visit, Visitor, page, see, site
from app.web.people import Proof, Proven

router = APIRouter(include_in_schema=False, route_class=PageRoute)
Kept = TypeVar("Kept")
Acknowledged = Annotated[list[str], Form()]


@router.get("/contracts/{contract_id}/sign")
@may("member")
def show_contract(visit: Visitor, contract_id: str) -> Response:
    """Show what is on the table in plain words, who has signed, and what one may do now."""
    with db.writing() as session:
        person = visit.person(session)
        seat = signing.seat_of(session, person, contract_id)
        return page(visit, "sign.html", **_to_read(session, visit, person, seat))


@router.post("/contracts/{contract_id}/sign")
@may("member")
def sign_contract(
    visit: Posted,
    contract_id: str,
    proof: Proven,
    acknowledged: Acknowledged = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Keep the signature; the second party's executes the contract."""
    _keep(visit, contract_id, proof, signing.seat_of, acknowledged)
    return see(f"/contracts/{contract_id}/sign")


@router.get("/contracts/{contract_id}/ratification")
@may("member")
def show_ratification(visit: Visitor, contract_id: str) -> Response:
    """Show who came of age what was signed for them before, and the two ways on from here."""
    with db.writing() as session:
        person = visit.person(session)
        seat = signing.ratifying_seat_of(session, person, contract_id)
        shown = _to_read(session, visit, person, seat)
        houses = {
            each.organization_id: session.get_one(Organization, each.organization_id).name
            for each in shown["signed"].values()
        }
        return page(visit, "ratification.html", houses=houses, **shown)


@router.post("/contracts/{contract_id}/ratification")
@may("member")
def ratify_contract(visit: Posted, contract_id: str, proof: Proven) -> Response:
    """Keep the performer's own yes to what was signed for them; uses are allowed again with it."""
    _keep(visit, contract_id, proof, signing.ratifying_seat_of)
    return see("/performer")


def _to_read(session: Session, visit: Visit, person: Person, seat: Seat) -> dict[str, Any]:
    """Return the contract in plain words, who signed it, and what a passkey is asked, if it is."""
    signed = {each.role: each for each in service.signatures_of(session, seat.contract)}
    shown: dict[str, Any] = {
        "seat": seat,
        "signed": signed,
        **worded(lambda tongue: signing.sections(session, seat.contract, tongue=tongue)),
        "terms": documents.recorded(seat.contract.document.encode()),
        "ceremony": "",
        "options": "{}",
        "crossed": [],
    }
    if seat.role is not None and seat.role not in signed:
        about = signing.to_sign(session, seat, person, origin=site().origin, tongue=reads())
        shown |= asked_to_sign(session, visit, person, about)
        if seat.role == "performer":
            shown["crossed"] = boundaries.unsigned_crossings(session, seat.contract)
    return shown


def _keep(
    visit: Visit,
    contract_id: str,
    proof: Proof,
    seat_of: Callable[[Session, Person, str], Seat],
    acknowledged: Collection[str] = (),
) -> None:
    """Keep what a passkey answered as the signature of whoever sits in the seat now."""
    keep_signed(
        visit,
        proof,
        lambda session, person, used, about: signing.sign(
            session,
            seat_of(session, person, contract_id),
            used,
            about=about,
            answer=proof.answer,
            acknowledged=acknowledged,
        ),
    )


def asked_to_sign(session: Session, visit: Visit, person: Person, about: str) -> dict[str, Any]:
    """Ask a person's passkeys to sign this: what `_sign.html` needs to be answered."""
    asked = passkeys.begin(
        session,
        "sign",
        visit.binder,
        person_id=person.id,
        challenge=signing.challenge_of(about),
        about=about,
    )
    known = passkeys.passkeys_of(session, person.id)
    return {
        "ceremony": asked.id,
        "options": passkeys.assertion_options(site(), asked, known=known),
    }


def keep_signed(
    visit: Visit,
    proof: Proof,
    keep: Callable[[Session, Person, Passkey, str], Kept],
    *,
    first: Callable[[Session], object] | None = None,
) -> Kept:
    """Keep what the passkey of who is signed in answered to what `asked_to_sign` asked.

    `keep` takes the session, the person, the passkey and what was asked; what it returns is
    returned. `first` refuses who may not, before the answer is looked at. Raises PasskeyRefused,
    and PasskeyCloned once it is on record that there is a copy.
    """
    with db.writing() as session:
        person = visit.person(session)
        if first is not None:
            first(session)
        taken = passkeys.take(session, proof.ceremony, "sign", visit.binder)
        used = passkeys.use(session, site(), taken, answer=proof.answer)
        if not isinstance(used, PasskeyCloned):
            if used.person_id != person.id:
                raise PasskeyRefused(_("sign in as the person who signs"))
            return keep(session, person, used, taken.about)
    raise used  # only now: that there is a copy is kept


@router.get("/contracts/{contract_id}/paper.pdf")
@may("member")
def download_paper(visit: Visitor, contract_id: str) -> Response:
    """Give what is on the table as a PDF, in the reader's language, the document itself inside."""
    with db.reading() as session:
        seat = signing.seat_of(session, visit.person(session), contract_id)
        content = paper.paper_of(session, seat.contract, tongue=reads())
    name = {"Content-Disposition": f'attachment; filename="{seat.contract.series_id}.pdf"'}
    return Response(content, 200, name, media_type="application/pdf")


@router.get("/contracts/{contract_id}/signatures/{role}")
@may("member")
def download_signature(visit: Visitor, contract_id: str, role: str) -> Response:
    """Give one signature with all that checks it: for `understudy verify-signature`."""
    with db.reading() as session:
        seat = signing.seat_of(session, visit.person(session), contract_id)
        for signature in service.signatures_of(session, seat.contract):
            if signature.role == role:
                said = json.dumps(signing.exported(session, seat.contract, signature))
                name = {"Content-Disposition": 'attachment; filename="signature.json"'}
                return Response(said, 200, name, media_type="application/json")
    raise ContractNotFound(_("nobody has signed this contract in that role"))
