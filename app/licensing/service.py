"""Contracts from offer to withdrawal: who may sign, when it is executed, who may end it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlmodel import Session, col, or_, select

from app import clock
from app.identity.models import Organization, SigningKey
from app.licensing import boundaries, local_days, papers
from app.licensing import contract as documents
from app.licensing.errors import (
    AlreadySigned,
    ContractAlreadyWithdrawn,
    ContractInvalid,
    ContractNotFound,
    SignatureRefused,
)
from app.licensing.models import Contract, ContractSignature
from app.licensing.signatures import check_detached, key_id_of
from app.registry.models import Performer
from app.transparency import service as transparency

REQUIRED_ROLES = frozenset({"performer", "licensee"})


def offer_contract(session: Session, organization_id: str, document: Mapping[str, Any]) -> Contract:
    """Put a document between two parties; neither is bound before both have signed it.

    Raises ContractInvalid with a pointer to every field that is wrong, or when the caller is
    neither party; BoundariesCrossed where it asks for what the performer never does.
    """
    try:
        terms = documents.parse(document)
    except documents.DocumentRefused as refused:
        problems = [{"pointer": p.pointer, "message": p.message} for p in refused.problems]
        raise ContractInvalid(str(refused), errors=problems) from refused
    # The lock keeps two offers of the same words from becoming two contracts.
    performer = session.get(Performer, terms.performer.id, with_for_update=True)
    licensee = session.get(Organization, terms.licensee)
    if performer is None or licensee is None:
        pointer = "/performer/id" if performer is None else "/licensee"
        raise ContractInvalid(
            f"{pointer}: nobody is registered under this id; take ids from the registry",
            errors=[{"pointer": pointer, "message": "nobody is registered under this id"}],
        )
    if organization_id not in _parties(performer, licensee.id):
        raise ContractInvalid("you are neither party of this contract; only a party offers it")
    digest = documents.digest(terms)
    same = select(Contract).where(
        Contract.performer_id == performer.id,
        Contract.licensee_id == licensee.id,
        Contract.document_sha256 == digest,
    )
    contract = session.exec(same).first()
    if contract is not None:
        return contract  # the same words between the same two are the same contract
    boundaries.check_offer(session, performer, organization_id, terms)
    contract = Contract(
        performer_id=performer.id,
        licensee_id=licensee.id,
        version=1,
        document=documents.canonical(terms).decode(),
        document_sha256=digest,
    )
    session.add(contract)
    session.flush()
    return contract


def sign_contract(
    session: Session,
    contract: Contract,
    organization_id: str,
    *,
    role: str,
    jws: str,
    acknowledged: Collection[str] = (),
) -> ContractSignature:
    """Keep a party's signature; the last required one executes the contract at once.

    The signer's authority comes from what is registered, never from what the caller claims.
    `acknowledged` names the performer's own boundaries that the document crosses. Raises
    SignatureRefused, AlreadySigned, ContractAlreadyWithdrawn, BoundariesNotAcknowledged.
    """
    session.refresh(contract, with_for_update=True)
    if contract.withdrawn_at is not None:
        raise ContractAlreadyWithdrawn(
            f"{contract.id} was withdrawn at {contract.withdrawn_at}; offer a new contract"
        )
    if any(signature.role == role for signature in signatures_of(session, contract)):
        raise AlreadySigned(f"{contract.id} is already signed by the {role}")
    if organization_id != signer_of(session, contract, role):
        raise SignatureRefused(
            f"your organization may not sign {contract.id} as {role}: the performer signs through "
            "their own desk, not through an agency, and the licensee through theirs"
        )
    papers.insist_on_paper(session, contract)
    key = session.get(SigningKey, key_id_of(jws))
    if key is None or key.organization_id != organization_id or key.revoked_at is not None:
        raise SignatureRefused("the JWS names a key (kid) that is not registered for you")
    check_detached(contract.document.encode(), jws, key.public_jwk, key_id=key.id, role=role)
    if role != "licensee":
        boundaries.acknowledge(session, contract, acknowledged)
    signature = ContractSignature(
        contract_id=contract.id,
        role=role,
        organization_id=organization_id,
        signing_key_id=key.id,
        jws=jws,
    )
    session.add(signature)
    session.flush()
    roles = {signature.role for signature in signatures_of(session, contract)}
    if roles >= REQUIRED_ROLES:
        contract.executed_at = clock.now()
        session.add(contract)
        transparency.record(
            session, "contract-executed", contract.id, {"document": contract.document_sha256}
        )
        session.flush()
    return signature


def withdraw_contract(session: Session, contract: Contract, organization_id: str) -> Contract:
    """Withdraw consent from this instant on; what is already released stays as the contract says.

    Only the performer may. Takes the row lock that a release takes, so nothing is released after
    this commits. Raises ContractAlreadyWithdrawn.
    """
    session.refresh(contract, with_for_update=True)
    performer = session.get_one(Performer, contract.performer_id)
    if organization_id != performer.organization_id:
        raise ContractNotFound(f"{contract.id} is not a contract in which you gave consent")
    if contract.withdrawn_at is not None:
        raise ContractAlreadyWithdrawn(f"{contract.id} was withdrawn at {contract.withdrawn_at}")
    contract.withdrawn_at = clock.now()
    session.add(contract)
    transparency.record(
        session, "consent-withdrawn", contract.id, {"document": contract.document_sha256}
    )
    session.flush()
    return contract


def contract_of(session: Session, organization_id: str, contract_id: str) -> Contract:
    """Return a contract its caller is a party of. Raises ContractNotFound for all others alike."""
    contract = session.get(Contract, contract_id)
    if contract is not None:
        performer = session.get_one(Performer, contract.performer_id)
        if organization_id in _parties(performer, contract.licensee_id):
            return contract
    raise ContractNotFound(f"no contract of yours has the id {contract_id[:64]}")


def contracts_of(session: Session, organization_id: str) -> Sequence[Contract]:
    """List the contracts an organization is a party of, newest first."""
    return session.exec(
        select(Contract)
        .join(Performer, col(Performer.id) == col(Contract.performer_id))
        .where(
            or_(
                col(Contract.licensee_id) == organization_id,
                col(Performer.organization_id) == organization_id,
                col(Performer.agent_organization_id) == organization_id,
            )
        )
        .order_by(col(Contract.id).desc())
    ).all()


def signatures_of(session: Session, contract: Contract) -> Sequence[ContractSignature]:
    """List a contract's signatures, oldest first."""
    return session.exec(
        select(ContractSignature)
        .where(ContractSignature.contract_id == contract.id)
        .order_by(col(ContractSignature.id))
    ).all()


