"""What the server itself knows of contracts, gathered under their locks: nobody's claim.

Plain reads, compiled once, since every decision makes them all. What follows from rows alone (a
parsed document, a verified signature, evidence that holds) is remembered under those very rows.
"""

import hmac
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
import structlog
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app.config import settings
from app.identity.models import Organization, SigningKey
from app.ledger import service as ledger
from app.licensing.approvals.on_record import approvals_on_record
from app.licensing.contracts import history, ink, signatories
from app.licensing.contracts.models import Contract, ContractSignature
from app.licensing.contracts.signatures import check_signature
from app.licensing.deciding import approvals
from app.licensing.deciding.inputs import (
    ContractInForce,
    ExclusiveFact,
    SignatureFact,
    State,
    Usage,
    UseRequest,
)
from app.licensing.decisions.undone import is_undone, undone
from app.licensing.document import contract as documents
from app.licensing.document import local_days
from app.licensing.errors import SignatureRefused
from app.licensing.standing import acceptance
from app.licensing.strikes import service as strikes
from app.licensing.strikes.models import StrikeSwitch
from app.registry import identities, mandates
from app.registry.models import Performer
from app.registry.models_mandates import PerformerLife
from app.statements import Row, Statement

logger = structlog.get_logger()
LONG_AGO = local_days.EPOCH
RATIFICATION = "ratification"
_PERFORMER: sa.BindParameter[str] = sa.bindparam("performer_id")
_LOCKED_PERFORMER = Statement(
    sa.select(col(Performer.id)).where(col(Performer.id) == _PERFORMER).with_for_update()
)
_LOCKED_CONTRACTS = Statement(
    sa.select(sa.inspect(Contract).local_table)
    .where(
        col(Contract.performer_id) == _PERFORMER,
        col(Contract.offered_at).is_not(None),
        col(Contract.replaced_at).is_(None),
    )
    .order_by(col(Contract.id))
    .with_for_update()
)
_DESK = Statement(
    sa.select(
        col(Organization.id),
        col(Organization.kind),
        col(Performer.paused_at),
        col(PerformerLife.seal),
        col(PerformerLife.majority_on),
        col(PerformerLife.died_on),
    )
    .join(Organization, col(Organization.id) == col(Performer.organization_id))
    .outerjoin(PerformerLife, col(PerformerLife.performer_id) == col(Performer.id))
    .where(col(Performer.id) == _PERFORMER)
)
_SIGNATURES = Statement(
    sa.select(
        col(ContractSignature.id),
        col(ContractSignature.role),
        col(ContractSignature.signed_at),
        col(ContractSignature.jws),
        col(SigningKey.id),
        col(SigningKey.organization_id),
        sa.cast(col(SigningKey.public_jwk), sa.Text),
    )
    .join(SigningKey, col(SigningKey.id) == col(ContractSignature.signing_key_id))
    .where(col(ContractSignature.contract_id) == sa.bindparam("contract_id"))
    .order_by(col(ContractSignature.id))
)
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
    found: set[str] = set()
    for performer_id in {contract.performer_id for contract in contracts}:
        found |= history.broken(session, performer_id)
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
    is whole. What is returned belongs to no session, and to everybody who decides: only look at it.
    """
    connection = session.connection()
    asked = sorted(set(performers))
    there = [each for each in asked if _LOCKED_PERFORMER.first(connection, performer_id=each)]
    found = [_LOCKED_CONTRACTS.raw(connection, performer_id=each) for each in there]
    return [_detached(each.named, row) for each in found for row in each.rows]


@lru_cache(maxsize=2048)
def _detached(named: Callable[[Sequence[Any]], dict[str, Any]], row: tuple[Any, ...]) -> Contract:
    return Contract(**named(row))


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
    connection = session.connection()
    desk = _DESK.first(connection, performer_id=contract.performer_id)
    if desk is None:
        raise LookupError(f"{contract.performer_id} is gone, and {contract.id} is not")
    document = contract.document.encode()
    under = ledger.used_and_unpaid(connection, contract.series_id)
    signatures = tuple(_signature_facts(session, contract, document, desk))
    return ContractInForce(
        id=contract.series_id,
        version=contract.version,
        status=_status(contract),
        terms=documents.recorded(document),
        executed_at=contract.executed_at,
        effective_at=contract.effective_at,
        intact=_is_signed_text(contract) and _is_whole_life(contract.performer_id, desk),
        signatures=tuple(each for each in signatures if each.role != RATIFICATION),
        usage=Usage(*under[:4]),
        withdrawn_at=contract.withdrawn_at,
        paused=desk[2] is not None,
        unpaid_since=under.unpaid_since,
        majority_on=desk[4],
        deceased_on=desk[5],
        identity_level=_identity_level(session, contract),
        identity_floor=settings().identity_floor,
        court_approved=_is_approved_by_a_court(session, contract),
        ratified_at=next(
            (each.signed_at for each in signatures if each.role == RATIFICATION
             and each.valid and each.authority_verified), None
        ),
    )  # fmt: skip


def _signature_facts(
    session: Session, contract: Contract, document: bytes, desk: Row
) -> Iterator[SignatureFact]:
    """Verify every signature over the document as it is stored now.

    Where the performer signed in advance, theirs is over the standing offer the document names.
    """
    desk_id, desk_kind, *_ = desk
    themselves = desk_id if desk_kind == "performer" else None
    signers = {
        "licensee": contract.licensee_id,
        "performer": themselves,
        RATIFICATION: themselves,
    }
    in_advance = documents.recorded(document).standing_offer is not None
    for row in _SIGNATURES.rows(session.connection(), contract_id=contract.id):
        signature_id, role, signed_at, jws, key_id, organization_id, jwk = row
        if in_advance and role in signatories.IN_ADVANCE:
            signature = session.get_one(ContractSignature, signature_id)
            key = session.get_one(SigningKey, key_id)
            valid = acceptance.performer_signed(session, contract, signature, key)
        else:
            valid = _verifies(
                document, jws, jwk, key_id=key_id, organization_id=organization_id, role=role
            )
        in_ink = ink.is_ink(jws)
        party = ink.unpack(jws)[0].organization if in_ink and valid else organization_id
        authority_verified = (
            party == signers[role]
            if role in signers
            else _had_mandate(session, contract, party, role, at=signed_at)
        )
        counts = authority_verified or not is_undone(session, contract, party, role, at=signed_at)
        yield SignatureFact(
            role=role,
            signed_at=signed_at,
            authority_verified=authority_verified,
            valid=valid and counts,
            in_ink=in_ink,
        )


def _had_mandate(
    session: Session, contract: Contract, organization_id: str, role: str, *, at: datetime
) -> bool:
    """Say whether a mandate stood when somebody signed; one that was ended later stood then.

    One that was undone, the death it rested on being taken back, never stood.
    """
    return organization_id != contract.licensee_id and role in mandates.roles_of(
        session,
        contract.performer_id,
        organization_id,
        act=mandates.SIGN,
        contract_id=contract.series_id,
        at=at,
    )


def _is_approved_by_a_court(session: Session, contract: Contract) -> bool:
    """Say whether a court's order on this contract, where it needs one, is on file and stands."""
    terms = documents.recorded(contract.document.encode())
    return terms.policy.minor_court_approval and "court" in mandates.holders_of(
        session, contract.performer_id, mandates.APPROVE, contract_id=contract.series_id
    )


