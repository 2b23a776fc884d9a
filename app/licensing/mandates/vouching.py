"""Vouch for a performer, by a signed act of an agency or a union that speaks for them."""

from collections.abc import Mapping
from typing import Any, Literal

import rfc8785
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlmodel import Session, col, select

from app.identity.models import Organization
from app.licensing.contracts.service import registered_key
from app.licensing.contracts.signatures import check_detached
from app.registry import identities
from app.registry import service as registry
from app.registry.errors import IdentityRefused, PerformerUnknown
from app.registry.models import Performer
from app.registry.models_identity import IdentityProof

VOUCHER = "voucher"
WHAT_IS_SIGNED = "the vouching's RFC 8785 form; sign exactly the document you send, canonicalised"


class Vouching(BaseModel):
    """What a voucher signs: that they know the person whose face this replica was made from."""

    model_config = ConfigDict(extra="forbid", strict=True)

    v: Literal[1]
    type: Literal["understudy-vouching"]
    performer: str
    replica: str
    says: Literal["I know this person, and they are who the registry says they are."]


def spoken_for(session: Session, organization_id: str, performer_id: str) -> Performer:
    """Return a performer to an agency or union that may vouch. Raises PerformerUnknown."""
    performer = session.get(Performer, performer_id)
    organization = session.get_one(Organization, organization_id)
    if performer is None or not identities.may_vouch(session, performer, organization):
        raise PerformerUnknown(f"no performer of yours has the id {performer_id[:64]}")
    return performer


def word_of(session: Session, organization_id: str, performer_id: str) -> Performer:
    """Return a performer to who may vouch, or has vouched: one's word can always be taken back.

    Also where the mandate or the agency it was given under has ended. Raises PerformerUnknown.
    """
    given = select(IdentityProof.id).where(
        IdentityProof.performer_id == performer_id,
        IdentityProof.organization_id == organization_id,
        col(IdentityProof.revoked_at).is_(None),
    )
    if session.exec(given).first() is not None:
        return session.get_one(Performer, performer_id)
    return spoken_for(session, organization_id, performer_id)


def vouch(
    session: Session,
    performer: Performer,
    organization_id: str,
    *,
    document: Mapping[str, Any],
    jws: str,
) -> IdentityProof:
    """Keep a voucher's signed word for a performer's newest replica.

    Raises IdentityRefused, SignatureRefused.
    """
    try:
        said = Vouching.model_validate(dict(document))
        signed = bytes(rfc8785.dumps(dict(document)))
    except (ValidationError, ValueError, TypeError, RecursionError) as error:
        raise IdentityRefused(f"this is no vouching as docs/identity.md has it: {error}") from error
    newest = registry.replicas_of(session, performer.id)[0]
    if (said.performer, said.replica) != (performer.id, newest.id):
        raise IdentityRefused("the document is about another performer, or an earlier replica")
    key = registered_key(session, organization_id, jws)
    check_detached(signed, jws, key.public_jwk, key_id=key.id, role=VOUCHER, of=WHAT_IS_SIGNED)
    return identities.keep(
        session, performer, newest.id, "vouched", by=key, document=signed.decode(), signature=jws
    )


def take_back(session: Session, performer: Performer, organization_id: str) -> None:
    """End every word an organization gave for a performer, from this instant on."""
    theirs = select(IdentityProof).where(
        IdentityProof.performer_id == performer.id,
        IdentityProof.organization_id == organization_id,
    )
    for proof in session.exec(theirs):
        identities.revoke(session, proof)


def record_document(session: Session, performer: Performer, reference: str) -> IdentityProof:
    """Put down that a performer's document was checked elsewhere, under a reference: the operator.

    Raises IdentityRefused.
    """
    if not 3 <= len(reference) <= 200 or not reference.isprintable():
        raise IdentityRefused("say who checked the document and under which number, in 200 letters")
    newest = registry.replicas_of(session, performer.id)[0]
    return identities.keep(session, performer, newest.id, "document", reference=reference)