def license_state(contract: Contract, *, at: datetime, permitted_at: datetime | None = None) -> str:
    """Say in one word whether this contract licensed its use at an instant.

    `licensed`, `not-executed`, `not-begun`, `expired`, `withdrawn`, or `tampered` where the stored
    document is not the one that was signed. What was permitted before (`permitted_at`) may be
    finished after a withdrawal or the term's end, where the contract says so; a notice given runs
    its days. The policies in `policies/` decide the same.
    """
    document = contract.document.encode()
    if sha256(document).hexdigest() != contract.document_sha256:
        return "tampered"
    terms = documents.recorded(document)
    term, ending, instant = terms.grant.term, terms.revocation, local_days.micros(at)
    if contract.executed_at is None or at < contract.executed_at:
        return "not-executed"
    if contract.withdrawn_at is not None and at >= contract.withdrawn_at:
        stops_at = local_days.micros(contract.withdrawn_at)
        if ending.wind_down == "notice_period":
            stops_at = local_days.add_days(stops_at, ending.notice_days, term.tz)
        in_flight = permitted_at is not None and permitted_at < contract.withdrawn_at
        if instant >= stops_at and not (in_flight and ending.wind_down == "finish_in_flight"):
            return "withdrawn"
    if instant < term.starts_at:
        return "not-begun"
    in_flight = permitted_at is not None and local_days.micros(permitted_at) < term.ends_at
    if instant >= term.ends_at and not (in_flight and ending.expiry_in_flight == "finish"):
        return "expired"
    years = terms.policy.max_term_years  # a law the parties chose may end it earlier
    if years is not None and instant < term.ends_at:
        capped_at = local_days.midnight(local_days.add_years(term.start, years), term.tz)
        return "licensed" if instant < capped_at else "expired"
    return "licensed"


def signer_of(session: Session, contract: Contract, role: str) -> str | None:
    """Return which organization may sign in this role, from what is registered."""
    if role == "licensee":
        return contract.licensee_id
    performer = session.get_one(Performer, contract.performer_id)
    desk = session.get_one(Organization, performer.organization_id)
    return desk.id if role == "performer" and desk.kind == "performer" else None


def _parties(performer: Performer, licensee_id: str) -> frozenset[str]:
    ids = (performer.organization_id, performer.agent_organization_id, licensee_id)
    return frozenset(id_ for id_ in ids if id_ is not None)
