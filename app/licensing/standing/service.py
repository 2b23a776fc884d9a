"""Standing offers: drafted, signed in advance, found, accepted at any hour, retracted at once."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app import clock
from app.identity.models import Organization, SigningKey
from app.identity.principal import Principal
from app.licensing.boundaries import service as boundaries
from app.licensing.contracts import service, signatories
from app.licensing.contracts.models import Contract
from app.licensing.contracts.signatures import check_detached, role_of
from app.licensing.document import contract as documents
from app.licensing.document.limits import Finding, Limits, findings
from app.licensing.errors import (
    AlreadySigned,
    SignatureRefused,
    StandingOfferInvalid,
    StandingOfferNotFound,
    StandingOfferNotOpen,
)
from app.licensing.standing import standing_document
from app.licensing.standing.models import (
    StandingOffer,
    StandingOfferAudience,
    StandingOfferExecution,
)
from app.registry import lives, mandates
from app.registry import service as registry
from app.registry.errors import PerformerUnknown
from app.registry.models import Performer

# Gives a party's verified signature over canonical bytes, with the key that made it.
Made = Callable[[bytes], tuple[SigningKey, str]]


def draft_offer(
    session: Session, organization_id: str, document: Mapping[str, Any]
) -> StandingOffer:
    """Keep an offer the performer may sign; until then nobody else sees it.

    The performer's desk or agency may, and who holds a mandate to negotiate. The same words again
    are the same offer. Raises StandingOfferInvalid with a pointer to every field that is wrong.
    """
    try:
        offer = standing_document.parse(document)
    except documents.DocumentRefused as refused:
        problems = [{"pointer": p.pointer, "message": p.message} for p in refused.problems]
        raise StandingOfferInvalid(str(refused), errors=problems) from refused
    try:
        performer = registry.performer_to(
            session, organization_id, offer.terms.performer.id, mandates.NEGOTIATE
        )
    except PerformerUnknown as unknown:
        raise _invalid("/terms/performer/id", unknown.detail) from unknown
    session.refresh(performer, with_for_update=True)
    _check_listed(session, offer, performer)
    text = standing_document.canonical(offer)
    digest = standing_document.sha256(text)
    same = select(StandingOffer).where(
        StandingOffer.performer_id == performer.id, StandingOffer.document_sha256 == digest
    )
    found = session.exec(same).first()
    if found is not None and found.retracted_at is None:
        return found
    if found is not None:
        raise _invalid("", f"these very words were retracted as {found.id}; change some")
    made = StandingOffer(
        performer_id=performer.id,
        document=text.decode(),
        document_sha256=digest,
        max_executions=offer.caps.executions,
        closes_at=offer.closes_at,
        found_by=standing_document.found_by(offer),
    )
    session.add(made)
    session.flush()
    session.add_all(
        StandingOfferAudience(standing_offer_id=made.id, who=who)
        for who in (*map(_kind, offer.licensees.kinds), *offer.licensees.listed)
    )
    session.flush()
    return made


def with_key(session: Session, organization_id: str, jws: str, *, role: str) -> Made:
    """Sign as an organization's system does: a detached JWS by one of its registered keys."""

    def made(text: bytes) -> tuple[SigningKey, str]:
        key = service.registered_key(session, organization_id, jws)
        check_detached(text, jws, key.public_jwk, key_id=key.id, role=role)
        return key, jws

    return made


def sign_offer(
    session: Session,
    offer: StandingOffer,
    organization_id: str,
    *,
    role: str,
    made: Made,
    acknowledged: Collection[str] = (),
) -> StandingOffer:
    """Open a standing offer: the performer's signature over its document, given in advance.

    An adult signs at their own desk, for a minor the guardian, after a death the estate, by a
    mandate that stands. The performer's boundaries are asked as before any signature; `made` gives
    it, and is called once all else allows it. Raises SignatureRefused, AlreadySigned,
    StandingOfferNotOpen, BoundariesNotAcknowledged, DeathDisputed.
    """
    performer = lock(session, offer)
    if not signatories.holds(session, performer, organization_id, role):
        raise SignatureRefused(
            f"{offer.id} is signed through the performer's own desk, or as guardian or for an "
            "estate by a mandate; whoever accepts it signs the contract made from it"
        )
    lives.check_not_disputed(session, performer.id)
    status = offer.status(clock.now())
    if offer.signed_at is not None:
        raise AlreadySigned(f"{offer.id} is already signed")
    if status != "draft" or clock.now() >= offer.closes_at:
        raise not_open(offer, "closed" if status == "draft" else status)
    life = mandates.life_of(session, performer.id)
    refused = signatories.why_not_in_advance(terms_of(offer), life, role, clock.now())
    if refused is not None:
        raise SignatureRefused(f"{offer.id} is not signed in advance: {refused}")
    key, signature = made(offer.document.encode())
    found = boundaries.crossed(session, performer.id, terms_of(offer))
    boundaries.check_acknowledged(offer.id, found, acknowledged)
    offer.signed_at, offer.signing_key_id, offer.jws = clock.now(), key.id, signature
    offer.acknowledged = sorted({each.boundary for each in found})
    session.add(offer)
    session.flush()
    return offer


