"""A contract on paper: in plain words, with its signatures, and the signed document inside."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlmodel import Session

from app.identity.models import Organization, SigningKey
from app.licensing.contracts import assertions, service, signatures
from app.licensing.contracts.models import Contract, ContractSignature
from app.licensing.contracts.names import registered_names
from app.licensing.document import contract as documents
from app.licensing.paper import typeset
from app.licensing.paper.typeset import Line, Page, Signer
from app.licensing.words import plain_language
from app.licensing.words.plain_words import day, visible

ROLES = {"performer": "Performer", "licensee": "Licensee", "guardian": "Guardian",
         "estate_rep": "Estate"}  # fmt: skip
NOTE = (
    "Both files are inside this PDF: contract.json, the canonical document (RFC 8785), and "
    "signatures.json, the signatures over it (detached JWS, RFC 7515) with their public keys. They "
    "can be checked without whoever made this paper. Nothing here is legal advice."
)


def paper_of(session: Session, contract: Contract) -> bytes:
    """Return the contract as a PDF; the same bytes until something happens to the contract."""
    terms = documents.recorded(contract.document.encode())
    names = registered_names(session, contract)
    signed = service.signatures_of(session, contract)
    licensee = names.get(contract.licensee_id, contract.licensee_id)
    parties = {"performer": visible(terms.performer.name), "licensee": visible(licensee)}
    happened = [contract.created_at, *(each.signed_at for each in signed)]
    happened += [at for _, at in _instants(contract) if at is not None]
    page = Page(
        title=f"{parties['performer']} and {parties['licensee']}",
        id=contract.series_id,
        version=contract.version,
        sha256=contract.document_sha256,
        facts=[
            Line("Performer", parties["performer"]),
            Line("Licensee", parties["licensee"]),
            Line("Contract", f"{contract.series_id}, version {contract.version}"),
            *(Line(name, instant(at)) for name, at in _instants(contract) if at is not None),
            *([] if contract.executed_at else [Line("In force", "not yet: both sides must sign")]),
        ],
        sections=plain_language.sections(terms, names=names),
        signers=_signers(session, parties, signed),
        note=NOTE,
    )
    return typeset.set_contract(
        page,
        document=contract.document,
        signatures=json.dumps([_proof(session, each) for each in signed], indent=1),
        at=max(happened),
    )


def instant(at: datetime) -> str:
    """Write an instant out: "27 November 2026, 07:12:33 UTC"."""
    utc = at.astimezone(UTC)
    return f"{day(utc.date())}, {utc:%H:%M:%S} UTC"


def _instants(contract: Contract) -> Sequence[tuple[str, datetime | None]]:
    return (
        ("Offered", contract.created_at),
        ("In force since", contract.executed_at),
        ("Withdrawn", contract.withdrawn_at),
    )


def _signers(
    session: Session, parties: dict[str, str], signed: Sequence[ContractSignature]
) -> list[Signer]:
    """List who must sign, and whoever else did."""
    by_role = {each.role: each for each in signed}
    signers = []
    for role in [*parties, *(role for role in by_role if role not in parties)]:
        signature = by_role.get(role)
        if signature is None:
            signers.append(Signer(ROLES[role], parties[role]))
            continue
        signer = session.get_one(Organization, signature.organization_id)
        lines = [
            Line("Signed", instant(signature.signed_at)),
            Line("By", visible(signer.name)),
            Line("Key", signature.signing_key_id),
            Line("Algorithm", signatures.algorithm_of(signature.jws)),
        ]
        signers.append(
            Signer(ROLES.get(role, role), parties.get(role, visible(signer.name)), lines)
        )
    return signers


def _proof(session: Session, signature: ContractSignature) -> dict[str, object]:
    """Say what is needed to check a signature without us: it, and the public key."""
    return {
        "role": signature.role,
        "organization_id": signature.organization_id,
        "signing_key_id": signature.signing_key_id,
        "signed_at": signature.signed_at.astimezone(UTC).isoformat(),
        "assertion" if assertions.is_assertion(signature.jws) else "jws": signature.jws,
        "public_jwk": session.get_one(SigningKey, signature.signing_key_id).public_jwk,
    }
