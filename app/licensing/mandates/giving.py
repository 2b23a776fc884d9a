"""Give a mandate as a person: who may, the words they are shown, and what their passkey signs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sqlmodel import Session

from app import clock
from app.identity import people
from app.identity.models import Organization
from app.identity.models_people import Membership, Passkey, Person
from app.language import SOURCE
from app.licensing.contracts import signing
from app.licensing.errors import MandateNotFound, MandateRefused
from app.licensing.mandates import service
from app.licensing.words import plain_mandate
from app.licensing.words.plain_language import Section
from app.registry import mandates
from app.registry import service as registry
from app.registry.models import Performer
from app.registry.models_mandates import Mandate

# What one must be in the house that gives: the performer at their own desk, or who stands in place.
GIVES = {"performer": "", "guardian": "guardian", "estate": "estate_rep"}
GIVEN = tuple(role for role in mandates.POWERS if role not in mandates.EVIDENCE)
KINDS = ("performer", "agency", "union")  # of houses that hold mandates


@dataclass(frozen=True)
class Giver:
    """Somebody who may give mandates for a performer, and through which house."""

    performer: Performer
    house: Organization


def givers(session: Session, person: Person) -> list[Giver]:
    """List for whom a person may give mandates: from memberships and what is registered."""
    at, found = clock.now(), []
    for membership, house in people.memberships_of(session, person.id):
        if membership.role not in GIVES or house.kind != "performer":
            continue
        theirs = {each.id: each for each in registry.performers_at(session, house.id)}
        if membership.role != "performer":
            theirs = {
                each.performer_id: session.get_one(Performer, each.performer_id)
                for each in service.mandates_of(session, house.id, limit=service.MOST)
                if each.holder_id == house.id and each.role == GIVES[membership.role]
            }
        found += [
            Giver(performer, house)
            for performer in theirs.values()
            if _gives(session, membership.role, performer, house, at=at)
        ]
    return found


def _gives(
    session: Session, role: str, performer: Performer, house: Organization, *, at: datetime
) -> bool:
    """Say whether a member in a role of `GIVES` gives for a performer: themselves, or in place.

    That the house may give is not enough: a minor may be a member where their guardian is one.
    """
    life = mandates.life_of(session, performer.id)
    if not service.may_grant(session, performer, house.id, life, at=at):
        return False
    if role == "performer":
        return not service.is_dead_or_minor(life, at=at)
    held = mandates.roles_of(session, performer.id, house.id, act=mandates.SIGN, at=at)
    return GIVES[role] in held


def giver_of(session: Session, person: Person, performer_id: str) -> Giver:
    """Return through which house a person gives mandates for a performer. Raises MandateRefused."""
    for giver in givers(session, person):
        if giver.performer.id == performer_id:
            return giver
    raise MandateRefused(
        "you may not give mandates for this performer: an adult gives them at their own desk, the "
        "guardian for a minor, the estate after a death"
    )


def document_of(
    giver: Giver,
    *,
    holder_id: str,
    role: str,
    acts: Sequence[str],
    contract_id: str,
    last_day: date,
) -> dict[str, Any]:
    """Write down a mandate from now on, until the end of a day (UTC): what is signed."""
    ends_at = datetime.combine(last_day, time(23, 59, 59), UTC)
    return {
        "v": 1,
        "type": "understudy-mandate",
        "performer": giver.performer.id,
        "holder": holder_id,
        "role": role,
        "acts": sorted(set(acts)),
        "contract": contract_id or None,
        "starts_at": clock.now().replace(microsecond=0).isoformat(),
        "ends_at": ends_at.isoformat(),
        "papers": [],
        "died_on": None,
    }


def to_sign(
    session: Session,
    giver: Giver,
    person: Person,
    document: dict[str, Any],
    *,
    origin: str,
    tongue: str = SOURCE,
) -> str:
    """Return what a challenge is about, with the document: the words are those of `in_words`.

    Refuses here what could not be kept, before anybody signs it: raises MandateInvalid,
    MandateRefused.
    """
    said, signed = service.read(document)
    service.check_may_be_given(session, giver.performer, said, by=giver.house.id)
    about = signing.statement_of(
        signed,
        [in_words(session, giver, document, tongue=tongue)],
        tongue=tongue,
        role=service.GRANTOR,
        organization_id=giver.house.id,
        person_id=person.id,
        origin=origin,
    )
    return json.dumps(json.loads(about) | {"document": document})


def in_words(
    session: Session, giver: Giver, document: dict[str, Any], *, tongue: str = SOURCE
) -> Section:
    """Say in a language what is given, as `to_sign` has it signed. Raises MandateInvalid."""
    said, _signed = service.read(document)
    holder = session.get(Organization, said.holder)
    return plain_mandate.of_mandate(
        said,
        performer=giver.performer.name,
        holder=holder.name if holder else said.holder,
        tongue=tongue,
    )


def give(session: Session, person: Person, passkey: Passkey, *, about: str, answer: str) -> Mandate:
    """Keep the mandate a passkey signed. Expects that it answered this challenge.

    Raises what `service.grant` raises, RecoveredLately; MandateRefused where another page asked.
    """
    document = json.loads(about).get("document")
    if document is None:
        raise MandateRefused(
            "what was signed is no mandate: another page asked for it; load it again"
        )
    giver = giver_of(session, person, document["performer"])
    asserted = signing.signature_over(
        session,
        passkey,
        service.read(document)[1],
        organization_id=giver.house.id,
        role=service.GRANTOR,
        about=about,
        answer=answer,
    )
    return service.grant(session, giver.house.id, document, asserted=asserted)


def end(session: Session, person: Person, mandate_id: str) -> Mandate:
    """End a mandate at once, as a member of a house that may; whoever only looks does not.

    Raises MandateNotFound, MandateRefused.
    """
    mandate, house = of_person(session, person, mandate_id)
    return service.revoke(session, mandate, by=house.id)


def of_person(session: Session, person: Person, mandate_id: str) -> tuple[Mandate, Organization]:
    """Return a mandate to who may end it, with the house they end it for. Raises as `end`."""
    found: Mandate | None = None
    for membership, house in people.memberships_of(session, person.id):
        if house.kind not in KINDS:
            continue
        try:
            found = service.mandate_of(session, house.id, mandate_id)
        except MandateNotFound:
            continue
        if may_end(membership, house, found):
            return found, house
    if found is None:
        raise MandateNotFound(f"no mandate of yours has the id {mandate_id[:64]}")
    raise MandateRefused("you may look at this mandate, and it is not yours to end")


def may_end(membership: Membership, house: Organization, mandate: Mandate) -> bool:
    """Say whether a member ends a mandate of their house.

    A guardian's or an estate's only in that role: a minor may be a member of the house that holds.
    """
    in_place = {held: role for role, held in GIVES.items()}
    if house.kind == "performer" and membership.role != in_place.get(mandate.role, membership.role):
        return False
    return membership.role != "auditor" and service.revocable_by(mandate, house.id)
