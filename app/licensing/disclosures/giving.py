"""Grant disclosure as a person: who may, the words they are shown, and what their passkey signs."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sqlmodel import Session

from app import clock
from app.identity import people
from app.identity.models import Organization
from app.identity.models_people import Membership, Passkey, Person
from app.language import SOURCE, _, reading_in
from app.licensing.contracts import signatories, signing
from app.licensing.contracts.models import Contract
from app.licensing.contracts.service import contract_of
from app.licensing.disclosures import service
from app.licensing.disclosures.models import DisclosureGrant
from app.licensing.document import contract as documents
from app.licensing.document.disclosure import (
    DEFAULT,
    GRANTORS,
    LEVELS,
    SILENT,
    Disclosure,
    rank,
)
from app.licensing.errors import (
    ContractNotFound,
    DisclosureGrantNotFound,
    DisclosureGrantRefused,
    SignatureRefused,
)
from app.licensing.words import plain_disclosure
from app.licensing.words.plain_language import Section
from app.registry import mandates

# What one must be in the house that speaks for the performer, by where the performer stands.
SPEAKS = {
    signatories.MINOR: ("guardian",),
    signatories.ADULT: ("performer",),
    signatories.DEAD: ("estate", "union_officer"),
}
SIGNS_FOR_LICENSEE = signing.SIGNS["licensee"]
SIDES = ("performer", "licensee")


@dataclass(frozen=True)
class Seat:
    """A person at a contract: of which house, and for which side they grant, if for any."""

    contract: Contract
    house: Organization
    side: str | None


def seat_of(session: Session, person: Person, contract_id: str) -> Seat:
    """Say for which side a person grants under a contract; side None where they may only look.

    From memberships and from what is registered. Raises ContractNotFound for who is no party.
    """
    looking: Seat | None = None
    for membership, house in people.memberships_of(session, person.id):
        try:
            contract = contract_of(session, house.id, contract_id)
        except ContractNotFound:
            continue
        for side in says_of(contract)[1]:
            if contract.executed_at is not None and _speaks(
                session, contract, membership, house, side
            ):
                return Seat(contract, house, side)
        looking = looking or Seat(contract, house, None)
    if looking is None:
        raise ContractNotFound(f"no contract of yours has the id {contract_id[:64]}")
    return looking


def says_of(contract: Contract) -> tuple[Disclosure, tuple[str, ...], tuple[str, ...]]:
    """Return what a contract says of this, which sides may grant, and which levels."""
    says = documents.recorded(contract.document.encode()).disclosure or SILENT
    most = rank(says.verifiers)
    sides = GRANTORS.get(says.granted_by, ())
    return says, sides, tuple(each for each in LEVELS if rank(DEFAULT) < rank(each) <= most)


def sides_to_end(session: Session, person: Person, contract: Contract) -> frozenset[str]:
    """Name the sides whose grants a person may end: none for who only looks."""
    houses = {
        house.id
        for membership, house in people.memberships_of(session, person.id)
        if membership.role != "auditor"
    }
    return frozenset(side for side in SIDES if houses & service.enders_of(session, contract, side))


def document_of(
    seat: Seat, *, verifier: str, role: str, level: str, last_day: date
) -> dict[str, Any]:
    """Write down a grant until the end of a day (UTC): what is signed."""
    # The same words are granted once; a part of a second lets what was ended be granted again.
    last = time(23, 59, 59, clock.now().microsecond, tzinfo=UTC)
    return {
        "v": 1,
        "contract": seat.contract.series_id,
        "side": seat.side,
        "verifier": {"role": role, "organization": verifier},
        "level": level,
        "until": datetime.combine(last_day, last).isoformat(),
    }


def to_sign(
    session: Session,
    seat: Seat,
    person: Person,
    document: dict[str, Any],
    *,
    origin: str,
    tongue: str = SOURCE,
) -> str:
    """Return what a challenge is about, with the document: the words are those of `in_words`.

    Refuses here what could not be kept, before anybody signs it: raises DisclosureGrantInvalid,
    DisclosureGrantRefused, SignatureRefused.
    """
    side = _side(seat)
    said, signed = service.read(document)
    service.check_may_be_granted(session, seat.contract, said, by=seat.house.id)
    about = signing.statement_of(
        signed,
        [in_words(session, seat, document, tongue=tongue)],
        tongue=tongue,
        role=side,
        organization_id=seat.house.id,
        person_id=person.id,
        origin=origin,
    )
    return json.dumps(json.loads(about) | {"disclosure": document})


def in_words(
    session: Session, seat: Seat, document: dict[str, Any], *, tongue: str = SOURCE
) -> Section:
    """Say in a language what is granted, as `to_sign` has it signed.

    Expects that it may be granted. Raises DisclosureGrantInvalid.
    """
    said, _signed = service.read(document)
    verifier = session.get_one(Organization, said.verifier.name)
    counts = _counts(session, seat.contract, _side(seat), verifier.id)
    with reading_in(tongue):
        words = plain_disclosure.of_grant(
            verifier=verifier.name,
            role=said.verifier.role,
            level=said.level,
            until=said.until,
            contract_id=seat.contract.series_id,
            counts=counts,
        )
        return Section(_("You let somebody learn more"), words)


def give(
    session: Session,
    person: Person,
    passkey: Passkey,
    contract_id: str,
    *,
    about: str,
    answer: str,
) -> DisclosureGrant:
    """Keep the grant a passkey signed. Expects that it answered this challenge.

    Raises what `service.grant_disclosure` raises, RecoveredLately, ContractNotFound;
    DisclosureGrantRefused where another page asked.
    """
    seat = seat_of(session, person, contract_id)
    document = json.loads(about).get("disclosure")
    if document is None:
        raise DisclosureGrantRefused(
            "what was signed is no grant of disclosure: another page asked for it; load it again"
        )
    asserted = signing.signature_over(
        session,
        passkey,
        service.read(document)[1],
        organization_id=seat.house.id,
        role=_side(seat),
        about=about,
        answer=answer,
    )
    return service.grant_disclosure(
        session, seat.contract, seat.house.id, document=document, asserted=asserted
    )


def end(session: Session, person: Person, grant_id: str) -> DisclosureGrant:
    """End a grant at once, as a member of a house that may; who only looks does not.

    Raises DisclosureGrantNotFound.
    """
    for membership, house in people.memberships_of(session, person.id):
        if membership.role != "auditor":
            try:
                return service.revoke_grant(session, service.grant_of(session, house.id, grant_id))
            except DisclosureGrantNotFound:
                continue
    raise DisclosureGrantNotFound(f"no grant of yours to end has the id {grant_id[:64]}")


def _side(seat: Seat) -> str:
    if seat.side is None:
        raise SignatureRefused(
            f"you may not grant for {seat.house.name}: the contract must be signed by both, and "
            "name your side; the performer grants as a member with that role, a guardian or an "
            "estate by a mandate, a production through one of its approvers"
        )
    return seat.side


def _speaks(
    session: Session, contract: Contract, membership: Membership, house: Organization, side: str
) -> bool:
    at = clock.now()
    if house.id not in signatories.speakers_of(session, contract, side, at=at):
        return False
    if side == "licensee":
        return membership.role in SIGNS_FOR_LICENSEE
    life = mandates.life_of(session, contract.performer_id)
    return membership.role in SPEAKS[signatories.standing_of(contract, life, at=at)]


def _counts(session: Session, contract: Contract, side: str, verifier: str) -> str:
    """Say, as in `plain_disclosure.COUNTS`, what a grant of this side does at once."""
    if says_of(contract)[0].granted_by != "both":
        return "alone"
    by_other = any(
        each.side != side and each.verifier == verifier and each.holds(clock.now())
        for each in service.granted(session, contract)
    )
    return "both" if by_other else "waits"
