"""A standing offer accepted: a contract in force by the licensee's signature alone."""

from hashlib import sha256

from sqlmodel import Session, col, select

from app import clock
from app.identity.models import SigningKey
from app.identity.principal import Principal
from app.ledger import service as ledger
from app.licensing.boundaries import service as boundaries
from app.licensing.contracts import acts, negotiation, service, signatories
from app.licensing.contracts.history import By
from app.licensing.contracts.life import Act, Actor
from app.licensing.contracts.models import Contract, ContractSignature
from app.licensing.contracts.signatures import check_signature
from app.licensing.document import contract as documents
from app.licensing.errors import (
    AlreadySigned,
    SignatureRefused,
    StandingOfferNotFound,
    StandingOfferSpent,
)
from app.licensing.standing import service as standing
from app.licensing.standing import standing_document
from app.licensing.standing.models import StandingOffer, StandingOfferExecution
from app.money import format_minor
from app.registry import mandates
from app.registry.models import Performer


def contract_to_sign(offer: StandingOffer, by: Principal) -> bytes:
    """Return the contract that this organization signs to accept an offer, canonical.

    Raises StandingOfferNotFound for whom it is not made to.
    """
    document = standing.document_of(offer)
    if not standing_document.admits(document, licensee=by.organization_id, kind=by.kind):
        raise StandingOfferNotFound(f"{offer.id} is not made to organizations of your kind")
    return standing_document.contract_from(offer.document.encode(), by.organization_id)


def accept_offer(
    session: Session, offer: StandingOffer, by: Principal, *, made: standing.Made
) -> Contract:
    """Put a contract in force, signed by the performer in advance and now by the licensee.

    `made` gives the licensee's signature over the contract, and is called once all else allows it.
    One contract for each licensee, and no more than the offer's cap: whoever waits here for the
    last one finds it gone. Raises StandingOfferNotOpen (retracted, closed, exhausted, paused, its
    signature no longer holding), StandingOfferNotFound for the wrong kind of licensee,
    StandingOfferSpent, AlreadySigned, SignatureRefused, BoundariesCrossed.
    """
    performer = standing.lock(session, offer)
    text = contract_to_sign(offer, by)
    _check_open(session, offer, performer)
    terms = documents.recorded(text)
    boundaries.check_never(session, performer.id, terms, acknowledged=offer.acknowledged)
    before = standing.contract_of(session, offer, by.organization_id)
    if before is not None:
        raise AlreadySigned(f"you have accepted {offer.id} already: it is {before.series_id}")
    key, signature = made(text)
    contract = _write(session, offer, performer, terms, by, signature=signature, key=key)
    offer.executions += 1
    session.add(offer)
    execution = StandingOfferExecution(
        contract_id=contract.id, standing_offer_id=offer.id, number=offer.executions
    )
    session.add(execution)
    session.flush()
    return contract


def check_fees(
    session: Session, contract: Contract, *, fees_minor: int, generation_id: str
) -> None:
    """Insist that a use costs no more than its standing offer still allows; locks the offer.

    What counts is `Caps`: charged less given back, and held, under all contracts of the offer; the
    generation's own hold is left out, since `fees_minor` stands for it. Does nothing for contracts
    that were not made from one. Raises StandingOfferSpent.
    """
    offer = _offer_behind(session, contract)
    if offer is None:
        return
    session.refresh(offer, with_for_update=True)
    document = standing.document_of(offer)
    bound_minor = fees_bound(session, offer, except_generation=generation_id)
    if bound_minor + fees_minor > document.caps.fees_minor:
        currency = standing.currency_of(offer)
        left = format_minor(max(0, document.caps.fees_minor - bound_minor), currency)
        raise StandingOfferSpent(
            f"this use costs {format_minor(fees_minor, currency)}, and of what all contracts of "
            f"the standing offer {offer.id} may cost together {left} is left; ask for a shorter "
            "one, or offer the performer a contract of your own"
        )


def fees_bound(
    session: Session, offer: StandingOffer, *, except_generation: str | None = None
) -> int:
    """Return what the contracts of an offer cost by now: charged and held, in minor units."""
    return ledger.fees_bound(
        session,
        [contract.series_id for contract in _contracts(session, offer)],
        currency=standing.currency_of(offer),
        except_generation=except_generation,
    )


