"""Signing as a person: who may, what they are shown, and the signature their passkey gave."""

import json
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from sqlmodel import Session

from app.identity import passkeys, people
from app.identity.models import Organization, SigningKey
from app.identity.models_people import Passkey, Person
from app.language import SOURCE
from app.licensing.contracts import assertions, ink, service, signatories
from app.licensing.contracts.models import Contract, ContractSignature
from app.licensing.contracts.names import registered_names
from app.licensing.contracts.signatures import check_detached, check_signature
from app.licensing.document import contract as documents
from app.licensing.errors import ContractNotFound, SignatureRefused
from app.licensing.words import plain_language
from app.recovery import service as recovery

# What one must be in the organization that signs, by the role in which it does.
SIGNS = {
    "performer": ("performer",),
    "guardian": ("guardian",),
    "estate_rep": ("estate",),
    "union_for_estate": ("union_officer",),
    "loan_out": ("loan_out",),
    "licensee": ("production_approver",),
}


@dataclass(frozen=True)
class Seat:
    """A person at the table: which document, for whom, in which role, if in any."""

    contract: Contract
    organization: Organization
    role: str | None


def seat_of(session: Session, person: Person, contract_id: str) -> Seat:
    """Say as what a person may sign what is on the table; role None where they may only look.

    From memberships and from what is registered, never from what is claimed. Raises
    ContractNotFound for who belongs to no party.
    """
    looking: Seat | None = None
    for membership, organization in people.memberships_of(session, person.id):
        try:
            contract = service.newest_document_of(session, organization.id, contract_id)
        except ContractNotFound:
            continue
        for role, those in SIGNS.items():
            holds = membership.role in those and signatories.may_sign(
                session, contract, organization.id, role
            )
            if holds:
                return Seat(contract, organization, role)
        looking = looking or Seat(contract, organization, None)
    if looking is None:
        raise ContractNotFound(f"no contract of yours has the id {contract_id[:64]}")
    return looking


def ratifying_seat_of(session: Session, person: Person, contract_id: str) -> Seat:
    """Return where a performer of age says yes to what was signed for them as a minor.

    Role None for a member of their desk who only looks. Raises ContractNotFound for everybody else,
    and where nothing waits to be ratified.
    """
    looking: Seat | None = None
    for membership, organization in people.memberships_of(session, person.id):
        try:
            contract = service.contract_of(session, organization.id, contract_id)
        except ContractNotFound:
            continue
        if organization.id != signatories.signer_of(session, contract, "performer"):
            continue
        if service.waits_to_be_ratified(session, contract):
            if membership.role in SIGNS["performer"]:
                return Seat(contract, organization, service.RATIFICATION)
            looking = looking or Seat(contract, organization, None)
    if looking is None:
        raise ContractNotFound(
            f"nothing under {contract_id[:64]} waits for the yes of a performer who came of age"
        )
    return looking


def sections(
    session: Session, contract: Contract, *, tongue: str = SOURCE
) -> list[plain_language.Section]:
    """Say a document in plain words, with the parties' registered names, in a language."""
    terms = documents.recorded(contract.document.encode())
    names = registered_names(session, contract)
    return plain_language.sections(terms, names=names, tongue=tongue)


def words_of(said: Collection[plain_language.Section]) -> str:
    """Return the words a person is shown, as the one text whose hash is signed."""
    lines = []
    for section in said:
        lines += [section.heading, *(f"- {sentence[0]}" for sentence in section.sentences), ""]
    return "\n".join(lines)


def to_sign(
    session: Session, seat: Seat, person: Person, *, origin: str, tongue: str = SOURCE
) -> str:
    """Return what a challenge is about, as JSON: the statement, and the words it names by hash.

    The words are those of `sections` in this `tongue`, which the statement names too.
    """
    return statement_of(
        seat.contract.document.encode(),
        sections(session, seat.contract, tongue=tongue),
        tongue=tongue,
        role=str(seat.role),
        organization_id=seat.organization.id,
        person_id=person.id,
        origin=origin,
    )


def statement_of(
    document: bytes,
    said: Collection[plain_language.Section],
    *,
    tongue: str = SOURCE,
    role: str,
    organization_id: str,
    person_id: str,
    origin: str,
) -> str:
    """Return what a challenge over any canonical document is about, shown in these words.

    `tongue` is the language they are in.
    """
    words = words_of(said)
    statement = assertions.statement(
        document,
        words,
        language=tongue,
        role=role,
        organization_id=organization_id,
        person_id=person_id,
        origin=origin,
        nonce=secrets.token_urlsafe(16),
    )
    return json.dumps({"statement": statement, "words": words})


def challenge_of(about: str) -> bytes:
    """Return the challenge for what `to_sign` returned."""
    return assertions.challenge(json.loads(about)["statement"])


