"""A union signs for an estate that cannot be found: what it needs, shows, signs, and takes back.

It counts once the operator has seen the papers that are named by their hashes, and filed it. The
papers themselves go to the operator, not through here.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from app import clock
from app.identity.models import Organization, SigningKey
from app.identity.models_people import Passkey, Person
from app.language import SOURCE
from app.licensing.contracts import signing
from app.licensing.errors import AlreadySigned, MandateNotFound, MandateRefused
from app.licensing.mandates import service, telling
from app.licensing.words import plain_mandate
from app.licensing.words.plain_language import Section
from app.registry import mandates
from app.registry.models import Performer
from app.registry.models_mandates import Mandate, MandateDeclaration

ROLE = "union_for_estate"
PAPERS = mandates.EVIDENCE[ROLE]  # what is needed: that they died, and that nobody was found


def document_of(
    union: Organization,
    performer: Performer,
    *,
    died_on: date,
    last_day: date,
    papers: Mapping[str, str],
) -> dict[str, Any]:
    """Write down the mandate from now on, until the end of a day (UTC).

    `papers`: the SHA-256 of each, by kind.
    """
    ends_at = datetime.combine(last_day, time(23, 59, 59), UTC)
    return {
        "v": 1,
        "type": "understudy-mandate",
        "performer": performer.id,
        "holder": union.id,
        "role": ROLE,
        "acts": sorted(mandates.POWERS[ROLE]),
        "contract": None,
        "starts_at": clock.now().replace(microsecond=0).isoformat(),
        "ends_at": ends_at.isoformat(),
        "papers": [{"kind": kind, "sha256": papers[kind]} for kind in PAPERS],
        "died_on": died_on.isoformat(),
    }


def to_sign(
    session: Session,
    union: Organization,
    performer: Performer,
    person: Person,
    document: dict[str, Any],
    *,
    origin: str,
    tongue: str = SOURCE,
) -> str:
    """Return what a challenge is about, with the document: the words are those of `in_words`.

    Refuses here what could not be filed, before anybody signs it: raises MandateInvalid,
    MandateRefused.
    """
    said, signed = service.read(document)
    service.check_may_be_filed(session, performer, said)
    about = signing.statement_of(
        signed,
        [in_words(union, performer, document, tongue=tongue)],
        tongue=tongue,
        role=service.GRANTOR,
        organization_id=union.id,
        person_id=person.id,
        origin=origin,
    )
    return json.dumps(json.loads(about) | {"declaration": document})


def in_words(
    union: Organization, performer: Performer, document: dict[str, Any], *, tongue: str = SOURCE
) -> Section:
    """Say in a language what is declared, as `to_sign` has it signed. Raises MandateInvalid."""
    said, _signed = service.read(document)
    return plain_mandate.of_declaration(
        said, performer=performer.name, union=union.name, tongue=tongue
    )


def declare(
    session: Session, union: Organization, passkey: Passkey, *, about: str, answer: str
) -> MandateDeclaration:
    """Keep what a union's officer signed, for the operator to file. Expects that it was answered.

    The performer's side is told, so that whoever is alive can say so before it counts.
    Raises MandateRefused where it can be filed no more, or another page asked; SignatureRefused,
    AlreadySigned, RecoveredLately.
    """
    document = json.loads(about).get("declaration")
    if document is None:
        raise MandateRefused("what was signed is no such declaration; load its page again")
    said, signed = service.read(document)
    performer = service.lock(session, said.performer)
    service.check_may_be_filed(session, performer, said)
    key, text = signing.signature_over(
        session,
        passkey,
        signed,
        organization_id=union.id,
        role=service.GRANTOR,
        about=about,
        answer=answer,
    )
    digest = hashlib.sha256(signed).hexdigest()
    same = select(MandateDeclaration).where(MandateDeclaration.document_sha256 == digest)
    if session.exec(same).first() is not None:
        raise AlreadySigned("exactly this was signed before")
    made = MandateDeclaration(
        organization_id=union.id,
        performer_id=said.performer,
        document=signed.decode(),
        document_sha256=digest,
        signature=text,
        signing_key_id=key.id,
    )
    session.add(made)
    session.flush()
    telling.tell_of_death(session, "death-declared", performer, by=union.id)
    return made


def waiting(session: Session) -> Sequence[MandateDeclaration]:
    """List what waits for the operator, newest first."""
    still = select(MandateDeclaration).where(col(MandateDeclaration.ended_at).is_(None))
    return session.exec(still.order_by(col(MandateDeclaration.id).desc())).all()


def unfiled_of(session: Session, union_id: str, *, limit: int) -> Sequence[MandateDeclaration]:
    """List what a union signed and nobody filed: all that waits, then the newest taken back."""
    theirs = (
        select(MandateDeclaration)
        .where(
            MandateDeclaration.organization_id == union_id,
            col(MandateDeclaration.mandate_id).is_(None),
        )
        .order_by(col(MandateDeclaration.id).desc())
    )
    ended = col(MandateDeclaration.ended_at)
    return [
        *session.exec(theirs.where(ended.is_(None))),
        *session.exec(theirs.where(ended.is_not(None)).limit(limit)),
    ]


def take_back(session: Session, union_id: str, declaration_id: str) -> MandateDeclaration:
    """Take back what waits: nobody files it any more. Raises MandateNotFound for another's."""
    found = _locked(session, declaration_id)
    if found.organization_id != union_id:
        raise _unknown(declaration_id)
    if found.ended_at is None:
        found.ended_at = clock.now()
        session.add(found)
        session.flush()
    return found


def document_to_file(session: Session, declaration_id: str) -> dict[str, Any]:
    """Return what a union signed and nobody filed yet. Raises MandateNotFound, MandateRefused."""
    found = session.get(MandateDeclaration, declaration_id)
    if found is None:
        raise _unknown(declaration_id)
    _check_waits(found)
    document: dict[str, Any] = json.loads(found.document)
    return document


def file(session: Session, declaration_id: str, papers: Sequence[Path]) -> Mandate:
    """File what a union signed, as `service.file` does: the operator calls it, with the papers.

    Raises MandateNotFound, MandateRefused for what was filed before or taken back, and what that
    raises: the signature is checked over the document that is kept.
    """
    found = _locked(session, declaration_id)
    _check_waits(found)
    key = session.get_one(SigningKey, found.signing_key_id)
    mandate = service.file(
        session, json.loads(found.document), papers=papers, asserted=(key, found.signature)
    )
    found.ended_at, found.mandate_id = clock.now(), mandate.id
    session.add(found)
    session.flush()
    return mandate


def _check_waits(declared: MandateDeclaration) -> None:
    if declared.ended_at is not None:
        raise MandateRefused(f"{declared.id} is filed already, or its union has taken it back")


def _locked(session: Session, declaration_id: str) -> MandateDeclaration:
    one = select(MandateDeclaration).where(MandateDeclaration.id == declaration_id)
    locked = one.with_for_update().execution_options(populate_existing=True)
    found = session.exec(locked).first()
    if found is None:
        raise _unknown(declaration_id)
    return found


def _unknown(declaration_id: str) -> MandateNotFound:
    return MandateNotFound(f"nothing of yours that was declared has the id {declaration_id[:64]}")
