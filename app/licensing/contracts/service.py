"""Contracts in force: signed, suspended, resumed, withdrawn; who may see one, and sign it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlmodel import Session, col, select

from app import clock
from app.identity import passkeys
from app.identity.models import SigningKey
from app.licensing.boundaries import service as boundaries
from app.licensing.contracts import acts, ink, life, papers, places, signatories
from app.licensing.contracts.life import Act, Actor, State
from app.licensing.contracts.models import Contract, ContractSignature
from app.licensing.contracts.negotiation import (
    amend_contract,
    decline_offer,
    offer_contract,
    offer_draft,
    replace_document,
    retract_offer,
)
from app.licensing.contracts.ratification import (
    RATIFICATION,
    ratify_contract,
    waits_to_be_ratified,
)
from app.licensing.contracts.signatories import signatures_of, signer_of
from app.licensing.contracts.signatures import check_detached, check_signature, key_id_of
from app.licensing.document import contract as documents
from app.licensing.errors import (
    AlreadySigned,
    ContractNotFound,
    SignatureRefused,
)
from app.registry import lives
from app.registry.models import Performer
from app.transparency import service as transparency

__all__ = [
    "RATIFICATION",
    "amend_contract",
    "contract_of",
    "decline_offer",
    "document_of",
    "documents_of",
    "execute",
    "keep_signature",
    "newest_document_of",
    "offer_contract",
    "offer_draft",
    "ratify_contract",
    "registered_key",
    "replace_document",
    "resume_contract",
    "retract_offer",
    "sign_contract",
    "sign_in_ink",
    "signatures_of",
    "signer_of",
    "suspend_contract",
    "version_of",
    "waits_to_be_ratified",
    "withdraw_contract",
]


def sign_contract(
    session: Session,
    contract: Contract,
    organization_id: str,
    *,
    role: str,
    jws: str,
    acknowledged: Collection[str] = (),
    api_key_id: str | None = None,
) -> ContractSignature:
    """Keep a party's signature by a registered key: a detached JWS. As `keep_signature`.

    Raises what that does, and SignatureRefused for a JWS that does not verify.
    """

    def made() -> tuple[SigningKey, str]:
        key = registered_key(session, organization_id, jws)
        check_detached(contract.document.encode(), jws, key.public_jwk, key_id=key.id, role=role)
        return key, jws

    if role == RATIFICATION:
        return ratify_contract(session, contract, organization_id, made=made, api_key_id=api_key_id)
    return keep_signature(
        session,
        contract,
        organization_id,
        role=role,
        made=made,
        acknowledged=acknowledged,
        api_key_id=api_key_id,
    )


def sign_in_ink(
    session: Session,
    contract: Contract,
    organization_id: str,
    *,
    statement: Mapping[str, Any],
    jws: str,
    acknowledged: Collection[str] = (),
    api_key_id: str | None = None,
) -> ContractSignature:
    """Keep a party's signature in ink, handed in by that party, as its witness saw it.

    The witness is another organization with a registered key: no party of the contract, and nobody
    who acts for the performer, so that no agent signs by witnessing. The paper is attached before.
    Raises what `keep_signature` does.
    """
    said = ink.read(statement)

    def made() -> tuple[SigningKey, str]:
        text = ink.pack(statement, jws)
        key = session.get(SigningKey, key_id_of(jws))
        if key is None or key.revoked_at is not None or passkeys.is_of_passkey(session, key):
            raise SignatureRefused("the JWS names a key (kid) that is no witness's")
        check_signature(
            contract.document.encode(),
            text,
            key.public_jwk,
            key_id=key.id,
            organization_id=key.organization_id,
            role=said.role,
        )
        if not signatories.may_witness(session, contract, said.organization, key.organization_id):
            raise SignatureRefused(
                "a witness is neither party nor acts for the performer; name another one"
            )
        if said.paper_sha256 not in {each.sha256 for each in papers.papers_of(session, contract)}:
            raise SignatureRefused("attach the signed paper first: POST /v1/contracts/{id}/paper")
        return key, text

    if said.organization != organization_id:
        raise SignatureRefused("a signature in ink is handed in by the party whose it is")
    return keep_signature(
        session,
        contract,
        organization_id,
        role=said.role,
        made=made,
        acknowledged=acknowledged,
        api_key_id=api_key_id,
    )


def keep_signature(
    session: Session,
    contract: Contract,
    organization_id: str,
    *,
    role: str,
    made: Callable[[], tuple[SigningKey, str]],
    acknowledged: Collection[str] = (),
    api_key_id: str | None = None,
) -> ContractSignature:
    """Keep a party's signature; the last required one executes the document.

    `made` gives the verified signature and its key, and is called once the act is allowed. An
    amendment then takes the place of the version before it, at once or when it says. Who signed as
    a minor beside their guardian signs again when of age, in that signature's place. The signer's
    authority comes from what is registered, never from what the caller claims. `acknowledged`
    names the performer's own boundaries that the document crosses. Raises SignatureRefused,
    AlreadySigned, ActNotAllowed, ContractAlreadyWithdrawn, BoundariesNotAcknowledged,
    DeathDisputed.
    """
    if role not in signatories.ROLES:
        raise SignatureRefused(f"a contract is signed as {', '.join(signatories.ROLES)}: name one")
    acts.lock(session, contract)
    before = next((each for each in signatures_of(session, contract) if each.role == role), None)
    if life.state_of(contract, at=clock.now()) is not State.WITHDRAWN:
        if before and not signatories.may_sign_again(session, contract, before, at=clock.now()):
            raise AlreadySigned(f"{contract.series_id} is already signed by the {role}")
        signatories.insist(session, contract, organization_id, role, at=clock.now())
    actor = Actor(role)
    deed = acts.begin(
        session, contract, Act.SIGN, organization_id, actor=actor, api_key_id=api_key_id
    )
    papers.insist_on_paper(session, contract)
    key, text = made()
    if role != "licensee":
        boundaries.acknowledge(session, contract, acknowledged)
    signature = before or ContractSignature(
        contract_id=contract.id,
        role=role,
        organization_id=organization_id,
        signing_key_id=key.id,
        jws=text,
    )
    signature.organization_id, signature.signing_key_id = organization_id, key.id
    signature.jws, signature.signed_at = text, deed.at
    session.add(signature)
    contract.first_signed_at = contract.first_signed_at or deed.at
    session.flush()
    if signatories.suffice(session, contract, signatures_of(session, contract), at=deed.at):
        execute(deed)
    else:
        deed.finish()
    return signature


def registered_key(session: Session, organization_id: str, jws: str) -> SigningKey:
    """Return the key a JWS names, if it is this organization's. Raises SignatureRefused."""
    key = session.get(SigningKey, key_id_of(jws))
    if (
        key is None
        or key.organization_id != organization_id
        or key.revoked_at is not None
        or passkeys.is_of_passkey(session, key)
    ):
        raise SignatureRefused("the JWS names a key (kid) that is not registered for you")
    return key