def performer_signed(
    session: Session, contract: Contract, signature: ContractSignature, key: SigningKey
) -> bool:
    """Whether a performer's signature, given in advance, covers this contract as it is stored.

    The offer is the one the document names; its stored bytes are those that were signed, and the
    contract is its terms, word for word, for a licensee it is made to.
    """
    offer = _offer_behind(session, contract)
    if offer is None:
        return False
    signed, text = offer.document.encode(), contract.document.encode()
    try:
        check_signature(
            signed,
            signature.jws,
            key.public_jwk,
            key_id=key.id,
            organization_id=signature.organization_id,
            role=signature.role,
        )
    except SignatureRefused:
        return False
    intact = sha256(signed).hexdigest() == offer.document_sha256
    return intact and standing_document.is_of(text, signed)


def _offer_behind(session: Session, contract: Contract) -> StandingOffer | None:
    """Return the offer a contract says it was made from, by the offer's hash."""
    named = documents.recorded(contract.document.encode()).standing_offer
    if named is None:
        return None
    return session.exec(
        select(StandingOffer).where(
            StandingOffer.performer_id == contract.performer_id,
            StandingOffer.document_sha256 == named,
        )
    ).first()


def _contracts(session: Session, offer: StandingOffer) -> list[Contract]:
    """List the contracts made from an offer, oldest first."""
    return list(
        session.exec(
            select(Contract)
            .join(
                StandingOfferExecution,
                col(StandingOfferExecution.contract_id) == col(Contract.id),
            )
            .where(StandingOfferExecution.standing_offer_id == offer.id)
            .order_by(col(StandingOfferExecution.number))
        )
    )


def _check_open(session: Session, offer: StandingOffer, performer: Performer) -> None:
    """Insist that an offer can be accepted at this instant, and that it is what was signed."""
    now = clock.now()
    state = offer.status(now)
    if state != "open":
        raise standing.not_open(offer, state)
    if performer.paused_at is not None:
        raise standing.not_open(offer, "paused")
    life = mandates.life_of(session, performer.id)
    given_at, signed = offer.signed_at or now, standing.signed_as(session, offer)
    if signed is None or offer.jws is None:
        raise standing.not_open(offer, "draft")
    role, key = signed
    why_not = signatories.why_not_in_advance(standing.terms_of(offer), life, role, given_at, now)
    if why_not or not signatories.still_holds(
        session, performer, key.organization_id, role, since=given_at
    ):
        raise standing.not_open(offer, "no longer theirs to give who signed it")
    document = offer.document.encode()
    if key.revoked_at is not None:
        raise standing.not_open(offer, "no longer signed with a key that holds")
    try:
        check_signature(
            document,
            offer.jws,
            key.public_jwk,
            key_id=key.id,
            organization_id=key.organization_id,
            role=role,
        )
    except SignatureRefused:
        raise standing.not_open(offer, "not what the performer signed") from None
    if sha256(document).hexdigest() != offer.document_sha256:
        raise standing.not_open(offer, "not what the performer signed")
    if fees_bound(session, offer) >= standing.document_of(offer).caps.fees_minor:
        raise StandingOfferSpent(f"what all contracts of {offer.id} may cost together is spent")


def _write(
    session: Session,
    offer: StandingOffer,
    performer: Performer,
    terms: documents.Contract,
    by: Principal,
    *,
    signature: str,
    key: SigningKey,
) -> Contract:
    """Write the contract with both signatures, and put it in force."""
    at = clock.now()
    advance = _in_advance(session, offer)
    author = By(advance.organization_id, Actor(advance.role))
    proposal = negotiation.Proposal(terms, performer, by.organization_id)
    contract = negotiation.document_row(proposal, author, at=at)
    contract.series_id = contract.id
    contract.offered_at = contract.first_signed_at = at
    session.add(contract)
    session.flush()
    advance.contract_id = contract.id
    session.add(advance)
    session.add(
        ContractSignature(
            contract_id=contract.id,
            role="licensee",
            organization_id=by.organization_id,
            signing_key_id=key.id,
            jws=signature,
            signed_at=at,
        )
    )
    session.flush()
    licensee = By(by.organization_id, Actor.LICENSEE, by.api_key_id)
    service.execute(acts.Deed(session, Act.SIGN, contract, [contract], licensee, at))
    return contract


def _in_advance(session: Session, offer: StandingOffer) -> ContractSignature:
    """Return the performer's side's signature on a contract: the one given to the offer, when it
    was. `performer_signed` holds it against the offer's document."""
    signed = standing.signed_as(session, offer)
    if signed is None or offer.jws is None or offer.signed_at is None:
        raise standing.not_open(offer, "draft")
    role, key = signed
    return ContractSignature(
        contract_id="",  # known once the contract is written
        role=role,
        organization_id=key.organization_id,
        signing_key_id=key.id,
        jws=offer.jws,
        signed_at=offer.signed_at,
    )
