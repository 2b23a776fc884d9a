"""A contract on paper: in plain words, with its signatures, and the signed document inside.

In the language it is asked for; the files inside are the same in each.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlmodel import Session

from app.identity.models import Organization, SigningKey
from app.language import SOURCE, _, marked, reading_in, reads
from app.licensing.contracts import assertions, service, signatures
from app.licensing.contracts.models import Contract, ContractSignature
from app.licensing.contracts.names import registered_names
from app.licensing.document import contract as documents
from app.licensing.paper import typeset
from app.licensing.paper.typeset import Line, Page, Signer
from app.licensing.words import plain_language
from app.licensing.words.plain_words import day, visible

ROLES = {
    "performer": marked("Performer"),
    "licensee": marked("Licensee"),
    "guardian": marked("Guardian"),
    "estate_rep": marked("Estate"),
}
NOTE = marked(
    "Both files are inside this PDF: contract.json, the canonical document (RFC 8785), and "
    "signatures.json, the signatures over it (detached JWS, RFC 7515) with their public keys. They "
    "can be checked without whoever made this paper. Nothing here is legal advice."
)


def paper_of(session: Session, contract: Contract, *, tongue: str = SOURCE) -> bytes:
    """Return the contract as a PDF; the same bytes until something happens to the contract."""
    with reading_in(tongue):
        return _paper_of(session, contract, tongue)


def _paper_of(session: Session, contract: Contract, tongue: str) -> bytes:
    terms = documents.recorded(contract.document.encode())
    names = registered_names(session, contract)
    signed = service.signatures_of(session, contract)
    licensee = names.get(contract.licensee_id, contract.licensee_id)
    parties = {"performer": visible(terms.performer.name), "licensee": visible(licensee)}
    happened = [contract.created_at, *(each.signed_at for each in signed)]
    happened += [at for _, at in _instants(contract) if at is not None]
    page = Page(
        title=_("%(one)s and %(other)s", one=parties["performer"], other=parties["licensee"]),
        id=contract.series_id,
        version=contract.version,
        sha256=contract.document_sha256,
        facts=[
            Line(_("Performer"), parties["performer"]),
            Line(_("Licensee"), parties["licensee"]),
            Line(
                _("Contract"),
                _("%(id)s, version %(number)s", id=contract.series_id, number=contract.version),
            ),
            *(Line(name, instant(at)) for name, at in _instants(contract) if at is not None),
            *(
                []
                if contract.executed_at
                else [Line(_("In force"), _("not yet: both sides must sign"))]
            ),
        ],
        sections=plain_language.sections(terms, names=names, tongue=tongue),
        signers=_signers(session, parties, signed),
        note=_(NOTE),
        words=words(),
    )
    return typeset.set_contract(
        page,
        document=contract.document,
        signatures=json.dumps([_proof(session, each) for each in signed], indent=1),
        at=max(happened),
    )


def words() -> dict[str, str]:
    """Return what the template itself says, in the reader's language, and which that is."""
    return {
        "lang": reads(),
        "kind": _("Consent contract"),
        "version": _("version"),
        "about": _(
            "What the parties sign is the file contract.json attached to this PDF. The sentences "
            "below say the same in plain words; beside each stands the field of that file it is "
            "said from."
        ),
        "signatures": _("Signatures"),
        "given": _("Each signature here is given over the file contract.json whose SHA-256 is"),
        "signature": _("Signature"),
        "place": _("Place and date"),
        "name": _("Name in letters"),
        "authority": _("On whose behalf, and by what authority"),
    }


def instant(at: datetime) -> str:
    """Write an instant out: "27 November 2026, 07:12:33 UTC"."""
    utc = at.astimezone(UTC)
    return f"{day(utc.date())}, {utc:%H:%M:%S} UTC"


def _instants(contract: Contract) -> Sequence[tuple[str, datetime | None]]:
    return (
        (_("Offered"), contract.created_at),
        (_("In force since"), contract.executed_at),
        (_("Withdrawn"), contract.withdrawn_at),
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
            signers.append(Signer(_(ROLES[role]), parties[role]))
            continue
        signer = session.get_one(Organization, signature.organization_id)
        lines = [
            Line(_("Signed"), instant(signature.signed_at)),
            Line(_("By"), visible(signer.name)),
            Line(_("Key"), signature.signing_key_id),
            Line(_("Algorithm"), signatures.algorithm_of(signature.jws)),
        ]
        named = _(ROLES[role]) if role in ROLES else role
        signers.append(Signer(named, parties.get(role, visible(signer.name)), lines))
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