def _identity_level(session: Session, contract: Contract) -> int:
    """Say how far the performer's identity is proven; nobody looks where nothing asks."""
    policy = documents.recorded(contract.document.encode()).policy
    asked = policy.performer_identity is not None or policy.packs or settings().packs_on
    if not asked and settings().identity_floor == 0:
        return 0
    return identities.level_of(session, contract.performer_id)


def _is_whole_life(performer_id: str, desk: Row) -> bool:
    """Say whether what is known of a performer's majority and death is what was recorded."""
    sealed, majority_on, died_on = desk[3:6]
    if sealed is None:
        return True
    row = {"performer_id": performer_id, "majority_on": majority_on, "died_on": died_on}
    return hmac.compare_digest(sealed, mandates.seal_of("performer-life", mandates.LIFE, row))


@lru_cache(maxsize=2048)
def _verifies(
    document: bytes, text: str, jwk: str, *, key_id: str, organization_id: str, role: str
) -> bool:
    """Verify once: the same key's signature over the same bytes stays what it is."""
    try:
        check_signature(
            document,
            text,
            json.loads(jwk),
            key_id=key_id,
            organization_id=organization_id,
            role=role,
        )
    except SignatureRefused:
        return False
    return True


def exclusives(
    contracts: Sequence[Contract], *, at: datetime, undone: Collection[str] = ()
) -> Iterator[ExclusiveFact]:
    """Name the exclusives that executed contracts hold on these performers at an instant.

    A promise that every version since has repeated is as old as its first version. Versions that
    are `undone`, by their ids, promise nothing and take no version's place.
    """
    executed = [each for each in contracts if each.executed_at and each.id not in undone]
    for contract in executed:
        terms = documents.recorded(contract.document.encode())
        if terms.exclusivity is None or _is_superseded(contract, executed, at=at):
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
    switches: Sequence[StrikeSwitch],
) -> State:
    """State the world around a use: strikes, the promises all these contracts made, the answers.

    `switches` are those confirmed until now, as the caller has read them.
    """
    asked = [each.id for each in governing if approvals.may_count(each, use)]
    return State(
        strikes=strikes.spans(switches),
        approvals=approvals_on_record(session, asked, use),
        exclusives=tuple(exclusives(contracts, at=use.at, undone=undone(session, contracts))),
        generators=dict(generators),
        packs=settings().packs_on,
    )


def _is_superseded(contract: Contract, executed: Sequence[Contract], *, at: datetime) -> bool:
    """Say whether a later version that counts has taken a version's place by an instant."""
    if contract.superseded_at is None or contract.superseded_at > at:
        return False
    return any(
        each.series_id == contract.series_id
        and each.version > contract.version
        and (each.effective_at or LONG_AGO) <= at
        for each in executed
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