def suspend_contract(
    session: Session,
    contract: Contract,
    organization_id: str,
    *,
    note: str = "",
    api_key_id: str | None = None,
) -> Contract:
    """Stop every use under all versions of this contract until it is resumed.

    The performer's side may. Takes the row locks that a release takes. Raises ActNotAllowed.
    """
    deed = acts.begin_on_whole(
        session, contract, Act.SUSPEND, organization_id, api_key_id=api_key_id
    )
    for version in deed.executed:
        version.suspended_at = deed.at
    _finish_on_log(deed, "contract-suspended", note=note)
    return deed.contract


def resume_contract(
    session: Session,
    contract: Contract,
    organization_id: str,
    *,
    note: str = "",
    api_key_id: str | None = None,
) -> Contract:
    """Allow uses again, as far as the contract does. Only the performer may.

    Raises ActNotAllowed, DeathDisputed.
    """
    deed = acts.begin_on_whole(
        session, contract, Act.RESUME, organization_id, api_key_id=api_key_id
    )
    lives.check_not_disputed(session, contract.performer_id)
    for version in deed.executed:
        version.suspended_at = None
    _finish_on_log(deed, "contract-resumed", note=note)
    return deed.contract


def withdraw_contract(
    session: Session, contract: Contract, organization_id: str, *, api_key_id: str | None = None
) -> Contract:
    """Withdraw consent from this instant on, with all versions and whatever is on the table.

    What is already released stays as the contract says. Only the performer may. Takes the row
    locks that a release takes, so nothing is released after this commits. Raises
    ContractAlreadyWithdrawn, ActNotAllowed.
    """
    deed = acts.begin_on_whole(
        session, contract, Act.WITHDRAW, organization_id, api_key_id=api_key_id
    )
    for document in deed.documents:
        document.withdrawn_at = deed.at
    _finish_on_log(deed, "consent-withdrawn")
    return deed.contract


