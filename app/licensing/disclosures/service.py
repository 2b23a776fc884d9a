"""Show a named verifier more, by a side's signature; take that back; read what stands."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any

from sqlmodel import Session, col, select

from app import clock
from app.identity.models import Organization, SigningKey
from app.licensing.contracts import ink, signing
from app.licensing.contracts.models import Contract
from app.licensing.contracts.service import contract_of, signer_of
from app.licensing.contracts.signatories import speakers_of
from app.licensing.contracts.signatures import check_signature
from app.licensing.disclosures.models import DisclosureGrant
from app.licensing.document import contract as documents
from app.licensing.document import disclosure_grant
from app.licensing.document.disclosure import GRANTORS, SILENT, Granted, rank
from app.licensing.document.disclosure_grant import GrantDocument
from app.licensing.errors import (
    AlreadySigned,
    ContractNotFound,
    DisclosureGrantInvalid,
    DisclosureGrantNotFound,
    DisclosureGrantRefused,
    SignatureRefused,
)
from app.transparency import service as transparency

LONGEST = timedelta(days=3660)
MOST = 200  # grants of one contract
WHAT_IS_SIGNED = "the grant's RFC 8785 form; sign exactly the document you send, canonicalised"


def read(document: Mapping[str, Any]) -> tuple[GrantDocument, bytes]:
    """Read a grant as it is signed. Raises DisclosureGrantInvalid with pointers."""
    try:
        return disclosure_grant.parse(document)
    except documents.DocumentRefused as refused:
        errors = [{"pointer": p.pointer, "message": p.message} for p in refused.problems]
        raise DisclosureGrantInvalid(str(refused), errors=errors) from refused


def grant_disclosure(
    session: Session,
    contract: Contract,
    organization_id: str,
    *,
    document: Mapping[str, Any],
    jws: str | None = None,
    asserted: tuple[SigningKey, str] | None = None,
    api_key_id: str | None = None,
) -> DisclosureGrant:
    """Keep a side's signed grant, and promise the public log a leaf that commits to it.

    Signed by a registered key's `jws`, or by what a member's passkey `asserted`: its key, the text.
    It counts at once; where the contract wants both sides, as far as both have granted. Raises
    DisclosureGrantInvalid with pointers, DisclosureGrantRefused where the contract does not allow
    it, SignatureRefused, AlreadySigned, ContractNotFound before it is executed.
    """
    said, signed = read(document)
    check_may_be_granted(session, contract, said, by=organization_id)
    key, text = signing.signed_by(
        session,
        organization_id,
        signed,
        role=said.side,
        of=WHAT_IS_SIGNED,
        jws=jws,
        asserted=asserted,
    )
    digest = disclosure_grant.digest(signed)
    same = select(DisclosureGrant).where(DisclosureGrant.document_sha256 == digest)
    if session.exec(same.with_for_update()).first() is not None:
        raise AlreadySigned("exactly this was granted before; a new grant has another end")
    grant = DisclosureGrant(
        series_id=contract.series_id,
        side=said.side,
        verifier=said.verifier.name,
        level=said.level,
        document=signed.decode(),
        document_sha256=digest,
        jws=text,
        signing_key_id=key.id,
        organization_id=organization_id,
        api_key_id=api_key_id,
        ends_at=said.until,
    )
    session.add(grant)
    session.flush()
    transparency.record(session, "disclosure-granted", grant.id, evidence(grant))
    return grant


def check_may_be_granted(
    session: Session, contract: Contract, said: GrantDocument, *, by: str
) -> None:
    """Do nothing where an organization may grant this. Raises DisclosureGrantRefused,
    SignatureRefused for who does not speak for the side it names."""
    _check_allowed(session, contract, said)
    if by not in speakers_of(session, contract, said.side, at=clock.now()):
        raise SignatureRefused(
            f"your organization may not grant as {said.side}: the performer grants through their "
            "own desk, not through an agency, for a minor the guardian, after a death the estate, "
            "and the licensee through theirs"
        )


def revoke_grant(session: Session, grant: DisclosureGrant) -> DisclosureGrant:
    """End a grant from this instant on; what was told stays told. The first moment stands."""
    session.refresh(grant, with_for_update=True)
    if grant.revoked_at is None:
        grant.revoked_at = clock.now()
        session.add(grant)
        session.flush()
        transparency.record(session, "disclosure-revoked", grant.id, evidence(grant))
    return grant


def evidence(grant: DisclosureGrant) -> dict[str, str]:
    """Return the payload of a grant's leaves: made again from its row, it opens the commitment."""
    return {"contract": grant.series_id, "document": grant.document_sha256, "side": grant.side}


def grants_on(session: Session, series_ids: Collection[str]) -> Sequence[DisclosureGrant]:
    """List every grant under these contracts, oldest first, revoked ones too."""
    theirs = select(DisclosureGrant).where(col(DisclosureGrant.series_id).in_(series_ids))
    return session.exec(theirs.order_by(col(DisclosureGrant.id))).all()


