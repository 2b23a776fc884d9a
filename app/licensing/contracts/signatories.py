"""Who may sign a contract in which role, and whose signatures make it one: from what is registered.

The performer signs through their own desk; a guardian for a minor, until they come of age; after a
death the estate, or the union for it; the performer's own company with a mandate. An agent never.
What a caller claims to be counts for nothing: the role must be theirs at that instant.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from app.identity.models import Organization
from app.licensing.contracts.models import Contract, ContractSignature
from app.licensing.document import contract as documents
from app.licensing.document import local_days
from app.licensing.errors import SignatureRefused
from app.registry import lives, mandates
from app.registry.models import Performer
from app.registry.models_mandates import PerformerLife

MINOR, ADULT, DEAD = "minor", "adult", "dead"
# Of whom one signature, beside the licensee's, puts a contract in force.
ENOUGH = {
    MINOR: frozenset({"guardian"}),
    ADULT: frozenset({"performer", "loan_out"}),
    DEAD: frozenset({"estate_rep", "union_for_estate"}),
}
# Who may sign at all: a minor beside their guardian, too.
MAY_SIGN = {MINOR: ENOUGH[MINOR] | {"performer"}, ADULT: ENOUGH[ADULT], DEAD: ENOUGH[DEAD]}
ROLES = ("performer", "guardian", "estate_rep", "union_for_estate", "loan_out", "licensee")
# Who signs standing offers: the performer, or who stands in their own place.
IN_ADVANCE = ("performer", "guardian", "estate_rep", "union_for_estate")
STANDS_SO = {
    MINOR: "the performer was or is a minor, for whom a guardian signs",
    ADULT: "the performer is of age, and signs themselves",
    DEAD: "the performer has died: the estate signs, or the union for it",
}
OTHER_DOB = "the document's /performer/dob is not the date of birth on record; offer one that is"


def standing_of(contract: Contract, life: PerformerLife | None, *, at: datetime) -> str:
    """Say whether the performer is a minor, an adult or dead, in the contract's own days."""
    return standing_under(documents.recorded(contract.document.encode()), life, at=at)


def standing_under(terms: documents.Terms, life: PerformerLife | None, *, at: datetime) -> str:
    """Say the same of terms that are no contract yet.

    A minor is who is one by the document, or by the date of birth on record.
    """
    today = local_days.day_of(at, terms.grant.term.tz)
    if life is not None and life.died_on is not None and today > life.died_on:
        return DEAD
    dob = terms.performer.dob
    comes_of_age = [] if dob is None else [local_days.add_years(dob, 18)]
    if life is not None and life.majority_on is not None:
        comes_of_age.append(life.majority_on)
    return MINOR if any(today < day for day in comes_of_age) else ADULT


def signer_of(session: Session, contract: Contract, role: str) -> str | None:
    """Return which party itself signs as performer, or as licensee."""
    if role == "licensee":
        return contract.licensee_id
    performer = session.get_one(Performer, contract.performer_id)
    desk = session.get_one(Organization, performer.organization_id)
    return desk.id if role == "performer" and desk.kind == "performer" else None


def speakers_of(session: Session, contract: Contract, side: str, *, at: datetime) -> frozenset[str]:
    """Name who speaks for a side in what is no signature of the contract, at an instant.

    The licensee for theirs; for the other an adult themselves, the guardian of a minor, after a
    death the estate or the union for it.
    """
    life = mandates.life_of(session, contract.performer_id)
    standing = standing_of(contract, life, at=at)
    if side == "licensee" or standing == ADULT:
        return frozenset({signer_of(session, contract, side)} - {None})  # type: ignore[arg-type]
    held = mandates.holders_of(
        session, contract.performer_id, mandates.SIGN, contract_id=contract.series_id, at=at
    )
    in_place = [held.get(role, frozenset()) for role in ENOUGH[standing]]
    return frozenset().union(*in_place) - {contract.licensee_id}


def may_sign(session: Session, contract: Contract, organization_id: str, role: str) -> bool:
    """Say whether an organization holds this role on a contract now: itself, or by a mandate."""
    if role in ("performer", "licensee"):
        return organization_id == signer_of(session, contract, role)
    if role not in ROLES or organization_id == contract.licensee_id:
        return False
    return role in mandates.roles_of(
        session,
        contract.performer_id,
        organization_id,
        act=mandates.SIGN,
        contract_id=contract.series_id,
    )


def may_witness(session: Session, contract: Contract, party_id: str, witness_id: str) -> bool:
    """Say whether an organization may witness a party's ink: no party, and nobody's agent here."""
    performer = session.get_one(Performer, contract.performer_id)
    sides = {
        party_id,
        contract.licensee_id,
        performer.organization_id,
        performer.agent_organization_id,
        *mandates.parties_of(session, performer.id, contract.series_id),
    }
    return witness_id not in sides