def contract_of(session: Session, organization_id: str, contract_id: str) -> Contract:
    """Return the document in force of a contract its caller is a party of; before, the newest.

    Raises ContractNotFound for all others alike.
    """
    found = documents_of(session, organization_id, contract_id)
    face = acts.face(found, at=clock.now()) if any(each.version == 1 for each in found) else None
    if face is None:
        raise ContractNotFound(f"no contract of yours has the id {contract_id[:64]}")
    return face


def newest_document_of(session: Session, organization_id: str, contract_id: str) -> Contract:
    """Return what negotiation is about: the newest round of the newest version. As contract_of."""
    found = documents_of(session, organization_id, contract_id)
    if not found:
        raise ContractNotFound(f"no contract of yours has the id {contract_id[:64]}")
    return found[-1]


def documents_of(session: Session, organization_id: str, contract_id: str) -> Sequence[Contract]:
    """List every document of a contract that this organization may see, oldest round first.

    None for who is no party; a draft is seen by the side that writes it.
    """
    theirs = select(Contract).where(Contract.series_id == contract_id)
    found = session.exec(theirs.order_by(col(Contract.version), col(Contract.round))).all()
    if not found:
        return []
    performer = session.get_one(Performer, found[0].performer_id)
    actors = acts.actors_of(
        session, performer, found[0].licensee_id, organization_id, contract_id=contract_id
    )
    return [each for each in found if actors and acts.visible(each, actors)]


def document_of(
    session: Session,
    organization_id: str,
    contract_id: str,
    *,
    version: int | None = None,
    round_: int | None = None,
) -> Contract:
    """Return one document: of a version and round, or as contract_of. Raises ContractNotFound."""
    contract = contract_of(session, organization_id, contract_id)
    if version is None and round_ is None:
        return contract
    found = [
        each
        for each in documents_of(session, organization_id, contract_id)
        if each.version == (version or contract.version) and round_ in (None, each.round)
    ]
    if not found:
        raise ContractNotFound(f"{contract_id} has no document of this version and round")
    return found[-1]


def version_of(session: Session, contract_id: str, version: int) -> Contract | None:
    """Return an executed version of a contract, by the contract's id."""
    return session.exec(
        select(Contract).where(
            Contract.series_id == contract_id,
            Contract.version == version,
            col(Contract.executed_at).is_not(None),
        )
    ).first()


def execute(deed: acts.Deed) -> None:
    """Put a document into force: signed by both, it supersedes the versions before it."""
    contract, before = deed.contract, deed.executed
    amends = documents.recorded(contract.document.encode()).amends
    later = deed.at if amends is None else amends.effective_at or deed.at
    contract.executed_at, contract.effective_at = deed.at, max(deed.at, later)
    for version in before:
        version.superseded_at = min(
            version.superseded_at or contract.effective_at, contract.effective_at
        )
        contract.suspended_at = version.suspended_at  # what stops the contract stops it whole
    places.allot(deed.session, contract.series_id)
    _finish_on_log(deed, "contract-amended" if before else "contract-executed")


def _finish_on_log(deed: acts.Deed, kind: str, *, note: str = "") -> None:
    """Write an act down, and promise the public log a leaf that commits to what stands after it."""
    event, contract = deed.finish(note=note), deed.contract
    transparency.record(
        deed.session,
        kind,
        contract.series_id,
        {
            "document": contract.document_sha256,
            "version": contract.version,
            "evidence": event.evidence_sha256,
        },
    )
