"""What a guardian signed for a minor, once the performer is of age: their own yes, or none.

From the 18th birthday on every use is denied (MINOR_LICENCE_ENDED_AT_18) until the performer
ratifies the very document that was signed for them. Nobody else can, and silence is no yes.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import clock
from app.identity.models import SigningKey
from app.licensing.contracts import acts, life, listing, signatories
from app.licensing.contracts.life import Act, State
from app.licensing.contracts.models import Contract, ContractSignature
from app.licensing.contracts.signatories import signatures_of
from app.licensing.errors import ActNotAllowed, AlreadySigned
from app.registry import mandates
from app.registry.models import Performer

RATIFICATION = "ratification"
STANDING = (State.ACTIVE, State.SUSPENDED)


def awaiting(session: Session, organization_id: str) -> Sequence[Contract]:
    """List what was signed for this desk's performers as minors and waits for their own yes.

    The version in effect of each contract, oldest first: as many as there are.
    """

    def signed_as(role: str) -> sa.ColumnElement[bool]:
        return sa.exists().where(
            col(ContractSignature.contract_id) == col(Contract.id),
            col(ContractSignature.role) == role,
        )

    at = clock.now()
    guarded = (
        select(Contract)
        .join(Performer, col(Performer.id) == col(Contract.performer_id))
        .where(
            Performer.organization_id == organization_id,
            listing.is_face(at),
            listing.state_sql(at).in_([each.value for each in STANDING]),
            signed_as("guardian"),
            ~signed_as(RATIFICATION),
        )
        .order_by(col(Contract.series_id))
    )
    return [each for each in session.exec(guarded) if waits_to_be_ratified(session, each)]


def waits_to_be_ratified(session: Session, contract: Contract) -> bool:
    """Say whether it stands, was signed for a minor who came of age since, and waits for a yes."""
    if contract.executed_at is None or life.state_of(contract, at=clock.now()) not in STANDING:
        return False
    signed = signatures_of(session, contract)
    return not any(each.role == RATIFICATION for each in signed) and _came_of_age(
        session, contract, contract.executed_at, clock.now()
    ) == (signatories.MINOR, signatories.ADULT)


def _came_of_age(
    session: Session, contract: Contract, then: datetime, now: datetime
) -> tuple[str, str]:
    """Return what the performer was when it was executed, and is now."""
    known = mandates.life_of(session, contract.performer_id)
    was, is_ = (signatories.standing_of(contract, known, at=at) for at in (then, now))
    return was, is_


def ratify_contract(
    session: Session,
    contract: Contract,
    organization_id: str,
    *,
    made: Callable[[], tuple[SigningKey, str]],
    api_key_id: str | None = None,
) -> ContractSignature:
    """Keep the performer's own yes, now of age, to a contract that was signed for them as a minor.

    Until it is kept every use is denied from the 18th birthday on (MINOR_LICENCE_ENDED_AT_18). It
    is a signature over the same document in the role `ratification`; `made` gives it, verified.
    Raises ActNotAllowed, AlreadySigned, SignatureRefused.
    """
    deed = acts.begin(session, contract, Act.RATIFY, organization_id, api_key_id=api_key_id)
    signed = signatures_of(session, contract)
    if any(signature.role == RATIFICATION for signature in signed):
        raise AlreadySigned(f"{contract.series_id} is already ratified")
    was, now = _came_of_age(session, contract, contract.executed_at or deed.at, deed.at)
    if (was, now) != (signatories.MINOR, signatories.ADULT):
        raise ActNotAllowed(
            f"{contract.series_id} is ratified by a performer who has come of age, where it was "
            f"signed for them before: they were {was} then, and are {now} now",
            state=life.state_of(contract, at=deed.at).value,
            act=Act.RATIFY.value,
            open_acts=[],
        )
    key, text = made()
    signature = ContractSignature(
        contract_id=contract.id,
        role=RATIFICATION,
        organization_id=organization_id,
        signing_key_id=key.id,
        jws=text,
        signed_at=deed.at,
    )
    session.add(signature)
    session.flush()
    deed.finish()
    return signature