def retract_offer(session: Session, offer: StandingOffer) -> StandingOffer:
    """Let nobody accept this offer from this instant on; contracts made from it stay.

    Takes the locks that an acceptance takes, so nothing is executed after this commits. Raises
    StandingOfferNotOpen where it was retracted before: the first moment stands.
    """
    lock(session, offer)
    if offer.retracted_at is not None:
        raise not_open(offer, "retracted")
    offer.retracted_at = clock.now()
    session.add(offer)
    session.flush()
    return offer


def offer_of(session: Session, by: Principal, offer_id: str, *, own: bool = False) -> StandingOffer:
    """Return an offer of the caller's performer, or one that is signed and made to the caller.

    `own`: made by the performer the caller speaks for, or negotiates for by a mandate, and no
    other. Raises StandingOfferNotFound for all others alike.
    """
    offer = session.get(StandingOffer, offer_id)
    if offer is not None:
        performer = session.get_one(Performer, offer.performer_id)
        mine = by.organization_id in (
            performer.organization_id,
            performer.agent_organization_id,
        ) or mandates.roles_of(session, performer.id, by.organization_id, act=mandates.NEGOTIATE)
        if mine or (not own and _is_shown(session, offer, by)):
            return offer
    raise StandingOfferNotFound(f"no standing offer open to you has the id {offer_id[:64]}")


def open_to(by: Principal, found: sa.Select[Any] | SelectOfScalar[Any]) -> Any:
    """Narrow a question about standing offers to those this organization could accept now."""
    admitted = sa.exists().where(
        col(StandingOfferAudience.standing_offer_id) == col(StandingOffer.id),
        col(StandingOfferAudience.who).in_([by.organization_id, _kind(by.kind)]),
    )
    accepted = sa.exists(
        sa.select(1)
        .select_from(StandingOfferExecution)
        .join(Contract, col(Contract.id) == col(StandingOfferExecution.contract_id))
        .where(
            col(StandingOfferExecution.standing_offer_id) == col(StandingOffer.id),
            col(Contract.licensee_id) == by.organization_id,
        )
        .correlate(StandingOffer)
    )
    paused = sa.exists().where(
        col(Performer.id) == col(StandingOffer.performer_id), col(Performer.paused_at).is_not(None)
    )
    return found.where(
        admitted,
        ~accepted,
        col(StandingOffer.signed_at).is_not(None),
        col(StandingOffer.retracted_at).is_(None),
        col(StandingOffer.closes_at) > clock.now(),
        col(StandingOffer.executions) < col(StandingOffer.max_executions),
        ~paused,
    )


def open_offers(
    session: Session, by: Principal, *, performer_id: str | None, before: str | None, limit: int
) -> Sequence[StandingOffer]:
    """List what this organization could accept now, newest first; `before` continues a list."""
    found: Offers = open_to(by, select(StandingOffer))
    if performer_id is not None:
        found = found.where(StandingOffer.performer_id == performer_id)
    return session.exec(_page(found, before, limit)).all()


def offers_of(
    session: Session, performer: Performer, *, before: str | None, limit: int
) -> Sequence[StandingOffer]:
    """List every standing offer of a performer, drafts and past ones too, newest first."""
    theirs = select(StandingOffer).where(StandingOffer.performer_id == performer.id)
    return session.exec(_page(theirs, before, limit)).all()


