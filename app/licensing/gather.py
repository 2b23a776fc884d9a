"""What the server itself knows of contracts, gathered under their locks: nobody's claim."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import structlog
from sqlmodel import Session, col, select

from app.config import settings
from app.identity.models import SigningKey
from app.ledger import service as ledger
from app.licensing import approvals, strikes
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
from app.licensing.models import Contract
from app.licensing.service import signatures_of, signer_of
from app.licensing.signatures import check_detached
from app.registry.models import Performer

logger = structlog.get_logger()


def is_readable(contract: Contract) -> bool:
    """Say whether the stored document still is a contract; one that is not is reported."""
    try:
        documents.recorded(contract.document.encode())
    except documents.DocumentRefused:
        logger.error("a stored contract cannot be read", contract=contract.id)
        return False
    return True


def lock_contracts(session: Session, performers: Sequence[str]) -> list[Contract]:
    """Lock the performers, then all their contracts, each in the order of ids."""
    locked: Sequence[object] = ()
    for table, key in ((Performer, Performer.id), (Contract, Contract.performer_id)):
        locked = session.exec(
            select(table)
            .where(col(key).in_(performers))
            .order_by(col(table.id))
            .with_for_update()
            .execution_options(populate_existing=True)
        ).all()
    return [row for row in locked if isinstance(row, Contract)]


def in_force(session: Session, contract: Contract) -> ContractInForce:
    """State what the server knows of a contract: nothing here is anybody's claim."""
    performer = session.get_one(Performer, contract.performer_id)
    reserved, used = ledger.reserved_and_used_seconds(session, contract.id)
    reserved_renders, renders = ledger.reserved_and_used_renders(session, contract.id)
    document = contract.document.encode()
    return ContractInForce(
        id=contract.id,
        version=contract.version,
        status="draft" if contract.executed_at is None else contract.status,
        terms=documents.recorded(document),
        executed_at=contract.executed_at,
        effective_at=contract.executed_at,
        intact=sha256(document).hexdigest() == contract.document_sha256,
        signatures=tuple(_signature_facts(session, contract)),
        usage=Usage(used, reserved, renders, reserved_renders),
        withdrawn_at=contract.withdrawn_at,
        paused=performer.paused_at is not None,
    )


def _signature_facts(session: Session, contract: Contract) -> Iterator[SignatureFact]:
    """Verify every signature again, over the document as it is stored now."""
    for signature in signatures_of(session, contract):
        key = session.get_one(SigningKey, signature.signing_key_id)
        try:
            check_detached(
                contract.document.encode(),
                signature.jws,
                key.public_jwk,
                key_id=key.id,
                role=signature.role,
            )
            valid = True
        except SignatureRefused:
            valid = False
        yield SignatureFact(
            role=signature.role,
            signed_at=signature.signed_at,
            authority_verified=key.organization_id == signer_of(session, contract, signature.role),
            valid=valid,
        )


def exclusives(contracts: Sequence[Contract]) -> Iterator[ExclusiveFact]:
    """Name the exclusives that executed contracts hold on these performers."""
    for contract in contracts:
        terms = documents.recorded(contract.document.encode())
        if terms.exclusivity is None or contract.executed_at is None:
            continue
        term, only = terms.grant.term, terms.exclusivity
        yield ExclusiveFact(
            performer=contract.performer_id,
            licensee=contract.licensee_id,
            signed_at=contract.executed_at,
            from_at=_instant(term.starts_at),
            until_at=min(contract.withdrawn_at or _instant(term.ends_at), _instant(term.ends_at)),
            category=only.category,
            territories=only.territories,
            media=only.media,
            holdback_days=only.holdback_days,
        )


def state_of(
    session: Session,
    contracts: Sequence[Contract],
    may_govern: Sequence[ContractInForce],
    use: UseRequest,
    *,
    generators: Mapping[str, bool],
) -> State:
    """State the world around a use: strikes, the promises all these contracts made, the answers."""
    asked = [each.id for each in may_govern if approvals.may_count(each, use)]
    return State(
        strikes=strikes.spans(strikes.confirmed(session)),
        approvals=approvals_on_record(session, asked, use),
        exclusives=tuple(exclusives(contracts)),
        generators=dict(generators),
        packs=settings().packs_on,
    )


def _instant(micros: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)
