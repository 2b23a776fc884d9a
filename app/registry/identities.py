"""Proof that a performer is who they say: what stands, who may give it, ids of other houses.

Nobody's own word makes a level: that a row is ours its seal says, and a row counts for the newest
replica only, until its end.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from app import clock, vault_text
from app.identity.models import Organization, SigningKey
from app.registry import mandates
from app.registry.errors import ExternalIdRefused, IdentityRefused
from app.registry.models import Performer, Replica
from app.registry.models_identity import ExternalId, IdentityProof

LASTS = timedelta(days=3 * 365)
HERE = ("self_asserted", "vouched", "live", "document")  # as in licensing's vocabulary
MATERIAL = (
    *("id", "performer_id", "replica_id", "level", "organization_id", "document", "signature"),
    *("signing_key_id", "reference", "proven_at", "ends_at", "revoked_at"),
)
_IMDB = re.compile(r"nm\d{7,10}", re.ASCII)
_HAND = re.compile(r"[0-9A-Za-z][0-9A-Za-z./:-]{3,99}", re.ASCII)
_UNION = re.compile(r"[0-9A-Za-z][0-9A-Za-z ./-]{1,59}", re.ASCII)


def level_of(session: Session, performer_id: str, *, at: datetime | None = None) -> int:
    """Return how far a performer's identity is proven now: a place in `HERE`, 0 for their word."""
    instant = at or clock.now()
    found = standing(session, performer_id, instant)
    return max((HERE.index(each.level) for each in found), default=0)


def standing(session: Session, performer_id: str, at: datetime) -> list[IdentityProof]:
    """List the proofs that stand at an instant for the newest replica, oldest first."""
    newest = select(Replica.id).where(Replica.performer_id == performer_id)
    replica_id = session.exec(newest.order_by(col(Replica.version).desc())).first()
    theirs = select(IdentityProof).where(IdentityProof.performer_id == performer_id)
    return [
        each
        for each in session.exec(theirs.order_by(col(IdentityProof.id)))
        if each.replica_id == replica_id
        and each.proven_at <= at < each.ends_at
        and (each.revoked_at is None or at < each.revoked_at)
        and hmac.compare_digest(each.seal, _seal_of(each))
    ]


def may_vouch(session: Session, performer: Performer, organization: Organization) -> bool:
    """Say whether an organization may vouch: the performer's agency or union, as registered.

    Never a production, and never the performer's own desk.
    """
    if organization.kind not in ("agency", "union"):
        return False
    if organization.id in (performer.organization_id, performer.agent_organization_id):
        return True
    given = mandates.given_to(session, performer.id, organization.id, contract_id=None)
    return not given.keys().isdisjoint({"agent", "attorney", "union"})


def keep(
    session: Session,
    performer: Performer,
    replica_id: str,
    level: str,
    *,
    by: SigningKey | None = None,
    document: str = "",
    signature: str = "",
    reference: str = "",
    lasts: timedelta = LASTS,
) -> IdentityProof:
    """Write a proof down; whoever calls has verified it. Raises IdentityRefused."""
    if not timedelta(0) < lasts <= LASTS:
        raise IdentityRefused(f"a proof lasts for up to {LASTS.days} days")
    at = clock.now()
    proof = IdentityProof(
        performer_id=performer.id,
        replica_id=replica_id,
        level=level,
        organization_id=None if by is None else by.organization_id,
        signing_key_id=None if by is None else by.id,
        document=document,
        signature=signature,
        reference=reference,
        proven_at=at,
        ends_at=at + lasts,
        seal="",
    )
    proof.seal = _seal_of(proof)
    session.add(proof)
    session.flush()
    return proof


def revoke(session: Session, proof: IdentityProof) -> IdentityProof:
    """End a proof from this instant on; a row that was edited behind our back stays unsealed."""
    session.refresh(proof, with_for_update=True)
    if proof.revoked_at is None:
        whole = hmac.compare_digest(proof.seal, _seal_of(proof))
        proof.revoked_at = clock.now()
        proof.seal = _seal_of(proof) if whole else proof.seal
        session.add(proof)
        session.flush()
    return proof


def keep_external_id(session: Session, performer: Performer, kind: str, text: str) -> ExternalId:
    """Keep by which number another house knows a performer; the newest of a kind counts.

    HAND Talent ID, ISNI (its check digit holds), IMDb name, union membership (sealed). Proves
    nothing. Raises ExternalIdRefused.
    """
    value = " ".join(text.split())
    if kind == "isni":
        value = value.replace(" ", "").replace("-", "").upper()
        fits = is_isni(value)
    else:
        pattern = {"imdb": _IMDB, "hand": _HAND, "union": _UNION}.get(kind)
        fits = pattern is not None and pattern.fullmatch(value) is not None
    if not fits:
        raise ExternalIdRefused(
            "this is no such number: an ISNI has 16 digits of which the last checks the others, "
            "an IMDb name is nm0000000, a HAND Talent ID or a membership number letters and digits"
        )
    if kind == "union":
        value = vault_text.seal_text(performer.id, "union-membership", value)
    row = session.get(ExternalId, (performer.id, kind))
    row = row or ExternalId(performer_id=performer.id, kind=kind, value=value)
    row.value, row.recorded_at = value, clock.now()
    session.add(row)
    session.flush()
    return row


def external_ids_of(session: Session, performer_id: str) -> Mapping[str, str]:
    """Return a performer's numbers elsewhere, opened, for their own side."""
    theirs = select(ExternalId).where(ExternalId.performer_id == performer_id)
    return {
        each.kind: vault_text.open_text(performer_id, "union-membership", each.value)
        if each.kind == "union"
        else each.value
        for each in session.exec(theirs.order_by(col(ExternalId.kind)))
    }


def forget_external_ids(session: Session, performer_id: str) -> None:
    """Take a performer's numbers elsewhere out, for an erasure."""
    theirs = select(ExternalId).where(ExternalId.performer_id == performer_id)
    for each in session.exec(theirs):
        session.delete(each)
    session.flush()


def is_isni(digits: str) -> bool:
    """Check an ISNI: 16 characters, the last by ISO/IEC 7064, MOD 11-2."""
    if not re.fullmatch(r"\d{15}[\dX]", digits, re.ASCII):
        return False
    total = 0
    for digit in digits[:15]:
        total = (total + int(digit)) * 2
    check = (12 - total % 11) % 11
    return digits[15] == ("X" if check == 10 else str(check))


def _seal_of(proof: IdentityProof) -> str:
    return mandates.seal_of("identity-proof", MATERIAL, _row(proof, MATERIAL))


def _row(proof: IdentityProof, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(proof, name) for name in names}