def insist(
    session: Session, contract: Contract, organization_id: str, role: str, *, at: datetime
) -> None:
    """Refuse a signature in a role that is not the caller's, or not called for at this time of the
    performer's life. Expects the performer's lock. Raises SignatureRefused; DeathDisputed while
    somebody at the desk of a performer who is held to be dead says that they live.
    """
    if not may_sign(session, contract, organization_id, role):
        raise SignatureRefused(
            f"your organization may not sign {contract.series_id} as {role}: the performer signs "
            "through their own desk, not through an agency, the licensee through theirs, and "
            "anybody else with a mandate that stands, for that role and that act"
        )
    if role == "licensee":
        return
    lives.check_not_disputed(session, contract.performer_id)
    life = mandates.life_of(session, contract.performer_id)
    standing = standing_of(contract, life, at=at)
    if role not in MAY_SIGN[standing]:
        raise SignatureRefused(
            f"for this performer signs {' or '.join(sorted(ENOUGH[standing]))}, and not the {role}"
        )
    if not agrees(documents.recorded(contract.document.encode()), life):
        raise SignatureRefused(OTHER_DOB)


def agrees(terms: documents.Terms, life: PerformerLife | None) -> bool:
    """Say whether a document's date of birth is the one on record, where one is."""
    if life is None or life.majority_on is None:
        return True
    dob = terms.performer.dob
    return dob is not None and local_days.add_years(dob, 18) == life.majority_on


def holds(session: Session, performer: Performer, organization_id: str, role: str) -> bool:
    """Say whether an organization may sign in advance in a role of `IN_ADVANCE` now: the performer
    at their own desk, or who stands in their place by a mandate that is not for one contract."""
    if role == "performer":
        desk = session.get_one(Organization, performer.organization_id)
        return organization_id == desk.id and desk.kind == "performer"
    return role in IN_ADVANCE and role in mandates.roles_of(
        session, performer.id, organization_id, act=mandates.SIGN
    )


def still_holds(
    session: Session, performer: Performer, organization_id: str, role: str, *, since: datetime
) -> bool:
    """Say whether it holds such a role now as it did then: by one and the same mandate, where by
    one. A mandate that is given again is another."""
    if not holds(session, performer, organization_id, role):
        return False
    return role == "performer" or mandates.stood_since(
        session, performer.id, organization_id, since, roles=(role,), act=mandates.SIGN
    )


def why_not_in_advance(
    terms: documents.Terms, life: PerformerLife | None, role: str, *instants: datetime
) -> str | None:
    """Say why a signature in this role, given in advance, does not hold at all these instants.

    An adult gives one, for a minor the guardian, after a death the estate or the union for it; what
    one of them gave is nobody's to accept once it is another's to give. None where it holds.
    """
    for standing in (standing_under(terms, life, at=each) for each in instants):
        if role not in ENOUGH[standing]:
            return STANDS_SO[standing]
    return None if agrees(terms, life) else OTHER_DOB


def suffice(
    session: Session, contract: Contract, signatures: Iterable[ContractSignature], *, at: datetime
) -> bool:
    """Say whether these signatures put a contract in force at this instant.

    Each counts by what the performer was when it was made, and is now: a minor's own signature does
    not become an adult's on the birthday, nor does a dead performer's execute anything.
    """
    signed = list(signatures)
    life = mandates.life_of(session, contract.performer_id)
    return any(each.role == "licensee" for each in signed) and any(
        counts(contract, life, each.role, each.signed_at, at) for each in signed
    )


def counts(contract: Contract, life: PerformerLife | None, role: str, *instants: datetime) -> bool:
    """Say whether a signature in this role is enough beside the licensee's, at all these times."""
    return all(role in ENOUGH[standing_of(contract, life, at=each)] for each in instants)


def may_sign_again(
    session: Session, contract: Contract, signature: ContractSignature, *, at: datetime
) -> bool:
    """Say whether a signature that did not count when it was made would now: a minor's, of age."""
    life = mandates.life_of(session, contract.performer_id)
    return counts(contract, life, signature.role, at) and not counts(
        contract, life, signature.role, signature.signed_at
    )


def signatures_of(session: Session, contract: Contract) -> Sequence[ContractSignature]:
    """List a document's signatures, oldest first."""
    return session.exec(
        select(ContractSignature)
        .where(ContractSignature.contract_id == contract.id)
        .order_by(col(ContractSignature.id))
    ).all()