def sign(
    session: Session,
    seat: Seat,
    passkey: Passkey,
    *,
    about: str,
    answer: str,
    acknowledged: Collection[str] = (),
) -> ContractSignature:
    """Keep a person's signature: checked as anybody could later, then as any party's.

    In a seat of `ratifying_seat_of` it is the performer's yes to what was signed for them. Expects
    that the passkey answered this challenge. Raises SignatureRefused where the document is no
    longer the one that was shown, RecoveredLately, and what `service.sign_contract` raises.
    """
    if seat.role is None:
        raise SignatureRefused(
            f"you may not sign for {seat.organization.name}: the performer signs as a member with "
            "that role, a production through one of its approvers, a guardian, an estate or a "
            "union by a mandate"
        )
    signed = signature_over(
        session,
        passkey,
        seat.contract.document.encode(),
        organization_id=seat.organization.id,
        role=seat.role,
        about=about,
        answer=answer,
    )
    if seat.role == service.RATIFICATION:
        return service.ratify_contract(
            session, seat.contract, seat.organization.id, made=lambda: signed
        )
    return service.keep_signature(
        session,
        seat.contract,
        seat.organization.id,
        role=seat.role,
        made=lambda: signed,
        acknowledged=acknowledged,
    )


def signature_over(
    session: Session,
    passkey: Passkey,
    document: bytes,
    *,
    organization_id: str,
    role: str,
    about: str,
    answer: str,
) -> tuple[SigningKey, str]:
    """Return what a passkey asserted over a canonical document, checked, with its key.

    Expects that the passkey answered this challenge. Raises SignatureRefused where the document is
    no longer the one that was shown, RecoveredLately.
    """
    recovery.check_may_bind(session, passkey.person_id)
    kept = json.loads(about)
    text = assertions.pack(kept["statement"], kept["words"], answer)
    key = passkeys.signing_key_of(session, passkey, organization_id)
    asserted = assertions.check(document, text, key.public_jwk, role=role)
    if (asserted.organization_id, asserted.person_id) != (organization_id, passkey.person_id):
        raise SignatureRefused("this was asked of somebody else; load the page again")
    return key, text


def signed_by(
    session: Session,
    organization_id: str,
    document: bytes,
    *,
    role: str,
    of: str,
    jws: str | None = None,
    asserted: tuple[SigningKey, str] | None = None,
) -> tuple[SigningKey, str]:
    """Verify a side's signature over a canonical document that is no contract; return key and text.

    By a registered key's `jws`, or by what a member's passkey `asserted`: its key, the text. `of`
    says what is signed, for who signed something else. Raises SignatureRefused.
    """
    if asserted is not None:
        key, text = asserted
        said = assertions.check(document, text, key.public_jwk, role=role)
        if said.organization_id != organization_id:
            raise SignatureRefused("the passkey signed for another organization")
        return asserted
    if jws is None:
        raise SignatureRefused("nothing is signed: send the JWS of a registered key")
    key = service.registered_key(session, organization_id, jws)
    check_detached(document, jws, key.public_jwk, key_id=key.id, role=role, of=of)
    return key, jws


def exported(session: Session, contract: Contract, signature: ContractSignature) -> dict[str, Any]:
    """Return one signature with all that checks it: `understudy verify-signature` needs no more."""
    key = session.get_one(SigningKey, signature.signing_key_id)
    return {
        "v": 1,
        "type": "understudy-signature",
        "contract_id": contract.series_id,
        "version": contract.version,
        "role": signature.role,
        "organization_id": signature.organization_id,
        "signing_key_id": key.id,
        "signed_at": signature.signed_at.astimezone(UTC).isoformat(),
        "public_jwk": key.public_jwk,
        "signature": signature.jws,
        "document": contract.document,
    }


def verified(said: dict[str, Any]) -> dict[str, Any]:
    """Check what `exported` returned, with nothing else at hand; say what was signed.

    Whether the key was that person's, only the installation can say, and its log. Raises
    SignatureRefused.
    """
    try:
        document, text = said["document"].encode(), said["signature"]
        role, jwk = said["role"], said["public_jwk"]
        named = {"key_id": said["signing_key_id"], "organization_id": said["organization_id"]}
        if (said["v"], said["type"]) != (1, "understudy-signature"):
            raise SignatureRefused("this file is of another format or version")
        found: dict[str, Any] = {"role": role, **named}
        check_signature(document, text, jwk, role=role, **named)
        if ink.is_ink(text):
            seen, _, _ = ink.unpack(text)
            return found | {"made_with": "ink, before a witness", "signer": seen.signer}
        if not assertions.is_assertion(text):
            return found | {"made_with": "a registered key (JWS)"}
        asserted = assertions.check(document, text, jwk, role=role)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise SignatureRefused(f"the file does not hold a signature: {error}") from None
    return found | {
        "made_with": "a passkey",
        "person": asserted.person_id,
        "origin": asserted.origin,
        "user_verified": asserted.user_verified,
        "passkey_may_be_copied": asserted.backup_eligible,
        "language": asserted.language,
        "words": asserted.words,
    }