def grant_of(session: Session, organization_id: str, grant_id: str) -> DisclosureGrant:
    """Return a grant to the side that gave it, whoever speaks for it now.

    A minor's own desk ends what a guardian granted. Raises DisclosureGrantNotFound for all others.
    """
    grant = session.get(DisclosureGrant, grant_id)
    if grant is not None:
        try:
            contract = contract_of(session, organization_id, grant.series_id)
        except ContractNotFound:
            grant = None
        else:
            grant = grant if organization_id in enders_of(session, contract, grant.side) else None
    if grant is None:
        raise DisclosureGrantNotFound(f"no grant of yours has the id {grant_id[:64]}")
    return grant


def enders_of(session: Session, contract: Contract, side: str) -> frozenset[str | None]:
    """Name who ends what a side granted: whoever speaks for it now, and that party itself."""
    own = signer_of(session, contract, side)
    return speakers_of(session, contract, side, at=clock.now()) | {own}


def granted(session: Session, contract: Contract) -> tuple[Granted, ...]:
    """Return what stands under one contract for the rule: what is signed, not what a row says.

    A row whose signature does not hold over its document, or was not made by the side it names,
    grants nothing. What a guardian or an estate granted ends with their mandate, at the latest when
    a minor is of age.
    """
    found = (counted(session, contract, row) for row in grants_on(session, [contract.series_id]))
    return tuple(each for each in found if each is not None)


def counted(session: Session, contract: Contract, row: DisclosureGrant) -> Granted | None:
    """Return what one row says for the rule, as in `granted`; None where it grants nothing."""
    key = session.get_one(SigningKey, row.signing_key_id)
    said = _signed(row.document, row.jws, json.dumps(key.public_jwk), key.id, key.organization_id)
    if said is None or said.contract != contract.series_id:
        return None
    if not _counts(session, contract, row, said.side, key.organization_id):
        return None
    ends_at = min(said.until, row.revoked_at or said.until)
    return Granted(said.side, said.verifier.name, said.level, row.granted_at, ends_at)


def state_of(session: Session, contract: Contract, row: DisclosureGrant) -> str:
    """Say in one word where a grant stands; `void`: its row, or who signed it, lets it be none."""
    said = counted(session, contract, row)
    if row.revoked_at is not None:
        return "revoked"
    if said is None:
        return "void"
    return "standing" if said.holds(clock.now()) else "expired"


def _counts(
    session: Session, contract: Contract, grant: DisclosureGrant, side: str, by: str
) -> bool:
    """Say whether who granted spoke for the side then; in another's place, now too."""
    if by not in speakers_of(session, contract, side, at=grant.granted_at):
        return False
    own = by == signer_of(session, contract, side)
    return own or by in speakers_of(session, contract, side, at=clock.now())


@lru_cache(maxsize=1024)
def _signed(
    document: str, text: str, public_jwk: str, key_id: str, organization_id: str
) -> GrantDocument | None:
    try:
        said, signed = disclosure_grant.parse(json.loads(document))
        if ink.is_ink(text):
            return None  # no side grants on paper
        check_signature(
            signed,
            text,
            json.loads(public_jwk),
            key_id=key_id,
            organization_id=organization_id,
            role=said.side,
        )
    except (documents.DocumentRefused, SignatureRefused, ValueError):
        return None
    return said


def _check_allowed(session: Session, contract: Contract, said: GrantDocument) -> None:
    """Insist that the contract, as in effect, lets this side grant so much to somebody there is."""
    if contract.executed_at is None or said.contract != contract.series_id:
        raise DisclosureGrantRefused(
            f"{contract.series_id} is not executed, or the document names another contract; grant "
            "under a contract both sides have signed, by its own id"
        )
    says = documents.recorded(contract.document.encode()).disclosure or SILENT
    if said.side not in GRANTORS.get(says.granted_by, ()):
        raise DisclosureGrantRefused(
            f"the contract does not let the {said.side} grant: /disclosure/granted_by says "
            f"{says.granted_by}; ask the other side, or amend it"
        )
    if rank(said.level) > rank(says.verifiers):
        raise DisclosureGrantRefused(
            f"the contract lets a verifier see {says.verifiers} at most (/disclosure/verifiers); "
            "grant that, or amend it"
        )
    now = clock.now()
    if not now < said.until <= now + LONGEST:
        raise DisclosureGrantRefused("a grant ends in the future, within ten years; give its end")
    named = said.verifier.organization
    if named is not None and session.get(Organization, named) is None:
        raise DisclosureGrantRefused(
            f"no organization here has the id {named[:64]}; ask the verifier for theirs, or name "
            "their public key"
        )
    if len(grants_on(session, [contract.series_id])) >= MOST:
        raise DisclosureGrantRefused(f"a contract has {MOST} grants at most; none is left")
