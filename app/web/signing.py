"""The page on which a person reads a contract in plain words, and signs it with a passkey."""

import json
from typing import Annotated

from fastapi import APIRouter, Form, Response

from app import db
from app.access import may
from app.identity import passkeys
from app.identity.errors import PasskeyCloned, PasskeyRefused
from app.language import _
from app.licensing.boundaries import service as boundaries
from app.licensing.contracts import service, signing
from app.licensing.errors import ContractNotFound
from app.web.pages import PageRoute, Posted, Visitor, page, see, site
from app.web.people import Proven

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/contracts/{contract_id}/sign")
@may("member")
def show_contract(visit: Visitor, contract_id: str) -> Response:
    """Show what is on the table in plain words, who has signed, and what one may do now."""
    with db.writing() as session:
        person = visit.person(session)
        seat = signing.seat_of(session, person, contract_id)
        signed = {each.role: each for each in service.signatures_of(session, seat.contract)}
        ceremony, options, crossed = "", "{}", []
        if seat.role is not None and seat.role not in signed:
            about = signing.to_sign(session, seat, person, origin=site().origin)
            asked = passkeys.begin(
                session,
                "sign",
                visit.binder,
                person_id=person.id,
                challenge=signing.challenge_of(about),
                about=about,
            )
            known = passkeys.passkeys_of(session, person.id)
            ceremony, options = asked.id, passkeys.assertion_options(site(), asked, known=known)
            if seat.role == "performer":
                crossed = boundaries.unsigned_crossings(session, seat.contract)
        return page(
            visit,
            "sign.html",
            seat=seat,
            signed=signed,
            sections=signing.sections(session, seat.contract),
            ceremony=ceremony,
            options=options,
            crossed=crossed,
        )


@router.post("/contracts/{contract_id}/sign")
@may("member")
def sign_contract(
    visit: Posted,
    contract_id: str,
    proof: Proven,
    acknowledged: Annotated[list[str], Form()] = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Keep the signature; the second party's executes the contract."""
    with db.writing() as session:
        person = visit.person(session)
        taken = passkeys.take(session, proof.ceremony, "sign", visit.binder)
        used = passkeys.use(session, site(), taken, answer=proof.answer)
        if not isinstance(used, PasskeyCloned):
            if used.person_id != person.id:
                raise PasskeyRefused(_("sign in as the person who signs"))
            seat = signing.seat_of(session, person, contract_id)
            signing.sign(
                session,
                seat,
                used,
                about=taken.about,
                answer=proof.answer,
                acknowledged=acknowledged,
            )
    if isinstance(used, PasskeyCloned):
        raise used  # only now: that there is a copy is kept
    return see(f"/contracts/{contract_id}/sign")


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