def crossing_offers(
    session: Session, performer: Performer, limits: Limits, *, limit: int
) -> list[tuple[StandingOffer, list[Finding]]]:
    """Say which open offers of a performer would cross these limits, newest first.

    None of them could be accepted any more where that is a `never`, unless it was set aside.
    """
    standing = select(StandingOffer).where(
        StandingOffer.performer_id == performer.id,
        col(StandingOffer.signed_at).is_not(None),
        col(StandingOffer.retracted_at).is_(None),
        StandingOffer.closes_at > clock.now(),
        col(StandingOffer.executions) < col(StandingOffer.max_executions),
    )
    found = session.exec(_page(standing, None, limit)).all()
    crossing = [(offer, findings(terms_of(offer), limits)) for offer in found]
    return [(offer, crossed) for offer, crossed in crossing if crossed]


def document_of(offer: StandingOffer) -> standing_document.StandingOffer:
    """Read an offer's stored document."""
    return standing_document.parse(offer.document, recorded=True)


def terms_of(offer: StandingOffer) -> documents.Terms:
    """Read the terms of an offer."""
    return document_of(offer).terms


def signed_as(session: Session, offer: StandingOffer) -> tuple[str, SigningKey] | None:
    """Return in which role an offer is signed, and by which key; None for a draft.

    As the signature says: who relies on it checks that.
    """
    if offer.jws is None or offer.signing_key_id is None:
        return None
    return role_of(offer.jws), session.get_one(SigningKey, offer.signing_key_id)


def currency_of(offer: StandingOffer) -> str:
    """Return the currency in which an offer pays."""
    terms = terms_of(offer).compensation
    if terms is None:
        raise ValueError("a standing offer without compensation was drafted")
    return terms.currency


def lock(session: Session, offer: StandingOffer) -> Performer:
    """Lock the performer, then the offer: in the order of decisions. Returns the performer."""
    performer = session.get_one(
        Performer, offer.performer_id, with_for_update=True, populate_existing=True
    )
    session.refresh(offer, with_for_update=True)
    return performer


def not_open(offer: StandingOffer, state: str) -> StandingOfferNotOpen:
    """Return the refusal of an offer that stands like this."""
    return StandingOfferNotOpen(
        f"{offer.id} is {state}; look for an open one, or offer the performer a contract",
        state=state,
    )


def contract_of(session: Session, offer: StandingOffer, licensee_id: str) -> Contract | None:
    """Return the contract that a licensee has from an offer, or None."""
    theirs = (
        select(Contract)
        .join(
            StandingOfferExecution,
            col(StandingOfferExecution.contract_id) == col(Contract.id),
        )
        .where(
            StandingOfferExecution.standing_offer_id == offer.id,
            Contract.licensee_id == licensee_id,
        )
    )
    return session.exec(theirs).first()


def _is_shown(session: Session, offer: StandingOffer, by: Principal) -> bool:
    """Say whether somebody from outside sees an offer: once signed, if it is made to them.

    One that was retracted, as an erasure does with all, names the performer to nobody but those
    who hold a contract made from it.
    """
    document = document_of(offer)
    admitted = standing_document.admits(document, licensee=by.organization_id, kind=by.kind)
    if not admitted or offer.signed_at is None:
        return False
    return offer.retracted_at is None or contract_of(session, offer, by.organization_id) is not None


def _check_listed(
    session: Session, offer: standing_document.StandingOffer, performer: Performer
) -> None:
    """Insist that whoever is named is registered, and is not the performer's own desk."""
    for index, listed in enumerate(offer.licensees.listed):
        if listed == performer.organization_id or session.get(Organization, listed) is None:
            message = "nobody who could accept is registered under this id; take ids of others"
            raise _invalid(f"/licensees/listed/{index}", message)


def _invalid(pointer: str, message: str) -> StandingOfferInvalid:
    errors = [{"pointer": pointer, "message": message}]
    return StandingOfferInvalid(f"{pointer or '/'}: {message}", errors=errors)


def _kind(kind: str) -> str:
    """Spell a kind of organization as a line of the audience; no id looks like it."""
    return f"kind:{kind}"


Offers = SelectOfScalar[StandingOffer]


def _page(found: Offers, before: str | None, limit: int) -> Offers:
    if before is not None:
        found = found.where(col(StandingOffer.id) < before)
    return found.order_by(col(StandingOffer.id).desc()).limit(limit)
