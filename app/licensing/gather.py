"""What the server itself knows of contracts, gathered under their locks: nobody's claim."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256

import structlog
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.config import settings
from app.identity.models import SigningKey
from app.ledger import service as ledger
from app.licensing import acceptance, approvals, history, local_days, strikes
from app.licensing import contract as documents
from app.licensing.approvals_on_record import approvals_on_record
from app.licensing.errors import SignatureRefused
from app.licensing.inputs import (
    ContractInForce,
    ExclusiveFact,
    SignatureFact,
    State,
    Usage,
    UseRequest,
)
from app.licensing.models import Contract, ContractSignature
from app.licensing.service import signatures_of, signer_of
from app.licensing.signatures import check_detached
from app.registry.models import Performer

logger = structlog.get_logger()
LONG_AGO = local_days.EPOCH
Version = tuple[str, int]  # a contract's id, and which of its versions


def is_readable(contract: Contract) -> bool:
    """Say whether the stored document still is a contract; one that is not is reported."""
    try:
        documents.recorded(contract.document.encode())
    except documents.DocumentRefused:
        logger.error("a stored contract cannot be read", contract=contract.id)
        return False
    return True


def tampered(session: Session, contracts: Sequence[Contract]) -> set[str]:
    """Name the contracts whose stored rows are not those their parties made; each is reported."""
    found = history.broken(session, {contract.series_id for contract in contracts})
    found |= {contract.series_id for contract in contracts if not _is_signed_text(contract)}
    for series_id in sorted(found):
        logger.error("a stored contract was changed", contract=series_id)
    return found


def version_of(contract: Contract) -> Version:
    """Name a version as decisions do: the contract's id, and which of its versions."""
    return contract.series_id, contract.version


def may_govern(contract: Contract, under: Collection[Version | str] | None) -> bool:
    """Say whether a version is among those that may: named itself, or by its contract's id."""
    return under is None or contract.series_id in under or version_of(contract) in under


def lock_contracts(session: Session, performers: Sequence[str]) -> list[Contract]:
    """Lock the performers, then all documents that may matter to them, each in the order of ids.

    The performers first: every act on a contract locks its performer, so that what is read then
    is whole.
    """
    themselves = select(Performer).where(col(Performer.id).in_(performers))
    for query in (themselves.order_by(col(Performer.id)), of_performers(performers)):
        locked = session.exec(
            query.with_for_update().execution_options(populate_existing=True)
        ).all()
    return [row for row in locked if isinstance(row, Contract)]


def of_performers(performers: Collection[str]) -> SelectOfScalar[Contract]:
    """Ask for the documents of these performers that were offered and not replaced, by id."""
    return (
        select(Contract)
        .where(
            col(Contract.performer_id).in_(performers),
            col(Contract.offered_at).is_not(None),
            col(Contract.replaced_at).is_(None),
        )
        .order_by(col(Contract.id))
    )


def in_force(session: Session, contract: Contract) -> ContractInForce:
    """State what the server knows of one version: nothing here is anybody's claim.

    What was used is counted over all versions: an amendment does not fill a quota again.
    """
    performer = session.get_one(Performer, contract.performer_id)
    reserved, used = ledger.reserved_and_used_seconds(session, contract.series_id)
    reserved_renders, renders = ledger.reserved_and_used_renders(session, contract.series_id)
    document = contract.document.encode()
    return ContractInForce(
        id=contract.series_id,
        version=contract.version,
        status=_status(contract),
        terms=documents.recorded(document),
        executed_at=contract.executed_at,
        effective_at=contract.effective_at,
        intact=_is_signed_text(contract),
        signatures=tuple(_signature_facts(session, contract)),
        usage=Usage(used, reserved, renders, reserved_renders),
        withdrawn_at=contract.withdrawn_at,
        paused=performer.paused_at is not None,
    )


def _signature_facts(session: Session, contract: Contract) -> Iterator[SignatureFact]:
    """Verify every signature again, over the document as it is stored now.

    Where the performer signed in advance, theirs is over the standing offer the document names.
    """
    in_advance = documents.recorded(contract.document.encode()).standing_offer is not None
    for signature in signatures_of(session, contract):
        key = session.get_one(SigningKey, signature.signing_key_id)
        if in_advance and signature.role == "performer":
            valid = acceptance.performer_signed(session, contract, signature, key)
        else:
            valid = _verifies(contract.document.encode(), signature, key)
        yield SignatureFact(
            role=signature.role,
            signed_at=signature.signed_at,
            authority_verified=key.organization_id == signer_of(session, contract, signature.role),
            valid=valid,
        )


def _verifies(document: bytes, signature: ContractSignature, key: SigningKey) -> bool:
    try:
        check_detached(document, signature.jws, key.public_jwk, key_id=key.id, role=signature.role)
    except SignatureRefused:
        return False
    return True


def exclusives(contracts: Sequence[Contract], *, at: datetime) -> Iterator[ExclusiveFact]:
    """Name the exclusives that executed contracts hold on these performers at an instant.

    A promise that every version since has repeated is as old as its first version.
    """
    executed = [each for each in contracts if each.executed_at is not None]
    for contract in executed:
        terms = documents.recorded(contract.document.encode())
        superseded = contract.superseded_at is not None and contract.superseded_at <= at
        if terms.exclusivity is None or superseded:
            continue
        term, only = terms.grant.term, terms.exclusivity
        ends_at = local_days.instant(term.ends_at)
        yield ExclusiveFact(
            performer=contract.performer_id,
            licensee=contract.licensee_id,
            signed_at=_promised_at(contract, executed),
            from_at=max(local_days.instant(term.starts_at), contract.effective_at or LONG_AGO),
            until_at=min(contract.withdrawn_at or ends_at, ends_at),
            category=only.category,
            territories=only.territories,
            media=only.media,
            holdback_days=only.holdback_days,
        )


def state_of(
    session: Session,
    contracts: Sequence[Contract],
    governing: Sequence[ContractInForce],
    use: UseRequest,
    *,
    generators: Mapping[str, bool],
) -> State:
    """State the world around a use: strikes, the promises all these contracts made, the answers."""
    asked = [each.id for each in governing if approvals.may_count(each, use)]
    return State(
        strikes=strikes.spans(strikes.confirmed(session)),
        approvals=approvals_on_record(session, asked, use),
        exclusives=tuple(exclusives(contracts, at=use.at)),
        generators=dict(generators),
        packs=settings().packs_on,
    )


def _promised_at(contract: Contract, executed: Sequence[Contract]) -> datetime:
    """Return since when this exclusive has been promised without a break."""
    only = documents.recorded(contract.document.encode()).exclusivity
    earlier = [
        each
        for each in executed
        if each.series_id == contract.series_id and each.version <= contract.version
    ]
    promised_at = contract.executed_at
    for version in sorted(earlier, key=lambda each: -each.version):
        if documents.recorded(version.document.encode()).exclusivity != only:
            break
        promised_at = version.executed_at
    if promised_at is None:
        raise ValueError(f"{contract.id} is not executed and promises nothing")
    return promised_at


def _is_signed_text(contract: Contract) -> bool:
    return sha256(contract.document.encode()).hexdigest() == contract.document_sha256


def _status(contract: Contract) -> str:
    """Say in the policies' own words where a version stands; they reckon its term themselves."""
    if contract.executed_at is None:
        return "draft"
    if contract.withdrawn_at is not None:
        return "withdrawn"
    return "active" if contract.suspended_at is None else "suspended"
